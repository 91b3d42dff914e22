// SPDX-License-Identifier: Apache-2.0
// Primary contexts: the guest counts references, the worker's driver sees one retain while there are any.
// CUDA driver API: Primary Context Management.
#include "common/face/driver_face.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

CUresult find_primary(const Admitted& admitted, CUdevice device, Context*& out) {
  out = admitted.process->contexts().primary(device);
  return out == nullptr ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

// Runs the destructors of what runtimes have attached, outside any lock, and ends the context in the worker.
CUresult end(const Admitted& admitted, Context& context, const Call& call) {
  context.set_alive(false);
  admitted.process->device_ranges().clear();
  admitted.process->pointer_facts().clear();
  admitted.thread->contexts.push_back(&context);
  face::context_destroyed(context.cuda_handle());
  admitted.thread->contexts.pop_back();
  context.set_sticky(CUDA_SUCCESS);
  const CUresult status = forward_blocking(admitted, call, context.device());
  admitted.process->markers().drop_context(context.handle());
  return status;
}

}  // namespace

namespace by_hand {

CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  VGPU_ADMIT(admitted);
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Context* context = nullptr;
  VGPU_CHECK(find_primary(admitted, dev, context));
  const std::lock_guard lock(admitted.process->contexts().primary_mutex);
  if (!context->alive()) {
    VGPU_CHECK(forward_blocking(admitted, api::spec::cuDevicePrimaryCtxRetain, static_cast<CUcontext*>(nullptr), dev));
    context->set_sticky(CUDA_SUCCESS);
    context->set_alive(true);
  }
  ++context->references;
  *pctx = context->cuda_handle();
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
  VGPU_ADMIT(admitted);
  Context* context = nullptr;
  VGPU_CHECK(find_primary(admitted, dev, context));
  {
    const std::lock_guard lock(admitted.process->contexts().primary_mutex);
    if (context->references == 0) return CUDA_ERROR_INVALID_CONTEXT;
    if (--context->references > 0 || !context->alive()) return CUDA_SUCCESS;
  }
  return end(admitted, *context, api::spec::cuDevicePrimaryCtxRelease_v2);
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) {
  VGPU_ADMIT(admitted);
  Context* context = nullptr;
  VGPU_CHECK(find_primary(admitted, dev, context));
  // Resetting does not release: who retained the context still releases it later.
  return context->alive() ? end(admitted, *context, api::spec::cuDevicePrimaryCtxReset_v2) : CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
  VGPU_ADMIT(admitted);
  Context* context = nullptr;
  VGPU_CHECK(find_primary(admitted, dev, context));
  VGPU_CHECK(forward(admitted, api::spec::cuDevicePrimaryCtxSetFlags_v2, dev, flags));
  context->flags = flags;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  VGPU_ADMIT(admitted);
  Context* context = nullptr;
  VGPU_CHECK(find_primary(admitted, dev, context));
  if (flags == nullptr || active == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = context->flags;
  *active = context->alive() ? 1 : 0;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice dev) { return by_hand::cuDevicePrimaryCtxRelease_v2(dev); }
CUresult cuDevicePrimaryCtxReset(CUdevice dev) { return by_hand::cuDevicePrimaryCtxReset_v2(dev); }
CUresult cuDevicePrimaryCtxSetFlags(CUdevice dev, unsigned int flags) {
  return by_hand::cuDevicePrimaryCtxSetFlags_v2(dev, flags);
}

}  // namespace by_hand
}  // namespace vgpu::guest
