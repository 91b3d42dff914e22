// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Primary Context Management; CUcomputemode.
#include "host/worker/ready_context.h"

#include "common/log.h"

namespace vgpu::host {
namespace {

constexpr CUdevice kDevice = 0;
constexpr unsigned kFlags = 0;

// Since it was made, the card may have failed, or have been reset. A program that starts then gets a context that
// works.
bool works(const Driver& driver, CUcontext context) {
  if (VGPU_DRIVER(driver, cuCtxPushCurrent_v2)(context) != CUDA_SUCCESS) return false;
  const CUresult status = VGPU_DRIVER(driver, cuStreamQuery)(nullptr);
  CUcontext popped = nullptr;
  VGPU_DRIVER(driver, cuCtxPopCurrent_v2)(&popped);
  return status == CUDA_SUCCESS;
}

void release(const Driver& driver) { static_cast<void>(VGPU_DRIVER(driver, cuDevicePrimaryCtxRelease_v2)(kDevice)); }

}  // namespace

CUcontext ReadyContext::make(const Driver& driver) {
  int mode = CU_COMPUTEMODE_PROHIBITED;
  CUresult status = VGPU_DRIVER(driver, cuDeviceGetAttribute)(&mode, CU_DEVICE_ATTRIBUTE_COMPUTE_MODE, kDevice);
  // Where one process may have a context, that is the program's, whoever serves it.
  if (status != CUDA_SUCCESS || mode != CU_COMPUTEMODE_DEFAULT) return nullptr;
  CUcontext context = nullptr;
  status = VGPU_DRIVER(driver, cuDevicePrimaryCtxRetain)(&context, kDevice);
  if (status == CUDA_SUCCESS) return context;
  // The program will be told by its own call.
  VGPU_INFO("no context is ready: CUDA error %d", static_cast<int>(status));
  return nullptr;
}

CUcontext ReadyContext::take(const Driver& driver, CUdevice device) {
  if (device != kDevice) {
    give_up(driver);
    return nullptr;
  }
  const CUcontext context = context_.exchange(nullptr);
  if (context == nullptr || works(driver, context)) return context;
  release(driver);
  return nullptr;
}

bool ReadyContext::set_flags(const Driver& driver, CUdevice device, unsigned flags) {
  if (device != kDevice) return false;
  if (flags != kFlags) give_up(driver);
  return context_.load() != nullptr;
}

void ReadyContext::give_up(const Driver& driver) {
  if (context_.exchange(nullptr) != nullptr) release(driver);
}

}  // namespace vgpu::host
