// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/values.h"

#include "libcuda/cudart/error_text.h"
#include "libcuda/cudart/thread_state.h"

#include <utility>

namespace vgpu::runtime::values {

cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w, cudaChannelFormatKind kind) noexcept {
  return {x, y, z, w, kind};
}

cudaError_t cudaGetLastError() noexcept { return std::exchange(thread_state().last_error, cudaSuccess); }

cudaError_t cudaPeekAtLastError() noexcept { return thread_state().last_error; }

const char* cudaGetErrorName(cudaError_t error) noexcept {
  switch (static_cast<int>(error)) {
#define VGPU_CUDART_ERROR(name, number) \
  case number:                          \
    return #name;
#include "cudart_errors.inc"
#undef VGPU_CUDART_ERROR
    default: return "unrecognized error code";
  }
}

const char* cudaGetErrorString(cudaError_t error) noexcept {
  const char* text = error_text(static_cast<int>(error));
  return text != nullptr ? text : "unrecognized error code";
}

}  // namespace vgpu::runtime::values
