// SPDX-License-Identifier: Apache-2.0
// Virtual memory management: cuMemAddressReserve, cuMemCreate, cuMemMap, cuMemSetAccess and their relatives.
#include <fcntl.h>
#include <sys/mman.h>
#include <algorithm>
#include <cstdint>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/physical_memory.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/thread_state.h"

using namespace vgpu::soft;

namespace {

constexpr size_t kGranularity = PhysicalMemory::kGranularity;

CUresult check_properties(const CUmemAllocationProp* properties) {
  if (properties == nullptr || properties->type != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  if (properties->location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
  Device* const device = TRY(get_device(properties->location.id));
  if (TRY(device->attribute(CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED)) == 0)
    return CUDA_ERROR_NOT_SUPPORTED;
  constexpr int kServed = CU_MEM_HANDLE_TYPE_NONE | CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  return (properties->requestedHandleTypes & ~kServed) == 0 ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

CuResult<Ref<PhysicalMemory>> find_memory(CUmemGenericAllocationHandle handle) {
  TRY(current_process());
  Ref<PhysicalMemory> memory = find<PhysicalMemory>(handle);
  if (!memory || !memory->has_handle()) return CUDA_ERROR_INVALID_VALUE;
  return memory;
}

// The mappings that make up exactly [begin, begin + size).
CuResult<std::vector<Region>> mappings_in(CUdeviceptr begin, size_t size) {
  AddressSpace& memory = TRY(current_process())->memory();
  std::vector<Region> result;
  if (size == 0 || begin + size < begin) return CUDA_ERROR_INVALID_VALUE;
  for (CUdeviceptr at = begin; at != begin + size; at = result.back().end()) {
    const std::optional<Region> region = memory.find(at);
    if (!region || region->kind != RegionKind::mapped || region->begin != at || region->end() > begin + size)
      return CUDA_ERROR_INVALID_VALUE;
    result.push_back(*region);
  }
  return result;
}

// The mappings inside [begin, begin + size), none of which may reach beyond it.
CuResult<std::vector<Region>> whole_mappings_in(CUdeviceptr begin, size_t size) {
  AddressSpace& memory = Process::get()->memory();
  std::vector<Region> result;
  for (CUdeviceptr at = begin; at != begin + size;) {
    const std::optional<Region> region = memory.find(at);
    if (!region) {
      at += kGranularity;
      continue;
    }
    if (region->begin != at || region->end() > begin + size) return CUDA_ERROR_INVALID_VALUE;
    result.push_back(*region);
    at = region->end();
  }
  return result;
}

// Kernels that may still use a mapping are waited for: the memory would go under their feet.
void wait_for_users() {
  Process& process = *Process::get();
  for (int ordinal = 0; ordinal < process.device_count(); ++ordinal)
    process.find_device(ordinal)->primary().wait_for_work();
  if (const CuResult<Context*> current = current_context_unchecked()) current.value()->wait_for_work();
}

CUresult apply_access(Region& region, const CUmemAccessDesc& access) {
  const DeviceMask bit = DeviceMask{1} << access.location.id;
  region.readable = access.flags == CU_MEM_ACCESS_FLAGS_PROT_NONE ? region.readable & ~bit : region.readable | bit;
  region.writable = access.flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE ? region.writable | bit : region.writable & ~bit;
  // Copies move memory through the process's own mapping, which therefore follows; what kernels may write is the
  // devices' business.
  const int protection = region.readable != 0 ? PROT_READ | PROT_WRITE : PROT_NONE;
  const int status = mprotect(reinterpret_cast<void*>(region.begin), region.size, protection);
  return status == 0 ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult check_access(const CUmemAccessDesc& access) {
  if (access.location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_INVALID_VALUE;
  TRY(get_device(access.location.id));
  const bool known = access.flags == CU_MEM_ACCESS_FLAGS_PROT_NONE || access.flags == CU_MEM_ACCESS_FLAGS_PROT_READ ||
                     access.flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

extern "C" {

CUresult cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* prop,
                                       CUmemAllocationGranularity_flags option) {
  TRY(current_process());
  if (granularity == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (option != CU_MEM_ALLOC_GRANULARITY_MINIMUM && option != CU_MEM_ALLOC_GRANULARITY_RECOMMENDED)
    return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_properties(prop));
  *granularity = kGranularity;
  return CUDA_SUCCESS;
}

CUresult cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr addr,
                             unsigned long long flags) {
  Process* const process = TRY(current_process());
  if (ptr == nullptr || size == 0 || size % kGranularity != 0 || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if ((alignment & (alignment - 1)) != 0 || addr % kGranularity != 0) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t begin = process->memory().reserve(size, std::max(alignment, kGranularity), addr);
  if (begin == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *ptr = begin;
  return CUDA_SUCCESS;
}

CUresult cuMemAddressFree(CUdeviceptr ptr, size_t size) {
  return TRY(current_process())->memory().unreserve(ptr, size) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop,
                     unsigned long long flags) {
  TRY(current_process());
  if (handle == nullptr || size == 0 || size % kGranularity != 0 || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_properties(prop));
  Device* const device = TRY(get_device(prop->location.id));
  *handle = handle_of(*TRY(PhysicalMemory::create(*device, size, *prop)));
  return CUDA_SUCCESS;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  return TRY(find_memory(handle))->release_handle() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemMap(CUdeviceptr ptr, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
  const Ref<PhysicalMemory> physical = TRY(find_memory(handle));
  AddressSpace& memory = Process::get()->memory();
  if (size == 0 || flags != 0 || ptr % kGranularity != 0 || size % kGranularity != 0 || offset % kGranularity != 0)
    return CUDA_ERROR_INVALID_VALUE;
  // Only whole allocations can be mapped, as with NVIDIA's driver.
  if (offset != 0 || size != physical->size()) return CUDA_ERROR_NOT_SUPPORTED;
  if (!memory.is_reserved(ptr, size)) return CUDA_ERROR_INVALID_VALUE;
  Region region;
  region.begin = ptr;
  region.size = size;
  region.kind = RegionKind::mapped;
  region.device = physical->properties().location.id;
  region.physical = physical->handle_value();
  region.physical_offset = offset;
  if (!memory.add(region)) return CUDA_ERROR_INVALID_VALUE;  // Something is mapped there already.
  // SAFETY: the range is part of a reservation, and the region now makes it this mapping's own.
  void* const at = mmap(reinterpret_cast<void*>(ptr), size, PROT_NONE, MAP_SHARED | MAP_FIXED, physical->file(),
                        static_cast<off_t>(offset));
  if (at == MAP_FAILED) {
    memory.remove(ptr, RegionKind::mapped);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  physical->add_mapping();
  return CUDA_SUCCESS;
}

// Whole mappings only; what is reserved without a mapping is passed over, as NVIDIA's driver does.
CUresult cuMemUnmap(CUdeviceptr ptr, size_t size) {
  TRY(current_process());
  if (size == 0 || ptr % kGranularity != 0 || size % kGranularity != 0) return CUDA_ERROR_INVALID_VALUE;
  if (!Process::get()->memory().is_reserved(ptr, size)) return CUDA_ERROR_INVALID_VALUE;
  const std::vector<Region> regions = TRY(whole_mappings_in(ptr, size));
  wait_for_users();
  AddressSpace& memory = Process::get()->memory();
  for (const Region& region : regions) {
    if (!memory.remove(region.begin, RegionKind::mapped)) return CUDA_ERROR_INVALID_VALUE;
    memory.forget_mapping(region.begin, region.size);
    if (const Ref<PhysicalMemory> physical = find<PhysicalMemory>(region.physical)) physical->release_mapping();
  }
  return CUDA_SUCCESS;
}

CUresult cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc* desc, size_t count) {
  const std::vector<Region> regions = TRY(mappings_in(ptr, size));
  if (desc == nullptr || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) VGPU_CHECK(check_access(desc[i]));
  CUresult status = CUDA_SUCCESS;
  for (const Region& region : regions)
    Process::get()->memory().update(region.begin, [&](Region& present) {
      for (size_t i = 0; i < count && status == CUDA_SUCCESS; ++i) status = apply_access(present, desc[i]);
    });
  return status;
}

CUresult cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location, CUdeviceptr ptr) {
  Process* const process = TRY(current_process());
  if (flags == nullptr || location == nullptr || location->type != CU_MEM_LOCATION_TYPE_DEVICE)
    return CUDA_ERROR_INVALID_VALUE;
  TRY(get_device(location->id));
  const std::optional<Region> region = process->memory().find(ptr);
  if (!region || region->kind != RegionKind::mapped) return CUDA_ERROR_INVALID_VALUE;
  const DeviceMask bit = DeviceMask{1} << location->id;
  *flags = (region->writable & bit) != 0   ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE
           : (region->readable & bit) != 0 ? CU_MEM_ACCESS_FLAGS_PROT_READ
                                           : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return CUDA_SUCCESS;
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* addr) {
  Process* const process = TRY(current_process());
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const std::optional<Region> region = process->memory().find(reinterpret_cast<uint64_t>(addr));
  if (!region || region->kind != RegionKind::mapped) return CUDA_ERROR_INVALID_VALUE;
  const Ref<PhysicalMemory> physical = find<PhysicalMemory>(region->physical);
  if (!physical) return CUDA_ERROR_INVALID_VALUE;
  physical->add_handle();
  *handle = handle_of(*physical);
  return CUDA_SUCCESS;
}

CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* prop, CUmemGenericAllocationHandle handle) {
  const Ref<PhysicalMemory> physical = TRY(find_memory(handle));
  if (prop == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *prop = physical->properties();
  return CUDA_SUCCESS;
}

CUresult cuMemExportToShareableHandle(void* shareableHandle, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType handleType, unsigned long long flags) {
  const Ref<PhysicalMemory> physical = TRY(find_memory(handle));
  if (shareableHandle == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (handleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  if ((physical->properties().requestedHandleTypes & handleType) == 0) return CUDA_ERROR_INVALID_VALUE;
  const int copy = fcntl(physical->file(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  *static_cast<int*>(shareableHandle) = copy;
  return CUDA_SUCCESS;
}

// For this handle type the pointer is the file descriptor itself.
CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* osHandle,
                                        CUmemAllocationHandleType shHandleType) {
  TRY(current_process());
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (shHandleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  const int copy = fcntl(static_cast<int>(reinterpret_cast<intptr_t>(osHandle)), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return CUDA_ERROR_INVALID_VALUE;
  *handle = handle_of(*TRY(PhysicalMemory::import(vgpu::UniqueFd(copy))));
  return CUDA_SUCCESS;
}

}  // extern "C"
