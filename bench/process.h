// SPDX-License-Identifier: Apache-2.0
// first_result: the whole life of a small CUDA program, run by this binary when it starts itself anew (main.cpp).
#pragma once

namespace vgpu::bench {

// Initialises CUDA, loads a module, runs a kernel and reads what it wrote. The process's exit status. `steps`: says on
// standard output how long each part took.
int first_result(bool steps);

}  // namespace vgpu::bench
