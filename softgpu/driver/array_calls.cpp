// SPDX-License-Identifier: Apache-2.0
// cuArray*, cuMipmappedArray*, and linear copies from and to arrays. The first ABI's forms stay unimplemented.
#include <span>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/array.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

using namespace vgpu::soft;

namespace {

CUDA_ARRAY3D_DESCRIPTOR widen(const CUDA_ARRAY_DESCRIPTOR& flat) {
  return {flat.Width, flat.Height, 0, flat.Format, flat.NumChannels, 0};
}

CUresult create(CUarray* out, const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  Context* const context = TRY(current_context());
  VGPU_CHECK(check_unsafe_call());
  *out = handle_of(*TRY(Array::create(*context, descriptor)));
  return CUDA_SUCCESS;
}

// As cuMemFree, it waits for work that may still use the memory.
CUresult release(Context& owner, const Image& image) {
  Context* const context = TRY(current_context());
  VGPU_CHECK(check_unsafe_call());
  if (&owner != context) owner.wait_for_work();
  context->wait_for_work();
  VGPU_CHECK(context->error());
  Process::get()->memory().release(image.address, {RegionKind::array});
  return CUDA_SUCCESS;
}

CUresult requirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* out, const Image& image) {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *out = {};
  out->size = image.bytes;
  out->alignment = 512;
  return CUDA_SUCCESS;
}

using Place = MemcpyOperation::Place;
Place device(CUdeviceptr address) { return {CU_MEMORYTYPE_DEVICE, address}; }
Place host(const void* address) { return {CU_MEMORYTYPE_HOST, reinterpret_cast<uint64_t>(address)}; }
// An offset into the first row.
Place array(CUarray handle, size_t offset) { return {CU_MEMORYTYPE_ARRAY, reinterpret_cast<uint64_t>(handle), offset}; }

CUresult copy_now(Place to, Place from, size_t bytes) {
  const Ref<Stream> stream = TRY(find_stream(nullptr));
  const Ref<MemcpyOperation> copy = TRY(MemcpyOperation::create_1d(to, from, bytes));
  if (to.type != CU_MEMORYTYPE_HOST && from.type != CU_MEMORYTYPE_HOST) return enqueue_copy(*stream, copy);
  const CUresult result = stream->execute(copy);
  stream->context().flush_output();
  return result;
}

CUresult copy_async(Place to, Place from, size_t bytes, CUstream handle) {
  const Ref<Stream> stream = TRY(find_stream(handle));
  return enqueue_copy(*stream, TRY(MemcpyOperation::create_1d(to, from, bytes)));
}

}  // namespace

extern "C" {

CUresult cuArrayCreate_v2(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR* pAllocateArray) {
  TRY(current_context());
  if (pHandle == nullptr || pAllocateArray == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return create(pHandle, widen(*pAllocateArray));
}
CUresult cuArray3DCreate_v2(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pAllocateArray) {
  TRY(current_context());
  if (pHandle == nullptr || pAllocateArray == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return create(pHandle, *pAllocateArray);
}

CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  TRY(current_context());
  const Ref<Array> array = TRY(find_array(hArray));
  if (pArrayDescriptor == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_ARRAY3D_DESCRIPTOR& all = array->descriptor();
  *pArrayDescriptor = {all.Width, all.Height, all.Format, all.NumChannels};
  return CUDA_SUCCESS;
}
CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  TRY(current_context());
  const Ref<Array> array = TRY(find_array(hArray));
  if (pArrayDescriptor == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pArrayDescriptor = array->descriptor();
  return CUDA_SUCCESS;
}

CUresult cuArrayDestroy(CUarray hArray) {
  TRY(current_context());
  const Ref<Array> array = TRY(find_array(hArray));
  // A level goes with its mipmapped array.
  if (array->is_level()) return CUDA_ERROR_INVALID_HANDLE;
  VGPU_CHECK(release(array->context(), array->image()));
  return retire(array) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* memoryRequirements, CUarray array,
                                      CUdevice device) {
  TRY(current_context());
  TRY(get_device(device));
  return requirements(memoryRequirements, TRY(find_array(array))->image());
}
CUresult cuMipmappedArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* memoryRequirements,
                                               CUmipmappedArray mipmap, CUdevice device) {
  TRY(current_context());
  TRY(get_device(device));
  return requirements(memoryRequirements, TRY(find_mipmapped_array(mipmap))->image());
}

// No array here is sparse or planar.
CUresult cuArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES*, CUarray array) {
  TRY(current_context());
  TRY(find_array(array));
  return CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMipmappedArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES*, CUmipmappedArray mipmap) {
  TRY(current_context());
  TRY(find_mipmapped_array(mipmap));
  return CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMemMapArrayAsync(CUarrayMapInfo* mapInfoList, unsigned int count, CUstream hStream) {
  TRY(find_stream(hStream));
  if (mapInfoList == nullptr || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (const CUarrayMapInfo& info : std::span(mapInfoList, count)) {
    if (info.resourceType == CU_RESOURCE_TYPE_ARRAY) TRY(find_array(info.resource.array));
    if (info.resourceType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY) TRY(find_mipmapped_array(info.resource.mipmap));
  }
  return CUDA_ERROR_INVALID_VALUE;
}
CUresult cuArrayGetPlane(CUarray*, CUarray hArray, unsigned int) {
  TRY(current_context());
  TRY(find_array(hArray));
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pMipmappedArrayDesc,
                                unsigned int numMipmapLevels) {
  Context* const context = TRY(current_context());
  if (pHandle == nullptr || pMipmappedArrayDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_unsafe_call());
  *pHandle = handle_of(*TRY(MipmappedArray::create(*context, *pMipmappedArrayDesc, numMipmapLevels)));
  return CUDA_SUCCESS;
}
CUresult cuMipmappedArrayGetLevel(CUarray* pLevelArray, CUmipmappedArray hMipmappedArray, unsigned int level) {
  TRY(current_context());
  const Ref<MipmappedArray> array = TRY(find_mipmapped_array(hMipmappedArray));
  if (pLevelArray == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pLevelArray = handle_of(*TRY(array->level(level)));
  return CUDA_SUCCESS;
}
CUresult cuMipmappedArrayDestroy(CUmipmappedArray hMipmappedArray) {
  TRY(current_context());
  const Ref<MipmappedArray> array = TRY(find_mipmapped_array(hMipmappedArray));
  VGPU_CHECK(release(array->context(), array->image()));
  array->retire_levels();
  return retire(array) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuMemcpyHtoA_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount) {
  return copy_now(array(dstArray, dstOffset), host(srcHost), ByteCount);
}
CUresult cuMemcpyAtoH_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return copy_now(host(dstHost), array(srcArray, srcOffset), ByteCount);
}
CUresult cuMemcpyDtoA_v2(CUarray dstArray, size_t dstOffset, CUdeviceptr srcDevice, size_t ByteCount) {
  return copy_now(array(dstArray, dstOffset), device(srcDevice), ByteCount);
}
CUresult cuMemcpyAtoD_v2(CUdeviceptr dstDevice, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return copy_now(device(dstDevice), array(srcArray, srcOffset), ByteCount);
}
CUresult cuMemcpyAtoA_v2(CUarray dstArray, size_t dstOffset, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return copy_now(array(dstArray, dstOffset), array(srcArray, srcOffset), ByteCount);
}
CUresult cuMemcpyHtoAAsync_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount,
                              CUstream hStream) {
  return copy_async(array(dstArray, dstOffset), host(srcHost), ByteCount, hStream);
}
CUresult cuMemcpyAtoHAsync_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount, CUstream hStream) {
  return copy_async(host(dstHost), array(srcArray, srcOffset), ByteCount, hStream);
}

}  // extern "C"
