// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Library Management": cuKernel*, the context-free handles of a library's kernels.
#include "softgpu/driver/library.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

struct KernelOnDevice {
  Ref<LibraryKernel> kernel;
  Device* device;
};

CuResult<KernelOnDevice> kernel_on_device(CUkernel handle, CUdevice ordinal) {
  TRY(current_process());
  Ref<LibraryKernel> kernel = TRY(find_kernel(handle));
  Device* const device = TRY(get_device(ordinal));
  return KernelOnDevice{std::move(kernel), device};
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuKernelGetFunction(CUfunction* pFunc, CUkernel kernel) {
  Context* const context = TRY(current_context());
  if (pFunc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<LibraryKernel> found = TRY(find_kernel(kernel));
  const Ref<ContextFunction> function = TRY(found->function_in(*context));
  TRY(function->kernel());
  *pFunc = handle_of<Callable>(*function);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuKernelGetLibrary(CUlibrary* pLib, CUkernel kernel) {
  TRY(current_process());
  if (pLib == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<LibraryKernel> found = TRY(find_kernel(kernel));
  *pLib = found->library_handle();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuKernelGetName(const char** name, CUkernel hfunc) {
  TRY(current_process());
  if (name == nullptr || hfunc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<LibraryKernel> found = TRY(find_kernel(hfunc));
  *name = found->name().c_str();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuKernelGetAttribute(int* pi, CUfunction_attribute attrib, CUkernel kernel, CUdevice dev) {
  TRY(current_process());
  if (pi == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const KernelOnDevice found = TRY(kernel_on_device(kernel, dev));
  const Ref<ContextFunction> function = TRY(found.kernel->any_function());
  const Kernel* const code = TRY(function->kernel());
  *pi = TRY(function_attribute(attrib, *code, *found.device, *found.kernel->settings(dev), nullptr));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuKernelSetAttribute(CUfunction_attribute attrib, int val, CUkernel kernel, CUdevice dev) {
  const KernelOnDevice found = TRY(kernel_on_device(kernel, dev));
  const Ref<ContextFunction> function = TRY(found.kernel->any_function());
  const Kernel* const code = TRY(function->kernel());
  return found.kernel->settings(dev)->set(attrib, val, *code, found.device->limits());
}

CUresult CUDAAPI cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config, CUdevice dev) {
  TRY(kernel_on_device(kernel, dev));
  const bool known = config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL;
  return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuKernelGetParamInfo(CUkernel kernel, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  TRY(current_process());
  if (paramOffset == nullptr || kernel == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* const context = TRY(current_context());
  const Ref<LibraryKernel> found = TRY(find_kernel(kernel));
  const Ref<ContextFunction> function = TRY(found->function_in(*context));
  const Kernel* const code = TRY(function->kernel());
  if (paramIndex >= code->parameters().size()) return CUDA_ERROR_INVALID_VALUE;
  *paramOffset = code->parameters()[paramIndex].offset;
  if (paramSize != nullptr) *paramSize = code->parameters()[paramIndex].size;
  return CUDA_SUCCESS;
}

}  // extern "C"
