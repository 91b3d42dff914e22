// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/error_text.h"

#include "common/face/error_names.h"

namespace vgpu::runtime {
namespace {

struct Text {
  int code;
  const char* text;
};

// What the runtime calls otherwise than the driver does, or what the driver does not know.
constexpr Text kTexts[] = {
    {9, "invalid configuration argument"},
    {12, "invalid pitch argument"},
    {13, "invalid device symbol"},
    {16, "invalid host pointer"},
    {17, "invalid device pointer"},
    {18, "invalid texture reference"},
    {19, "texture is not bound to a pointer"},
    {20, "invalid channel descriptor"},
    {21, "invalid copy direction for memcpy"},
    {22, "__constant__ memory doesn't have an address"},
    {23, "fetch from texture failed"},
    {24, "cannot fetch from a texture that is not bound"},
    {25, "incorrect use of __syncthreads()"},
    {26, "linear filtering not supported for non-float type"},
    {27, "read as normalized float not supported for 32-bit non float type"},
    {28, "device emulation mode and device execution mode cannot be mixed"},
    {31, "feature not yet implemented"},
    {32, "memory size or pointer value too large to fit in 32 bit"},
    {35, "CUDA driver version is insufficient for CUDA runtime version"},
    {37, "invalid surface reference"},
    {43, "duplicate global variable looked up by string name"},
    {44, "duplicate texture looked up by string name"},
    {45, "duplicate surface looked up by string name"},
    {49, "incompatible driver context"},
    {52, "__global__ function call is not configured"},
    {53, "unspecified launch failure in prior launch"},
    {65, "launch would exceed maximum depth of nested launches"},
    {66, "launch failed because kernel uses unsupported, file-scoped textures (texture objects are supported)"},
    {67, "launch failed because kernel uses unsupported, file-scoped surfaces (surface objects are supported)"},
    {68, "cudaDeviceSynchronize failed because caller's grid depth exceeds cudaLimitDevRuntimeSyncDepth"},
    {69, "launch failed because launch would exceed cudaLimitDevRuntimePendingLaunchCount"},
    {98, "invalid device function"},
    {103, "the driver's integrity is not established"},
    {127, "startup failure in cuda runtime"},
    {10000, "api failure base"},
};

}  // namespace

const char* error_text(int code) noexcept {
  for (const Text& entry : kTexts)
    if (entry.code == code) return entry.text;
  return face::error_text(code);
}

}  // namespace vgpu::runtime
