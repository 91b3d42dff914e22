// SPDX-License-Identifier: Apache-2.0
// cuMemHostAlloc, cuMemAllocHost, cuMemFreeHost, cuMemHostRegister, cuMemHostUnregister, cuMemHostGetDevicePointer,
// cuMemHostGetFlags. Device and host pointers are the same (unified addressing).
#include "softgpu/driver/host_memory.h"

#include <sys/mman.h>

#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

namespace vgpu::soft {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t round_to_pages(uint64_t size) { return (size + kPage - 1) & ~(kPage - 1); }

Region host_region(const Context& context, RegionKind kind, size_t size, unsigned flags) {
  Region region;
  region.size = size;
  region.kind = kind;
  region.device = context.device().ordinal();
  region.context = context.handle_value();
  region.flags = flags;
  region.readable = region.writable = kAllDevices;
  return region;
}

CUresult host_alloc(void** out, size_t size, unsigned flags) {
  Context* const context = TRY(current_context());
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  constexpr unsigned kKnown = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
  if ((flags & ~kKnown) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (size == 0) {  // Nothing is a valid amount here, unlike for device memory.
    *out = nullptr;
    return CUDA_SUCCESS;
  }
  VGPU_CHECK(check_unsafe_call());
  const Region region =
      TRY(allocate_host_memory(Process::get()->memory(), host_region(*context, RegionKind::host, size, flags)));
  *out = reinterpret_cast<void*>(region.begin);
  return CUDA_SUCCESS;
}

CUresult host_register(void* pointer, size_t size, unsigned flags) {
  Context* const context = TRY(current_context());
  VGPU_CHECK(check_unsafe_call());
  const uint64_t begin = reinterpret_cast<uint64_t>(pointer);
  if (begin == 0 || size == 0 || begin + size < begin) return CUDA_ERROR_INVALID_VALUE;
  constexpr unsigned kKnown = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP | CU_MEMHOSTREGISTER_IOMEMORY |
                              CU_MEMHOSTREGISTER_READ_ONLY;
  if ((flags & ~kKnown) != 0) return CUDA_ERROR_INVALID_VALUE;
  if ((flags & CU_MEMHOSTREGISTER_IOMEMORY) != 0) return CUDA_ERROR_NOT_SUPPORTED;
  AddressSpace& memory = Process::get()->memory();
  if (memory.in_stretch(begin) || memory.in_stretch(begin + size - 1)) return CUDA_ERROR_INVALID_VALUE;
  // Pages that are not there cannot be locked.
  if (madvise(reinterpret_cast<void*>(begin & ~(kPage - 1)), round_to_pages((begin & (kPage - 1)) + size),
              MADV_NORMAL) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  Region region = host_region(*context, RegionKind::registered, size, flags);
  region.begin = begin;
  region.constant = (flags & CU_MEMHOSTREGISTER_READ_ONLY) != 0;
  if (region.constant) region.writable = 0;
  return memory.add(region) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
}

CUresult host_device_pointer(uint64_t* out, void* pointer, unsigned flags) {
  TRY(current_context());
  if (out == nullptr || pointer == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t address = reinterpret_cast<uint64_t>(pointer);
  const std::optional<Region> region = Process::get()->memory().find(address);
  if (!region || !(region->is_host() || region->kind == RegionKind::managed)) return CUDA_ERROR_INVALID_VALUE;
  *out = address;
  return CUDA_SUCCESS;
}

}  // namespace

CuResult<Region> allocate_host_memory(AddressSpace& memory, Region region) {
  if (region.size > SIZE_MAX - kPage) return CUDA_ERROR_OUT_OF_MEMORY;
  void* const at =
      mmap(nullptr, round_to_pages(region.size), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  region.begin = reinterpret_cast<uint64_t>(at);
  if (memory.add(region)) return region;
  munmap(at, round_to_pages(region.size));  // A stale registration of memory that the program has unmapped.
  return CUDA_ERROR_OUT_OF_MEMORY;
}

bool free_host_memory(AddressSpace& memory, uint64_t begin) {
  const std::optional<Region> region = memory.remove(begin, RegionKind::host);
  if (!region) return false;
  munmap(reinterpret_cast<void*>(begin), round_to_pages(region->size));
  return true;
}

}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" {

CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned flags) { return host_alloc(pp, bytesize, flags); }
CUresult cuMemAllocHost_v2(void** pp, size_t bytesize) { return host_alloc(pp, bytesize, 0); }
CUresult cuMemAllocHost(void** pp, unsigned bytesize) { return host_alloc(pp, bytesize, 0); }

CUresult cuMemFreeHost(void* p) {
  Context* const context = TRY(current_context());
  if (p == nullptr) return CUDA_SUCCESS;
  VGPU_CHECK(check_unsafe_call());
  AddressSpace& memory = Process::get()->memory();
  const std::optional<Region> region = memory.find(reinterpret_cast<uint64_t>(p));
  if (!region || region->kind != RegionKind::host || region->begin != reinterpret_cast<uint64_t>(p))
    return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(context->settle());
  return free_host_memory(memory, region->begin) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemHostRegister_v2(void* p, size_t bytesize, unsigned flags) { return host_register(p, bytesize, flags); }
CUresult cuMemHostRegister(void* p, size_t bytesize, unsigned flags) { return host_register(p, bytesize, flags); }

CUresult cuMemHostUnregister(void* p) {
  Context* const context = TRY(current_context());
  if (p == nullptr) return CUDA_ERROR_INVALID_VALUE;
  AddressSpace& memory = Process::get()->memory();
  const std::optional<Region> region = memory.find(reinterpret_cast<uint64_t>(p));
  if (!region || region->kind != RegionKind::registered || region->begin != reinterpret_cast<uint64_t>(p))
    return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  VGPU_CHECK(check_unsafe_call());
  VGPU_CHECK(context->settle());
  return memory.remove(region->begin, RegionKind::registered) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned flags) {
  uint64_t address = 0;
  VGPU_CHECK(host_device_pointer(pdptr == nullptr ? nullptr : &address, p, flags));
  *pdptr = address;
  return CUDA_SUCCESS;
}

// The first ABI has 32-bit device pointers, which cannot hold these addresses.
CUresult cuMemHostGetDevicePointer(CUdeviceptr_v1*, void*, unsigned) { return CUDA_ERROR_NOT_SUPPORTED; }

CUresult cuMemHostGetFlags(unsigned* pFlags, void* p) {
  TRY(current_context());
  if (pFlags == nullptr || p == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const std::optional<Region> region = Process::get()->memory().find(reinterpret_cast<uint64_t>(p));
  if (!region || !region->is_host()) return CUDA_ERROR_INVALID_VALUE;
  // Under unified addressing all such memory is portable and mapped. NVIDIA's driver tells of the first only where the
  // second was asked for, and so does this one.
  const bool asked_for_mapping = (region->flags & CU_MEMHOSTALLOC_DEVICEMAP) != 0;
  *pFlags = asked_for_mapping ? region->flags
                              : (region->flags & ~unsigned{CU_MEMHOSTALLOC_PORTABLE}) | CU_MEMHOSTALLOC_DEVICEMAP;
  return CUDA_SUCCESS;
}

}  // extern "C"
