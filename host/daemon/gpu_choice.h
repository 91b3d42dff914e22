// SPDX-License-Identifier: Apache-2.0
// The GPUs that NVIDIA's kernel driver has, and the one that --gpu names. Read from /proc, so that vgpud needs no
// library of the driver.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace vgpu::host {

struct HostGpu {
  std::string address;  // "0000:65:00.0"
  std::string uuid;     // "GPU-..."
};

// In the order of their PCI addresses, which is what numbers mean. `root`: /proc/driver/nvidia/gpus but for tests.
std::vector<HostGpu> host_gpus(const std::string& root = "/proc/driver/nvidia/gpus");

// `name`: a number, a UUID or the beginning of one, or a PCI address.
Result<HostGpu> choose_gpu(const std::vector<HostGpu>& gpus, std::string_view name);

// CUDA_VISIBLE_DEVICES for a worker that may use `gpu` only, where the program's own value (if any) is `wanted`: for
// the program that one GPU is number 0.
std::string visible_to(const HostGpu& gpu, const std::optional<std::string>& wanted);

}  // namespace vgpu::host
