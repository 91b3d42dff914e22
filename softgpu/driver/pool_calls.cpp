// SPDX-License-Identifier: Apache-2.0
// Stream-ordered allocation: cuMemPool*, cuMemAllocAsync, cuMemAllocFromPoolAsync, cuMemFreeAsync, and the pools of a
// device. Other processes' are in pool_share.cpp.
#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/graph_memory.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/pool.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

// A location that pools can have here: a device.
CuResult<Device*> get_location(const CUmemLocation* location, CUmemAllocationType type) {
  TRY(current_process());
  if (location == nullptr || type != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  if (location->type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
  return get_device(location->id);
}

CUresult allocate_async(CUdeviceptr* out, size_t bytes, Ref<Pool> pool, Stream& stream) {
  if (out == nullptr || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (!stream.capture()) VGPU_CHECK(check_unsafe_call());
  CuResult<Ref<MemAllocOperation>> operation = MemAllocOperation::create(pool, bytes);
  if (!operation && operation.error() == CUDA_ERROR_OUT_OF_MEMORY && !stream.capture()) {
    // Frees that are still on their way may make room.
    stream.context().wait_for_work();
    operation = MemAllocOperation::create(std::move(pool), bytes);
  }
  const Ref<MemAllocOperation> allocation = TRY(std::move(operation));
  *out = allocation->address();
  // The address is good for all later work of any stream, so outside a capture there is nothing to enqueue.
  return stream.capture() ? stream.enqueue(allocation) : CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  return allocate_async(dptr, bytesize, stream->context().device().current_pool(), *stream);
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr* dptr, size_t bytesize, CUmemoryPool pool, CUstream hStream) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  return allocate_async(dptr, bytesize, TRY(find_pool(pool)), *stream);
}

CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (dptr == 0) return CUDA_SUCCESS;
  const bool capturing = static_cast<bool>(stream->capture());
  if (!capturing) VGPU_CHECK(check_unsafe_call());
  // Memory of a graph stays with it; only the graph's view of it changes, and that when the call is made.
  if (const auto freed = capturing ? std::nullopt : free_graph_allocation(dptr)) return *freed;
  bool freeable = false;
  Process::get()->memory().update(dptr, [&](Region& region) {
    const bool of_pool = region.kind == RegionKind::pool || (region.kind == RegionKind::imported && region.pool != 0);
    freeable = region.begin == dptr && !region.freeing && (of_pool || region.kind == RegionKind::device);
    if (freeable && !capturing) region.freeing = true;
  });
  if (!freeable) return CUDA_ERROR_INVALID_VALUE;
  return stream->enqueue_short(make_ref<MemFreeOperation>(dptr));
}

CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* poolProps) {
  TRY(current_process());
  if (pool == nullptr || poolProps == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Device* const device = TRY(get_location(&poolProps->location, poolProps->allocType));
  const CUmemAllocationHandleType types = poolProps->handleTypes;
  if (types != CU_MEM_HANDLE_TYPE_NONE && types != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)
    return CUDA_ERROR_NOT_SUPPORTED;
  const auto sharing = types == CU_MEM_HANDLE_TYPE_NONE ? Pool::Sharing::none : Pool::Sharing::shareable;
  *pool = handle_of(*TRY(Pool::create(*device, false, poolProps->maxSize, sharing)));
  return CUDA_SUCCESS;
}

CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  const Ref<Pool> found = TRY(find_pool(pool));
  if (found->is_default()) return CUDA_ERROR_INVALID_VALUE;
  // A device whose current pool goes uses its default pool again.
  Device& device = found->device();
  if (device.current_pool() == found) device.set_current_pool(Ref<Pool>(&device.default_pool()));
  if (!retire(found)) return CUDA_ERROR_INVALID_VALUE;
  found->trim(0);
  return CUDA_SUCCESS;
}

CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value) {
  const Ref<Pool> found = TRY(find_pool(pool));
  return value == nullptr ? CUDA_ERROR_INVALID_VALUE : found->set_attribute(attr, value);
}
CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value) {
  const Ref<Pool> found = TRY(find_pool(pool));
  return value == nullptr ? CUDA_ERROR_INVALID_VALUE : found->get_attribute(attr, value);
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t minBytesToKeep) {
  TRY(find_pool(pool))->trim(minBytesToKeep);
  return CUDA_SUCCESS;
}

CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc* map, size_t count) {
  const Ref<Pool> found = TRY(find_pool(pool));
  if (count > 0 && map == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) {
    if (map[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_INVALID_VALUE;
    Device* const device = TRY(get_device(map[i].location.id));
    VGPU_CHECK(found->set_access(device->ordinal(), map[i].flags));
  }
  return CUDA_SUCCESS;
}

CUresult cuMemPoolGetAccess(CUmemAccess_flags* flags, CUmemoryPool memPool, CUmemLocation* location) {
  const Ref<Pool> found = TRY(find_pool(memPool));
  if (flags == nullptr || location == nullptr || location->type != CU_MEM_LOCATION_TYPE_DEVICE)
    return CUDA_ERROR_INVALID_VALUE;
  *flags = found->access(TRY(get_device(location->id))->ordinal());
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool_out, CUdevice dev) {
  Device* const device = TRY(get_device(dev));
  if (pool_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pool_out = handle_of(device->default_pool());
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice dev) {
  const auto device = get_device(dev);
  // A card says this of a device that is not there, and not INVALID_DEVICE as elsewhere.
  if (!device.ok() || pool == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pool = handle_of(*device.value()->current_pool());
  return CUDA_SUCCESS;
}

CUresult cuDeviceSetMemPool(CUdevice dev, CUmemoryPool pool) {
  Device* const device = TRY(get_device(dev));
  Ref<Pool> found = TRY(find_pool(pool));
  if (&found->device() != device) return CUDA_ERROR_INVALID_DEVICE;
  device->set_current_pool(std::move(found));
  return CUDA_SUCCESS;
}

CUresult cuMemGetDefaultMemPool(CUmemoryPool* pool_out, CUmemLocation* location, CUmemAllocationType type) {
  return cuDeviceGetDefaultMemPool(pool_out, TRY(get_location(location, type))->ordinal());
}
CUresult cuMemGetMemPool(CUmemoryPool* pool, CUmemLocation* location, CUmemAllocationType type) {
  return cuDeviceGetMemPool(pool, TRY(get_location(location, type))->ordinal());
}
CUresult cuMemSetMemPool(CUmemLocation* location, CUmemAllocationType type, CUmemoryPool pool) {
  return cuDeviceSetMemPool(TRY(get_location(location, type))->ordinal(), pool);
}

}  // extern "C"
