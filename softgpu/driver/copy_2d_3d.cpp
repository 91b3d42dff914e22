// SPDX-License-Identifier: Apache-2.0
// Two- and three-dimensional copies between linear memory and arrays, in all their forms.
#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

CUDA_MEMCPY3D widen(const CUDA_MEMCPY2D& copy) {
  CUDA_MEMCPY3D wide{};
  wide.srcXInBytes = copy.srcXInBytes;
  wide.srcY = copy.srcY;
  wide.srcMemoryType = copy.srcMemoryType;
  wide.srcHost = copy.srcHost;
  wide.srcDevice = copy.srcDevice;
  wide.srcArray = copy.srcArray;
  wide.srcPitch = copy.srcPitch;
  wide.dstXInBytes = copy.dstXInBytes;
  wide.dstY = copy.dstY;
  wide.dstMemoryType = copy.dstMemoryType;
  wide.dstHost = copy.dstHost;
  wide.dstDevice = copy.dstDevice;
  wide.dstArray = copy.dstArray;
  wide.dstPitch = copy.dstPitch;
  wide.WidthInBytes = copy.WidthInBytes;
  wide.Height = copy.Height;
  wide.Depth = 1;
  return wide;
}

bool is_device(CUmemorytype type, CUdeviceptr address) {
  if (type == CU_MEMORYTYPE_DEVICE || type == CU_MEMORYTYPE_ARRAY) return true;
  if (type != CU_MEMORYTYPE_UNIFIED) return false;
  const std::optional<Region> region = Process::get()->memory().find(address);
  return region && !region->is_host();
}

template <class Copy>
CUresult copy_now(const Copy* copy) {
  const Ref<Stream> stream = TRY(find_stream(nullptr));
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<MemcpyOperation> operation = TRY(MemcpyOperation::create(*copy));
  // Between device memories the call does not wait.
  if (is_device(copy->srcMemoryType, copy->srcDevice) && is_device(copy->dstMemoryType, copy->dstDevice))
    return enqueue_copy(*stream, operation);
  const CUresult result = stream->execute(operation);
  stream->context().flush_output();
  return result;
}

template <class Copy>
CUresult copy_async(const Copy* copy, CUstream handle) {
  const Ref<Stream> stream = TRY(find_stream(handle));
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return enqueue_copy(*stream, TRY(MemcpyOperation::create(*copy)));
}

CUresult copy_2d_now(const CUDA_MEMCPY2D* copy) {
  TRY(current_context());
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_MEMCPY3D wide = widen(*copy);
  return copy_now(&wide);
}

CUresult check_peers(const CUDA_MEMCPY3D_PEER* copy) {
  TRY(current_context());
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (const CUcontext handle : {copy->srcContext, copy->dstContext}) {
    const Ref<Context> context = find<Context>(handle);
    if (!context) return CUDA_ERROR_INVALID_CONTEXT;
    VGPU_CHECK(context->check());
  }
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* pCopy) { return copy_2d_now(pCopy); }
CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* pCopy) { return copy_2d_now(pCopy); }
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* pCopy, CUstream hStream) {
  TRY(find_stream(hStream));
  if (pCopy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_MEMCPY3D wide = widen(*pCopy);
  return copy_async(&wide, hStream);
}

CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) { return copy_now(pCopy); }
CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream hStream) { return copy_async(pCopy, hStream); }

CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* pCopy) {
  VGPU_CHECK(check_peers(pCopy));
  find<Context>(pCopy->srcContext)->wait_for_work();
  find<Context>(pCopy->dstContext)->wait_for_work();
  return copy_now(pCopy);
}
CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* pCopy, CUstream hStream) {
  VGPU_CHECK(check_peers(pCopy));
  return copy_async(pCopy, hStream);
}

}  // extern "C"
