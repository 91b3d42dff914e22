// SPDX-License-Identifier: Apache-2.0
// Looks whether a CUDA driver is there and finds a GPU, in a process of its own (vgpu-worker --probe): loading a
// vendor's driver is nothing that vgpud does itself.
#pragma once

#include <string>

namespace vgpu::host {

// 0: a GPU is there; 1: the library cannot be loaded; 2: it finds no GPU. The reason is logged at debug.
int probe_driver(const std::string& path);

}  // namespace vgpu::host
