// SPDX-License-Identifier: Apache-2.0
// What each runtime call does: one line in a family's rows, or a function by hand. A call that is in neither is refused
// with cudaErrorNotSupported. Prototypes come from the toolkit's headers (build/gen).
//
//   CALL(cudaX, cuX, a, b)    in a context: this driver call with these of its own parameters
//   GIVEN(cudaX, cuX, a, ...)  the same, but NULL for `a` is cudaErrorInvalidValue before anything else is looked at
//   PLAIN(cudaX, cuX, a, b)   the same where the driver needs no context
//   HAND(cudaX)               defined in the family's .cpp
#pragma once

#include "libcuda/cudart/context.h"
#include "libcuda/cudart/driver.h"

#include "cudart_parameters.inc"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace vgpu::runtime {

namespace calls {
#define CALL(name, driver, ...)                                                                        \
  inline cudaError_t name VGPU_PARAMETERS_##name {                                                     \
    return in_context([](auto... a) { return VGPU_DRIVER(driver)(a...); } __VA_OPT__(, ) __VA_ARGS__); \
  }
#define GIVEN(name, driver, given, ...)                                                  \
  inline cudaError_t name VGPU_PARAMETERS_##name {                                       \
    if ((given) == nullptr) return cudaErrorInvalidValue;                                \
    return in_context([](auto... a) { return VGPU_DRIVER(driver)(a...); }, __VA_ARGS__); \
  }
#define PLAIN(name, driver, ...)                   \
  inline cudaError_t name VGPU_PARAMETERS_##name { \
    VGPU_RETURN_ERROR(driver_ready());             \
    return VGPU_DRIVER(driver)(__VA_ARGS__);       \
  }
#define HAND(name) cudaError_t name VGPU_PARAMETERS_##name;

#include "libcuda/cudart/box.rows.h"
#include "libcuda/cudart/device.rows.h"
#include "libcuda/cudart/execution.rows.h"
#include "libcuda/cudart/foreign.rows.h"
#include "libcuda/cudart/graph.rows.h"
#include "libcuda/cudart/memory.rows.h"
#include "libcuda/cudart/stream.rows.h"

#undef CALL
#undef GIVEN
#undef PLAIN
#undef HAND
}  // namespace calls
}  // namespace vgpu::runtime
