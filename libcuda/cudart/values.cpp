// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/values.h"

#include "common/face/error_names.h"
#include "libcuda/cudart/driver.h"
#include "libcuda/cudart/thread_state.h"

#include <utility>

namespace vgpu::runtime::values {
namespace {

constexpr const char* kUnrecognized = "unrecognized error code";

const char* find_name(cudaError_t error) {
  switch (static_cast<int>(error)) {
#define VGPU_CUDART_ERROR(name, number) \
  case number:                          \
    return #name;
#include "cudart_errors.inc"
#undef VGPU_CUDART_ERROR
    default: return nullptr;
  }
}

}  // namespace

cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w, cudaChannelFormatKind kind) noexcept {
  return {x, y, z, w, kind};
}

// A driver that is missing stays the last error.
cudaError_t cudaGetLastError() noexcept {
  const cudaError_t last = std::exchange(thread_state().last_error, cudaSuccess);
  return last != cudaSuccess ? last : driver_failure();
}

cudaError_t cudaPeekAtLastError() noexcept {
  const cudaError_t last = thread_state().last_error;
  return last != cudaSuccess ? last : driver_failure();
}

const char* cudaGetErrorName(cudaError_t error) noexcept {
  const char* name = find_name(error);
  return name != nullptr ? name : kUnrecognized;
}

// Some of the driver's numbers are none of the runtime's.
const char* cudaGetErrorString(cudaError_t error) noexcept {
  const char* text = find_name(error) != nullptr ? face::error_text(static_cast<int>(error)) : nullptr;
  return text != nullptr ? text : kUnrecognized;
}

}  // namespace vgpu::runtime::values
