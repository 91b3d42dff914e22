// SPDX-License-Identifier: Apache-2.0
// The calls that need a row only.
#include "libcuda/cudart12/declarations.h"

#include "libcuda/cudart/rows.h"

#include "cudart12_parameters.inc"

namespace vgpu::runtime::twelve {

#define CALL(name, driver, ...)                                                                        \
  cudaError_t name VGPU_OWN_PARAMETERS_##name {                                                        \
    return in_context([](auto... a) { return VGPU_DRIVER(driver)(a...); } __VA_OPT__(, ) __VA_ARGS__); \
  }
#define AS(name, newer, ...) \
  cudaError_t name VGPU_OWN_PARAMETERS_##name { return calls::newer(__VA_ARGS__); }

#include "libcuda/cudart12/calls.rows.h"

#undef CALL
#undef AS

}  // namespace vgpu::runtime::twelve
