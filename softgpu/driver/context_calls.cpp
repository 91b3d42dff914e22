// SPDX-License-Identifier: Apache-2.0
// cuCtx*: creation, the thread's stack of contexts, flags, limits and settings.
#include <algorithm>

#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"
#include "softgpu/driver/thread_state.h"

using namespace vgpu::soft;

namespace {

// A handle that must name a context, living or primary; NULL stands for the current one where the call allows it.
CuResult<Ref<Context>> get_context(CUcontext handle) {
  if (handle == nullptr) return Ref<Context>(TRY(current_context_unchecked()));
  TRY(current_process());
  Ref<Context> context = find<Context>(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  return context;
}

CUresult create_context(CUcontext* out, unsigned flags, CUdevice dev) {
  Device* const device = TRY(get_device(dev));
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Ref<Context> context = TRY(Context::create(*device, flags));
  *out = handle_of(*context);
  thread_state().contexts.push_back(std::move(context));
  return CUDA_SUCCESS;
}

CUresult destroy_context(CUcontext handle) {
  TRY(current_process());
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Context> context = TRY(get_context(handle));
  VGPU_CHECK(context->destroy());
  std::vector<Ref<Context>>& stack = thread_state().contexts;
  if (!stack.empty() && stack.back() == context) stack.pop_back();
  return CUDA_SUCCESS;
}

CUresult push_context(CUcontext handle) {
  TRY(current_process());
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  thread_state().contexts.push_back(TRY(get_context(handle)));
  return CUDA_SUCCESS;
}

CUresult pop_context(CUcontext* out) {
  TRY(current_process());
  std::vector<Ref<Context>>& stack = thread_state().contexts;
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (out != nullptr) *out = handle_of(*stack.back());
  stack.pop_back();
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuCtxCreate(CUcontext* pctx, unsigned int flags, CUdevice dev) { return create_context(pctx, flags, dev); }
CUresult cuCtxCreate_v2(CUcontext* pctx, unsigned int flags, CUdevice dev) { return create_context(pctx, flags, dev); }

// Execution affinity would limit a context to some multiprocessors, which this device does not support.
CUresult cuCtxCreate_v3(CUcontext* pctx, CUexecAffinityParam* paramsArray, int numParams, unsigned int flags,
                        CUdevice dev) {
  if (numParams < 0 || (numParams > 0 && paramsArray == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  if (numParams > 0) return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
  return create_context(pctx, flags, dev);
}

CUresult cuCtxCreate_v4(CUcontext* pctx, CUctxCreateParams* ctxCreateParams, unsigned int flags, CUdevice dev) {
  if (ctxCreateParams == nullptr) return create_context(pctx, flags, dev);
  if (ctxCreateParams->cigParams != nullptr) return CUDA_ERROR_NOT_SUPPORTED;
  return cuCtxCreate_v3(pctx, ctxCreateParams->execAffinityParams, ctxCreateParams->numExecAffinityParams, flags, dev);
}

CUresult cuCtxDestroy_v2(CUcontext ctx) { return destroy_context(ctx); }
CUresult cuCtxDestroy(CUcontext ctx) { return destroy_context(ctx); }

// Deprecated reference counting: there is one user, the creator.
CUresult cuCtxAttach(CUcontext* pctx, unsigned int flags) {
  Context* const context = TRY(current_context());
  if (pctx == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  *pctx = handle_of(*context);
  return CUDA_SUCCESS;
}

CUresult cuCtxDetach(CUcontext ctx) { return destroy_context(ctx); }

CUresult cuCtxPushCurrent_v2(CUcontext ctx) { return push_context(ctx); }
CUresult cuCtxPushCurrent(CUcontext ctx) { return push_context(ctx); }
CUresult cuCtxPopCurrent_v2(CUcontext* pctx) { return pop_context(pctx); }
CUresult cuCtxPopCurrent(CUcontext* pctx) { return pop_context(pctx); }

CUresult cuCtxSetCurrent(CUcontext ctx) {
  TRY(current_process());
  std::vector<Ref<Context>>& stack = thread_state().contexts;
  if (ctx == nullptr) {
    if (!stack.empty()) stack.pop_back();
    return CUDA_SUCCESS;
  }
  if (!stack.empty() && handle_of(*stack.back()) == ctx && stack.back()->active()) return CUDA_SUCCESS;
  Ref<Context> context = TRY(get_context(ctx));
  if (stack.empty()) stack.push_back(std::move(context));
  else stack.back() = std::move(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext* pctx) {
  TRY(current_process());
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const std::vector<Ref<Context>>& stack = thread_state().contexts;
  *pctx = stack.empty() ? nullptr : handle_of(*stack.back());
  return CUDA_SUCCESS;
}

// Works for a primary context that nobody has retained yet, and inside destructors of context-local storage.
CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext ctx) {
  const Ref<Context> context = TRY(get_context(ctx));
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *device = context->device().ordinal();
  return CUDA_SUCCESS;
}
CUresult cuCtxGetDevice(CUdevice* device) { return cuCtxGetDevice_v2(device, nullptr); }

CUresult cuCtxGetFlags(unsigned int* flags) {
  Context* const context = TRY(current_context());
  if (flags == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = context->flags() | CU_CTX_MAP_HOST;  // Always in force, and told so.
  return CUDA_SUCCESS;
}

CUresult cuCtxSetFlags(unsigned int flags) { return TRY(current_context())->set_flags(flags); }

CUresult cuCtxGetId(CUcontext ctx, unsigned long long* ctxId) {
  const Ref<Context> context = TRY(get_context(ctx));
  if (!context->active()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  if (ctxId == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *ctxId = context->id();
  return CUDA_SUCCESS;
}

CUresult cuCtxGetApiVersion(CUcontext ctx, unsigned int* version) {
  const Ref<Context> context = TRY(get_context(ctx));
  // Before its first retain a primary context is not yet a context to this call (docs/export-tables.md).
  if (!context->active()) return CUDA_ERROR_INVALID_CONTEXT;
  if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *version = 3020;  // The version since which contexts have had their present form.
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize() { return TRY(current_context())->synchronize(); }
CUresult cuCtxSynchronize_v2(CUcontext ctx) {
  const Ref<Context> context = TRY(get_context(ctx));
  VGPU_CHECK(context->check());
  return context->synchronize();
}

CUresult cuCtxGetLimit(size_t* pvalue, CUlimit limit) {
  Context* const context = TRY(current_context());
  if (pvalue == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pvalue = TRY(context->limit(limit));
  return CUDA_SUCCESS;
}
CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  Context* const context = TRY(current_context());
  VGPU_CHECK(check_unsafe_call());
  return context->set_limit(limit, value);
}

// Cache and bank settings are hints to hardware that this device lacks: validated, and answered with the default.
CUresult cuCtxGetCacheConfig(CUfunc_cache* pconfig) {
  TRY(current_context());
  if (pconfig == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pconfig = CU_FUNC_CACHE_PREFER_NONE;
  return CUDA_SUCCESS;
}
CUresult cuCtxSetCacheConfig(CUfunc_cache config) {
  TRY(current_context());
  const bool known = config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL;
  return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuCtxGetSharedMemConfig(CUsharedconfig* pConfig) {
  TRY(current_context());
  if (pConfig == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pConfig = CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE;
  return CUDA_SUCCESS;
}
CUresult cuCtxSetSharedMemConfig(CUsharedconfig config) {
  TRY(current_context());
  const bool known =
      config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE && config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE;
  return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuCtxResetPersistingL2Cache() {
  TRY(current_context());
  return CUDA_SUCCESS;
}

CUresult cuCtxGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  TRY(current_context());
  if (leastPriority != nullptr) *leastPriority = kLeastPriority;
  if (greatestPriority != nullptr) *greatestPriority = kGreatestPriority;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetExecAffinity(CUexecAffinityParam* pExecAffinity, CUexecAffinityType type) {
  Context* const context = TRY(current_context());
  if (pExecAffinity == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (type != CU_EXEC_AFFINITY_TYPE_SM_COUNT) return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
  pExecAffinity->type = type;
  pExecAffinity->param.smCount.val = static_cast<unsigned>(context->device().multiprocessors());
  return CUDA_SUCCESS;
}

}  // extern "C"
