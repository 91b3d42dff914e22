// SPDX-License-Identifier: Apache-2.0
// Contexts: creation and death cross to the worker, the stack of current contexts is the thread's own.
// CUDA driver API: Context Management.
#include <algorithm>

#include "common/bits.h"
#include "common/face/driver_face.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

// Makes a context current for the length of a scope.
class CurrentScope {
 public:
  CurrentScope(ThreadState& thread, Context* context) : thread_(thread) { thread_.contexts.push_back(context); }
  ~CurrentScope() { thread_.contexts.pop_back(); }
  CurrentScope(const CurrentScope&) = delete;
  CurrentScope& operator=(const CurrentScope&) = delete;

 private:
  ThreadState& thread_;
};

// The named context, or the current one for NULL.
CUresult find_context(const Admitted& admitted, CUcontext handle, Context*& out) {
  out = handle == nullptr ? admitted.thread->current() : admitted.process->contexts().find(handle);
  return out == nullptr ? CUDA_ERROR_INVALID_CONTEXT : CUDA_SUCCESS;
}

CUresult create(CUcontext* pctx, unsigned flags, CUdevice dev, unsigned api_version) {
  VGPU_ADMIT(admitted);
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (admitted.process->device(dev) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
  CUcontext made = nullptr;
  VGPU_CHECK(forward_blocking(admitted, api::spec::cuCtxCreate_v2, &made, flags, dev));
  Context* context = admitted.process->contexts().add(bits_of(made), dev, flags);
  context->api_version = api_version;
  admitted.thread->contexts.push_back(context);
  *pctx = made;
  return CUDA_SUCCESS;
}

}  // namespace

namespace by_hand {

CUresult cuCtxCreate(CUcontext* pctx, unsigned int flags, CUdevice dev) { return create(pctx, flags, dev, 3010); }
CUresult cuCtxCreate_v2(CUcontext* pctx, unsigned int flags, CUdevice dev) { return create(pctx, flags, dev, 3020); }

CUresult cuCtxCreate_v3(CUcontext* pctx, CUexecAffinityParam* /*paramsArray*/, int numParams, unsigned int flags,
                        CUdevice dev) {
  if (numParams != 0) return refuse("cuCtxCreate_v3 with execution affinity");
  return create(pctx, flags, dev, 3020);
}

CUresult cuCtxCreate_v4(CUcontext* pctx, CUctxCreateParams* ctxCreateParams, unsigned int flags, CUdevice dev) {
  if (ctxCreateParams != nullptr &&
      (ctxCreateParams->numExecAffinityParams != 0 || ctxCreateParams->cigParams != nullptr))
    return refuse("cuCtxCreate_v4 with creation parameters");
  return create(pctx, flags, dev, 3020);
}

CUresult cuCtxDestroy_v2(CUcontext ctx) {
  VGPU_ADMIT(admitted);
  if (ctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* context = admitted.process->contexts().find(ctx);
  if (context == nullptr || context->is_primary()) return CUDA_ERROR_INVALID_CONTEXT;
  if (!context->alive()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  context->set_alive(false);
  admitted.process->device_ranges().clear();
  admitted.process->pointer_facts().clear();
  {
    const CurrentScope current(*admitted.thread, context);
    face::context_destroyed(ctx);
  }
  // Destroying the current context takes it off the stack.
  if (admitted.thread->current() == context) admitted.thread->contexts.pop_back();
  const CUresult status = forward_blocking(admitted, api::spec::cuCtxDestroy_v2, ctx);
  admitted.process->markers().drop_context(context->handle());
  return status;
}

CUresult cuCtxDestroy(CUcontext ctx) { return by_hand::cuCtxDestroy_v2(ctx); }
CUresult cuCtxDetach(CUcontext ctx) { return by_hand::cuCtxDestroy_v2(ctx); }

// The guest's own waits go by them, too (patience.h).
CUresult cuCtxSetFlags(unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  VGPU_CHECK(forward(admitted, api::spec::cuCtxSetFlags, flags));
  admitted.thread->current()->flags = flags;
  return CUDA_SUCCESS;
}

CUresult cuCtxAttach(CUcontext* /*pctx*/, unsigned int /*flags*/) { return refuse("cuCtxAttach"); }

CUresult cuCtxGetCurrent(CUcontext* pctx) {
  VGPU_ADMIT(admitted);
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Context* current = admitted.thread->current();
  *pctx = current == nullptr ? nullptr : current->cuda_handle();
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext ctx) {
  VGPU_ADMIT(admitted);
  std::vector<Context*>& stack = admitted.thread->contexts;
  if (ctx == nullptr) {
    if (!stack.empty()) stack.pop_back();
    return CUDA_SUCCESS;
  }
  Context* context = nullptr;
  VGPU_CHECK(find_context(admitted, ctx, context));
  if (!context->is_primary() && !context->alive()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  if (stack.empty()) stack.push_back(context);
  else stack.back() = context;
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent_v2(CUcontext ctx) {
  VGPU_ADMIT(admitted);
  if (ctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* context = nullptr;
  VGPU_CHECK(find_context(admitted, ctx, context));
  if (!context->is_primary() && !context->alive()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  admitted.thread->contexts.push_back(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent_v2(CUcontext* pctx) {
  VGPU_ADMIT(admitted);
  std::vector<Context*>& stack = admitted.thread->contexts;
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (pctx != nullptr) *pctx = stack.back()->cuda_handle();
  stack.pop_back();
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent(CUcontext ctx) { return by_hand::cuCtxPushCurrent_v2(ctx); }
CUresult cuCtxPopCurrent(CUcontext* pctx) { return by_hand::cuCtxPopCurrent_v2(pctx); }

CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext ctx) {
  VGPU_ADMIT(admitted);
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* context = nullptr;
  VGPU_CHECK(find_context(admitted, ctx, context));
  *device = context->device();
  return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice* device) { return by_hand::cuCtxGetDevice_v2(device, nullptr); }

CUresult cuCtxGetApiVersion(CUcontext ctx, unsigned int* version) {
  VGPU_ADMIT(admitted);
  if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* context = nullptr;
  VGPU_CHECK(find_context(admitted, ctx, context));
  if (!context->alive()) return CUDA_ERROR_INVALID_CONTEXT;
  *version = context->api_version;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetId(CUcontext ctx, unsigned long long* ctxId) {
  VGPU_ADMIT(admitted);
  if (ctxId == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* context = nullptr;
  VGPU_CHECK(find_context(admitted, ctx, context));
  *ctxId = context->id;
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize_v2(CUcontext ctx) {
  VGPU_ADMIT(admitted);
  Context* context = nullptr;
  VGPU_CHECK(find_context(admitted, ctx, context));
  const CurrentScope current(*admitted.thread, context);
  return by_hand::cuCtxSynchronize();
}

}  // namespace by_hand

// --- The hooks of common/face.

}  // namespace vgpu::guest

namespace vgpu::face {

using guest::Context;
using guest::Process;

bool initialised() noexcept { return Process::get() != nullptr; }

CUcontext primary_context_handle(CUdevice device) noexcept {
  Process* process = Process::get();
  const Context* context = process == nullptr ? nullptr : process->contexts().primary(device);
  return context == nullptr ? nullptr : context->cuda_handle();
}

CUcontext current_context() noexcept {
  if (Process::get() == nullptr) return nullptr;
  const Context* current = guest::thread_state().current();
  return current == nullptr ? nullptr : current->cuda_handle();
}

bool is_context(CUcontext context) noexcept {
  Process* process = Process::get();
  const Context* found = process == nullptr ? nullptr : process->contexts().find(context);
  return found != nullptr && (found->is_primary() || found->alive());
}

// Green contexts are not carried yet, so nothing wraps another context.
CUcontext wrapped_context(CUcontext /*context*/) noexcept { return nullptr; }

namespace {

// Table R of the worker's driver: whether it is there, or what is in it.
enum class TpcQuestion : uint32_t { exist = 0, places = 1 };

}  // namespace

bool has_tpc_places() noexcept {
  guest::Admitted admitted;
  if (guest::admit(admitted) != CUDA_SUCCESS) return false;
  guest::Remote remote(admitted, wire::kTpcPlaces);
  remote.writer().put(TpcQuestion::exist);
  return remote.call() == CUDA_SUCCESS;
}

CUresult tpc_places(TpcPlaces& out) noexcept {
  guest::Admitted admitted;
  if (const CUresult status = guest::admit(admitted); status != CUDA_SUCCESS) return status;
  guest::Remote remote(admitted, wire::kTpcPlaces);
  remote.writer().put(TpcQuestion::places);
  if (const CUresult status = remote.call(); status != CUDA_SUCCESS) return status;
  for (std::vector<uint8_t>* list : {&out.gpc, &out.place}) {
    const std::string_view bytes = remote.reader().string();
    list->assign(bytes.begin(), bytes.end());
  }
  return remote.reader().complete() ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

}  // namespace vgpu::face
