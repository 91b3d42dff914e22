// SPDX-License-Identifier: Apache-2.0
// What Ollama asks a CUDA driver before any backend is loaded: libcuda.so.1 by dlopen, a list of names that must be
// there, and a few questions to each device (Ollama 0.30 and later, `ollama gpu-discover`). One thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"

namespace vgpu::ollama {

struct ProbedDevice {
  std::string name, pci_id, uuid;  // uuid as "GPU-01234567-89ab-..."
  int major = 0, minor = 0;        // compute capability
  int integrated = 0;
  uint64_t total_bytes = 0;
};

struct Probe {
  int driver_version = 0;  // 13000 for CUDA 13.0
  bool has_runtime_table = false;
  std::vector<ProbedDevice> devices;
};

Result<Probe> probe_driver();

// Those of the names that the library does not have; fails when it cannot be loaded.
Result<std::vector<std::string>> find_missing(const std::string& library, const std::vector<std::string>& names);

// Creates and destroys a cuBLAS handle of libcublas.so.13, as ggml does before its first product of plain matrices.
Result<void> probe_cublas();

// How many devices a libcudart.so sees, whatever its version.
Result<int> count_by_runtime(const std::string& runtime);

struct NvmlProbe {
  std::string version;           // "580.159.04"; Ollama's cuda_v12 needs at least 550
  std::vector<uint64_t> totals;  // bytes of each device
};

// Of libnvidia-ml.so.1, for the devices that CUDA has: fails when NVML does not know one by its UUID. Ollama 0.30 and
// later warns without NVML and goes on; before, it asked NVML for memory, and CUDA when the two did not agree on the
// UUID.
Result<NvmlProbe> probe_nvml(const std::vector<ProbedDevice>& devices);

}  // namespace vgpu::ollama
