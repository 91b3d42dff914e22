// SPDX-License-Identifier: Apache-2.0
#include "common/face/error_names.h"

#include "common/face/cuda_api.h"

namespace vgpu::face {
namespace {

CUresult answer(const char* text, const char** out) noexcept {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *out = text;
  return text != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

const char* error_name(int code) noexcept {
  switch (code) {
#define VGPU_CUDA_ERROR(name, value) \
  case value:                        \
    return #name;
#include "cuda_errors.inc"
#undef VGPU_CUDA_ERROR
    default: return nullptr;
  }
}

const char* error_text(int code) noexcept {
  switch (code) {
#define VGPU_ERROR_TEXT(number, text) \
  case number:                        \
    return text;
#include "error_texts.inc"
#undef VGPU_ERROR_TEXT
    default: break;
  }
  switch (code) {
    case 202: return "context already current";
    case 916: return "an error happened during the key rotation sequence";
    // A code newer than all these: its name says more than nothing.
    default: return error_name(code);
  }
}

}  // namespace vgpu::face

extern "C" CUresult CUDAAPI cuGetErrorName(CUresult error, const char** pStr) {
  return vgpu::face::answer(vgpu::face::error_name(static_cast<int>(error)), pStr);
}

extern "C" CUresult CUDAAPI cuGetErrorString(CUresult error, const char** pStr) {
  // Some of the runtime's numbers are none of the driver's.
  const int code = static_cast<int>(error);
  return vgpu::face::answer(vgpu::face::error_name(code) != nullptr ? vgpu::face::error_text(code) : nullptr, pStr);
}
