// SPDX-License-Identifier: Apache-2.0
// Which CUDA driver the workers load, decided once when the daemon starts. vgpud itself never loads one: for "auto" a
// worker is started that only looks whether NVIDIA's driver finds a GPU.
#pragma once

#include "common/result.h"
#include "host/daemon/options.h"
#include "host/daemon/worker_process.h"

namespace vgpu::host {

// The first of these that exists, seen from vgpud's directory.
Result<std::string> find_installed(const char* what, std::initializer_list<const char*> places);

// May wait for the probe (at most a minute); call it before the socket exists.
Result<WorkerOptions> choose_worker(const Options& options);

}  // namespace vgpu::host
