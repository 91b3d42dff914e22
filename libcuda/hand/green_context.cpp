// SPDX-License-Identifier: Apache-2.0
// Green contexts. The context that stands for one is a context of this process like any other, and dies with it.
// CUDA driver API: Green Contexts.
#include <map>
#include <mutex>

#include "common/bits.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

struct Green {
  CUdevice device = 0;
  Context* context = nullptr;  // once it was asked for
};

std::mutex green_mutex;  // guards the map
std::map<CUgreenCtx, Green>& greens() {
  static auto* map = new std::map<CUgreenCtx, Green>;  // Exit handlers may still ask.
  return *map;
}

}  // namespace

namespace by_hand {

CUresult cuGreenCtxCreate(CUgreenCtx* phCtx, CUdevResourceDesc desc, CUdevice dev, unsigned int flags) {
  VGPU_ADMIT(admitted);
  if (phCtx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (admitted.process->device(dev) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
  VGPU_CHECK(forward_blocking(admitted, api::spec::cuGreenCtxCreate, phCtx, desc, dev, flags));
  const std::lock_guard lock(green_mutex);
  greens()[*phCtx] = {dev, nullptr};
  return CUDA_SUCCESS;
}

CUresult cuGreenCtxDestroy(CUgreenCtx hCtx) {
  VGPU_ADMIT(admitted);
  VGPU_CHECK(forward_blocking(admitted, api::spec::cuGreenCtxDestroy, hCtx));
  const std::lock_guard lock(green_mutex);
  const auto found = greens().find(hCtx);
  if (found == greens().end()) return CUDA_SUCCESS;
  if (found->second.context != nullptr) found->second.context->set_alive(false);
  greens().erase(found);
  return CUDA_SUCCESS;
}

CUresult cuCtxFromGreenCtx(CUcontext* pContext, CUgreenCtx hCtx) {
  VGPU_ADMIT(admitted);
  if (pContext == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUcontext handle = nullptr;
  VGPU_CHECK(forward(admitted, api::spec::cuCtxFromGreenCtx, &handle, hCtx));
  const std::lock_guard lock(green_mutex);
  Green& green = greens()[hCtx];
  if (green.context == nullptr) green.context = admitted.process->contexts().add(bits_of(handle), green.device, 0);
  *pContext = handle;
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
