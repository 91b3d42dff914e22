// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Execution Control": cuFunc*, questions about functions and their settings. A CUkernel is refused
// here with INVALID_HANDLE, as by NVIDIA's driver; only launches and occupancy take both kinds.
#include "softgpu/driver/function.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

// Nearly all calls below: a healthy current context, then a live function.
CuResult<Ref<ContextFunction>> function_in_use(CUfunction handle) {
  TRY(current_context());
  return find_function(handle);
}

bool is_cache_config(CUfunc_cache config) {
  return config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL;
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) {
  TRY(current_context());
  if (pi == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<ContextFunction> function = TRY(find_function(hfunc));
  *pi = TRY(function->attribute(attrib));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  const Ref<ContextFunction> function = TRY(function_in_use(hfunc));
  return function->set_attribute(attrib, value);
}

// Cache and bank configurations are preferences about hardware that is not here.
CUresult CUDAAPI cuFuncSetCacheConfig(CUfunction hfunc, CUfunc_cache config) {
  TRY(function_in_use(hfunc));
  return is_cache_config(config) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuFuncSetSharedMemConfig(CUfunction hfunc, CUsharedconfig config) {
  TRY(function_in_use(hfunc));
  const bool known =
      config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE && config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE;
  return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuFuncGetModule(CUmodule* hmod, CUfunction hfunc) {
  TRY(current_context());
  if (hmod == nullptr || hfunc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<ContextFunction> function = TRY(find_function(hfunc));
  *hmod = function->module();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncGetName(const char** name, CUfunction hfunc) {
  TRY(current_process());
  if (name == nullptr || hfunc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<ContextFunction> function = TRY(find_function(hfunc));
  *name = function->name().c_str();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  TRY(current_context());
  if (func == nullptr || paramOffset == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<ContextFunction> function = TRY(find_function(func));
  const Kernel* const kernel = TRY(function->kernel());
  if (paramIndex >= kernel->parameters().size()) return CUDA_ERROR_INVALID_VALUE;
  *paramOffset = kernel->parameters()[paramIndex].offset;
  if (paramSize != nullptr) *paramSize = kernel->parameters()[paramIndex].size;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction function) {
  TRY(current_context());
  if (state == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<ContextFunction> found = TRY(find_function(function));
  *state = found->loaded() ? CU_FUNCTION_LOADING_STATE_LOADED : CU_FUNCTION_LOADING_STATE_UNLOADED;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncLoad(CUfunction function) {
  const Ref<ContextFunction> found = TRY(function_in_use(function));
  TRY(found->kernel());
  return CUDA_SUCCESS;
}

}  // extern "C"
