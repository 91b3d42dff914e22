// SPDX-License-Identifier: Apache-2.0
// Arrays: creation and death take or give back memory; copies between host memory and an array are boxes of one row.
// CUDA driver API: Memory Management.
#include "libcuda/by_hand.h"

namespace vgpu::guest::by_hand {

CUresult cuArrayCreate_v2(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR* pAllocateArray) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (pHandle == nullptr || pAllocateArray == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return forward_blocking(admitted, api::spec::cuArrayCreate_v2, pHandle, pAllocateArray);
}

CUresult cuArray3DCreate_v2(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pAllocateArray) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (pHandle == nullptr || pAllocateArray == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return forward_blocking(admitted, api::spec::cuArray3DCreate_v2, pHandle, pAllocateArray);
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pMipmappedArrayDesc,
                                unsigned int numMipmapLevels) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (pHandle == nullptr || pMipmappedArrayDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return forward_blocking(admitted, api::spec::cuMipmappedArrayCreate, pHandle, pMipmappedArrayDesc, numMipmapLevels);
}

CUresult cuArrayDestroy(CUarray hArray) {
  VGPU_ADMIT(admitted);
  if (hArray == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return forward_blocking(admitted, api::spec::cuArrayDestroy, hArray);
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray hMipmappedArray) {
  VGPU_ADMIT(admitted);
  if (hMipmappedArray == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return forward_blocking(admitted, api::spec::cuMipmappedArrayDestroy, hMipmappedArray);
}

namespace {

CUDA_MEMCPY2D to_array(CUarray array, size_t offset, const void* host, size_t bytes) {
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = host;
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = array;
  copy.dstXInBytes = offset;
  copy.WidthInBytes = bytes;
  copy.Height = 1;
  return copy;
}

CUDA_MEMCPY2D from_array(void* host, CUarray array, size_t offset, size_t bytes) {
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.srcArray = array;
  copy.srcXInBytes = offset;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstHost = host;
  copy.WidthInBytes = bytes;
  copy.Height = 1;
  return copy;
}

}  // namespace

CUresult cuMemcpyHtoA_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount) {
  const CUDA_MEMCPY2D copy = to_array(dstArray, dstOffset, srcHost, ByteCount);
  return by_hand::cuMemcpy2D_v2(&copy);
}

CUresult cuMemcpyHtoAAsync_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount,
                              CUstream hStream) {
  const CUDA_MEMCPY2D copy = to_array(dstArray, dstOffset, srcHost, ByteCount);
  return by_hand::cuMemcpy2DAsync_v2(&copy, hStream);
}

CUresult cuMemcpyAtoH_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  const CUDA_MEMCPY2D copy = from_array(dstHost, srcArray, srcOffset, ByteCount);
  return by_hand::cuMemcpy2D_v2(&copy);
}

CUresult cuMemcpyAtoHAsync_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount, CUstream hStream) {
  const CUDA_MEMCPY2D copy = from_array(dstHost, srcArray, srcOffset, ByteCount);
  return by_hand::cuMemcpy2DAsync_v2(&copy, hStream);
}

}  // namespace vgpu::guest::by_hand
