// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/error_text.h"

#include "common/face/error_names.h"

namespace vgpu::runtime {
namespace {

struct Text {
  int code;
  const char* text;
};

// Programs compare these texts and logs are searched for them, so they are what NVIDIA's library says. Here is what our
// driver, whose texts are its own, does not say alike.
constexpr Text kTexts[] = {
    {5, "profiler disabled while using external profiling tool"},
    {6, "profiler not initialized: call cudaProfilerInitialize()"},
    {9, "invalid configuration argument"},
    {12, "invalid pitch argument"},
    {13, "invalid device symbol"},
    {16, "invalid host pointer"},
    {17, "invalid device pointer"},
    {18, "invalid texture reference"},
    {19, "texture is not bound to a pointer"},
    {20, "invalid channel descriptor"},
    {21, "invalid copy direction for memcpy"},
    {22, "invalid address of constant"},
    {23, "fetch from texture failed"},
    {24, "cannot fetch from a texture that is not bound"},
    {25, "incorrect use of __syncthreads()"},
    {26, "linear filtering not supported for non-float type"},
    {27, "read as normalized float not supported for data type"},
    {28, "device emulation mode and device execution mode cannot be mixed"},
    {31, "feature not yet implemented"},
    {32, "memory size or pointer value too large to fit in 32 bit"},
    {35, "CUDA driver version is insufficient for CUDA runtime version"},
    {36, "API call is not supported in the installed CUDA driver"},
    {37, "invalid surface reference"},
    {43, "duplicate global variable looked up by string name"},
    {44, "duplicate texture looked up by string name"},
    {45, "duplicate surface looked up by string name"},
    {46, "CUDA-capable device(s) is/are busy or unavailable"},
    {49, "incompatible driver context"},
    {52, "__global__ function call is not configured"},
    {53, "unspecified launch failure in prior launch"},
    {65, "launch would exceed maximum depth of nested launches"},
    {66, "launch failed because kernel uses unsupported, file-scoped textures (texture objects are supported)"},
    {67, "launch failed because kernel uses unsupported, file-scoped surfaces (surface objects are supported)"},
    {68, "cudaDeviceSynchronize failed because caller's grid depth exceeds cudaLimitDevRuntimeSyncDepth"},
    {69, "launch failed because launch would exceed cudaLimitDevRuntimePendingLaunchCount"},
    {98, "invalid device function"},
    {102, "device doesn't have valid Grid license"},
    {103, "integrity checks failed"},
    {127, "startup failure in cuda runtime"},
    {205, "mapping of buffer object failed"},
    {206, "unmapping of buffer object failed"},
    {215, "limit is not supported on this architecture"},
    {216, "exclusive-thread device already in use by a different thread"},
    {218, "a PTX JIT compilation failed"},
    {219, "invalid OpenGL or DirectX context"},
    {220, "uncorrectable NVLink error detected during the execution"},
    {221, "PTX JIT compiler library not found"},
    {222, "the provided PTX was compiled with an unsupported toolchain."},
    {223, "PTX JIT compilation was disabled"},
    {224, "the provided execution affinity is not supported"},
    {225, "the provided PTX contains unsupported call to cudaDeviceSynchronize"},
    {226, "Invalid access of peer GPU memory over nvlink or a hardware error"},
    {300, "device kernel image is invalid"},
    {304, "OS call failed or operation not supported on this OS"},
    {401, "the operation cannot be performed in the present state"},
    {402, "attempted introspection would be semantically lossy"},
    {708, "cannot set while device is active in this process"},
    {712, "part or all of the requested memory range is already mapped"},
    {713, "pointer does not correspond to a registered memory region"},
    {717, "operation not supported on global/shared address space"},
    {721, "tensor memory not completely freed"},
    {804, "forward compatibility was attempted on non supported HW"},
    {805, "MPS client failed to connect to the MPS control daemon or the MPS server"},
    {806, "the remote procedural call between the MPS server and the MPS client failed"},
    {807, "MPS server is not ready to accept new MPS client requests"},
    {808, "the hardware resources required to create MPS client have been exhausted"},
    {809, "the hardware resources required to support device connections have been exhausted"},
    {810, "the MPS client has been terminated by the server"},
    {811, "is using CUDA Dynamic Parallelism, but the current configuration, like MPS, does not support it"},
    {812, "unsupported interaction between different versions of CUDA Dynamic Parallelism"},
    {902, "operation would result in a merge of separate capture sequences"},
    {903, "capture was not ended in the same stream as it began"},
    {904, "capturing stream has unjoined work"},
    {905, "dependency created on uncaptured work in another stream"},
    {906, "operation would make the legacy stream depend on a capturing blocking stream"},
    {908, "attempt to terminate a thread-local capture sequence from another thread"},
    {910,
     "the graph update was not performed because it included changes which violated constraints specific to "
     "instantiated graph update"},
    {911, "an async error has occured in external entity outside of CUDA"},
    {912, "a kernel launch error has occurred due to cluster misconfiguration"},
    {913, "the function handle is not loaded when calling an API that requires a loaded function"},
    {914, "one or more resources passed in are not valid resource types for the operation"},
    {915, "one or more resources are insufficient or non-applicable for the operation"},
    {10000, "api failure base"},
};

}  // namespace

const char* error_text(int code) noexcept {
  for (const Text& entry : kTexts)
    if (entry.code == code) return entry.text;
  return face::error_text(code);
}

}  // namespace vgpu::runtime
