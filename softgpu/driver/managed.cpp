// SPDX-License-Identifier: Apache-2.0
// Managed memory: cuMemAllocManaged, cuMemAdvise, cuMemPrefetchAsync, cuMemRangeGetAttribute, cuStreamAttachMemAsync.
// All memory of this device is the host's, so managed memory needs no migration: advice and prefetches are checked,
// remembered for the queries, and otherwise without effect.
#include <cstring>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

using namespace vgpu::soft;

namespace {

// The managed region that holds the whole range.
CuResult<Region> find_managed(CUdeviceptr begin, size_t size) {
  if (size == 0) return CUDA_ERROR_INVALID_VALUE;
  const std::optional<Region> region = Process::get()->memory().find(begin);
  if (!region || region->kind != RegionKind::managed || size > region->end() - begin) return CUDA_ERROR_INVALID_VALUE;
  return *region;
}

CUresult check_location(const CUmemLocation& location) {
  switch (location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE: TRY(get_device(location.id)); return CUDA_SUCCESS;
    case CU_MEM_LOCATION_TYPE_HOST:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT: return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUmemLocation location_of(CUdevice device) {
  return device == CU_DEVICE_CPU ? CUmemLocation{CU_MEM_LOCATION_TYPE_HOST, 0}
                                 : CUmemLocation{CU_MEM_LOCATION_TYPE_DEVICE, device};
}

void set_accessed_by(Region& region, const CUmemLocation& location, bool on) {
  if (location.type != CU_MEM_LOCATION_TYPE_DEVICE) {
    region.accessed_by_host = on;
    return;
  }
  const DeviceMask bit = DeviceMask{1} << location.id;
  region.accessed_by = on ? region.accessed_by | bit : region.accessed_by & ~bit;
}

CUresult advise(CUdeviceptr begin, size_t size, CUmem_advise advice, const CUmemLocation& location) {
  TRY(current_context());
  TRY(find_managed(begin, size));
  const bool needs_location = advice == CU_MEM_ADVISE_SET_PREFERRED_LOCATION ||
                              advice == CU_MEM_ADVISE_SET_ACCESSED_BY || advice == CU_MEM_ADVISE_UNSET_ACCESSED_BY;
  if (needs_location) VGPU_CHECK(check_location(location));
  if (advice < CU_MEM_ADVISE_SET_READ_MOSTLY || advice > CU_MEM_ADVISE_UNSET_ACCESSED_BY)
    return CUDA_ERROR_INVALID_VALUE;
  Process::get()->memory().update(begin, [&](Region& region) {
    switch (advice) {
      case CU_MEM_ADVISE_SET_READ_MOSTLY: region.read_mostly = true; break;
      case CU_MEM_ADVISE_UNSET_READ_MOSTLY: region.read_mostly = false; break;
      case CU_MEM_ADVISE_SET_PREFERRED_LOCATION: region.preferred = location; break;
      case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION: region.preferred = {CU_MEM_LOCATION_TYPE_INVALID, 0}; break;
      case CU_MEM_ADVISE_SET_ACCESSED_BY: set_accessed_by(region, location, true); break;
      case CU_MEM_ADVISE_UNSET_ACCESSED_BY: set_accessed_by(region, location, false); break;
    }
  });
  return CUDA_SUCCESS;
}

CUresult prefetch(CUdeviceptr begin, size_t size, const CUmemLocation& location, CUstream handle) {
  const Ref<Stream> stream = TRY(find_stream(handle));
  VGPU_CHECK(check_location(location));
  TRY(find_managed(begin, size));
  VGPU_CHECK(stream->refuse_in_capture());
  Process::get()->memory().update(begin, [&](Region& region) { region.prefetched = location; });
  return CUDA_SUCCESS;
}

struct Locations {
  const CUmemLocation* locations;
  const size_t* first_operations;
  size_t count;
};

// Each location applies from one operation up to the next entry's; the first begins at operation 0. NVIDIA's driver
// does not look at the order of the others.
CUresult check_batch(const CUdeviceptr* ranges, const size_t* sizes, size_t count, const Locations& given) {
  if (ranges == nullptr || sizes == nullptr || count == 0 || given.locations == nullptr ||
      given.first_operations == nullptr || given.count == 0 || given.count > count)
    return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < given.count; ++i) {
    const size_t first = given.first_operations[i];
    if (first >= count || (i == 0 && first != 0)) return CUDA_ERROR_INVALID_VALUE;
    VGPU_CHECK(check_location(given.locations[i]));
  }
  for (size_t i = 0; i < count; ++i) TRY(find_managed(ranges[i], sizes[i]));
  return CUDA_SUCCESS;
}

CUresult prefetch_batch(const CUdeviceptr* ranges, const size_t* sizes, size_t count, const Locations& given,
                        CUstream stream) {
  TRY(find_batch_stream(stream));
  VGPU_CHECK(check_batch(ranges, sizes, count, given));
  size_t entry = 0;
  for (size_t i = 0; i < count; ++i) {
    // From the second operation on, and one place at a time, as NVIDIA's driver looks for the next one's beginning.
    if (i > 0 && entry + 1 < given.count && given.first_operations[entry + 1] == i) ++entry;
    VGPU_CHECK(prefetch(ranges[i], sizes[i], given.locations[entry], stream));
  }
  return CUDA_SUCCESS;
}

// The old attributes name a location by a device number, the CPU and "none" being negative.
int device_number(const CUmemLocation& location) {
  switch (location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE: return location.id;
    case CU_MEM_LOCATION_TYPE_INVALID: return CU_DEVICE_INVALID;
    default: return CU_DEVICE_CPU;
  }
}

CUresult give_accessed_by(int* out, size_t count, const Region& region) {
  size_t used = 0;
  if (region.accessed_by_host && used < count) out[used++] = CU_DEVICE_CPU;
  for (int device = 0; device < kMaxDevices && used < count; ++device)
    if ((region.accessed_by >> device & 1) != 0) out[used++] = device;
  while (used < count) out[used++] = CU_DEVICE_INVALID;
  return CUDA_SUCCESS;
}

CUresult range_attribute(void* data, size_t size, CUmem_range_attribute attribute, const Region& region) {
  if (data == nullptr || size == 0 || size % 4 != 0) return CUDA_ERROR_INVALID_VALUE;
  int* const out = static_cast<int*>(data);
  if (attribute == CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY) return give_accessed_by(out, size / 4, region);
  if (size != 4) return CUDA_ERROR_INVALID_VALUE;
  switch (attribute) {
    case CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY: *out = region.read_mostly ? 1 : 0; break;
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION: *out = device_number(region.preferred); break;
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION: *out = device_number(region.prefetched); break;
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE: *out = static_cast<int>(region.preferred.type); break;
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_ID: *out = region.preferred.id; break;
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE: *out = static_cast<int>(region.prefetched.type); break;
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_ID: *out = region.prefetched.id; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuMemAllocManaged(CUdeviceptr* dptr, size_t bytesize, unsigned int flags) {
  Context* const context = TRY(current_context());
  if (dptr == nullptr || bytesize == 0) return CUDA_ERROR_INVALID_VALUE;
  if (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_unsafe_call());
  constexpr uint64_t kPage = 4096;
  Region region;
  region.size = bytesize;
  region.kind = RegionKind::managed;
  region.device = context->device().ordinal();
  region.context = context->handle_value();
  region.flags = flags;
  *dptr = TRY(Process::get()->memory().allocate(region, kPage)).begin;
  return CUDA_SUCCESS;
}

CUresult cuMemAdvise(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUdevice device) {
  return advise(devPtr, count, advice, location_of(device));
}
CUresult cuMemAdvise_v2(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUmemLocation location) {
  return advise(devPtr, count, advice, location);
}

CUresult cuMemPrefetchAsync(CUdeviceptr devPtr, size_t count, CUdevice dstDevice, CUstream hStream) {
  return prefetch(devPtr, count, location_of(dstDevice), hStream);
}
CUresult cuMemPrefetchAsync_v2(CUdeviceptr devPtr, size_t count, CUmemLocation location, unsigned int flags,
                               CUstream hStream) {
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  return prefetch(devPtr, count, location, hStream);
}

CUresult cuMemPrefetchBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, CUmemLocation* prefetchLocs,
                                 size_t* prefetchLocIdxs, size_t numPrefetchLocs, unsigned long long flags,
                                 CUstream hStream) {
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  return prefetch_batch(dptrs, sizes, count, {prefetchLocs, prefetchLocIdxs, numPrefetchLocs}, hStream);
}

// Discarding allows the contents to be lost; they are not.
CUresult cuMemDiscardBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, unsigned long long flags,
                                CUstream hStream) {
  const Ref<Stream> stream = TRY(find_batch_stream(hStream));
  if (dptrs == nullptr || sizes == nullptr || count == 0 || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) TRY(find_managed(dptrs[i], sizes[i]));
  return stream->refuse_in_capture();
}
CUresult cuMemDiscardAndPrefetchBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, CUmemLocation* prefetchLocs,
                                           size_t* prefetchLocIdxs, size_t numPrefetchLocs, unsigned long long flags,
                                           CUstream hStream) {
  return cuMemPrefetchBatchAsync(dptrs, sizes, count, prefetchLocs, prefetchLocIdxs, numPrefetchLocs, flags, hStream);
}

CUresult cuMemRangeGetAttribute(void* data, size_t dataSize, CUmem_range_attribute attribute, CUdeviceptr devPtr,
                                size_t count) {
  TRY(current_context());
  return range_attribute(data, dataSize, attribute, TRY(find_managed(devPtr, count)));
}

CUresult cuMemRangeGetAttributes(void** data, size_t* dataSizes, CUmem_range_attribute* attributes,
                                 size_t numAttributes, CUdeviceptr devPtr, size_t count) {
  TRY(current_context());
  if (data == nullptr || dataSizes == nullptr || attributes == nullptr || numAttributes == 0)
    return CUDA_ERROR_INVALID_VALUE;
  const Region region = TRY(find_managed(devPtr, count));
  for (size_t i = 0; i < numAttributes; ++i) VGPU_CHECK(range_attribute(data[i], dataSizes[i], attributes[i], region));
  return CUDA_SUCCESS;
}

// Attachment restricts which stream's kernels may see managed memory; here all may, always.
CUresult cuStreamAttachMemAsync(CUstream hStream, CUdeviceptr dptr, size_t length, unsigned int flags) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST && flags != CU_MEM_ATTACH_SINGLE)
    return CUDA_ERROR_INVALID_VALUE;
  if (flags == CU_MEM_ATTACH_SINGLE && stream->type() == Stream::Type::legacy) return CUDA_ERROR_INVALID_VALUE;
  const std::optional<Region> region = Process::get()->memory().find(dptr);
  if (!region || region->kind != RegionKind::managed || region->begin != dptr) return CUDA_ERROR_INVALID_VALUE;
  if (length != 0 && length != region->size) return CUDA_ERROR_INVALID_VALUE;
  return stream->refuse_in_capture();
}

}  // extern "C"
