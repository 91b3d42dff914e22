// SPDX-License-Identifier: Apache-2.0
// cuDevicePrimaryCtx*. The primary context is one permanent object per device with one handle; these calls count its
// users, and the last one's end or a reset empties it.
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

extern "C" {

CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  Device* const device = TRY(get_device(dev));
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(device->primary().retain_primary());
  *pctx = handle_of(device->primary());
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) { return TRY(get_device(dev))->primary().release_primary(); }
CUresult cuDevicePrimaryCtxRelease(CUdevice dev) { return cuDevicePrimaryCtxRelease_v2(dev); }

CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) { return TRY(get_device(dev))->primary().reset_primary(); }
CUresult cuDevicePrimaryCtxReset(CUdevice dev) { return cuDevicePrimaryCtxReset_v2(dev); }

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
  return TRY(get_device(dev))->primary().set_flags(flags);
}
// The first version refuses once the context is active.
CUresult cuDevicePrimaryCtxSetFlags(CUdevice dev, unsigned int flags) {
  Device* const device = TRY(get_device(dev));
  if (device->primary().active()) return CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE;
  return device->primary().set_flags(flags);
}

CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  Device* const device = TRY(get_device(dev));
  if (flags == nullptr || active == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = device->primary().flags();
  *active = device->primary().active() ? 1 : 0;
  return CUDA_SUCCESS;
}

}  // extern "C"
