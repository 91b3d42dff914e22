// SPDX-License-Identifier: Apache-2.0
// Device memory that crosses by its row, and host memory that both sides map at the same address. CUDA driver API:
// Memory Management, Virtual Memory Management, Stream Ordered Memory Allocator.
#include <algorithm>
#include <cstring>

#include "common/bits.h"
#include "common/log.h"
#include "libcuda/by_hand.h"
#include "libcuda/host_pages.h"
#include "libcuda/managed.h"

namespace vgpu::guest {
namespace {

enum class Origin { context, default_pool, pool };

// What is certain about device memory without a question. CUDA driver API: Unified Addressing.
AllocationFacts facts_of(const Admitted& admitted, Origin origin, uint64_t address) {
  const Context& current = *admitted.thread->current();
  AllocationFacts facts;
  facts.context = current.handle();
  facts.pooled = origin != Origin::context;
  const auto set = [&](CUpointer_attribute attribute, uint64_t value) {
    facts.set(attribute, address, {PointerFact::State::known, value});
  };
  // A pool that the program has made may be the host's.
  if (origin != Origin::pool) set(CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_MEMORYTYPE_DEVICE);
  if (origin != Origin::context) return facts;
  set(CU_POINTER_ATTRIBUTE_IS_MANAGED, 0);
  set(CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, static_cast<uint64_t>(current.device()));
  set(CU_POINTER_ATTRIBUTE_DEVICE_POINTER, address);
  set(CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, address);
  // A context of another sort may stand for this one.
  if (current.is_primary()) set(CU_POINTER_ATTRIBUTE_CONTEXT, current.handle());
  // Processors that share their page tables with the device might reach its memory.
  const int32_t* const attribute = admitted.process->device(current.device())->attribute;
  if (attribute[CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES] == 0)
    facts.set(CU_POINTER_ATTRIBUTE_HOST_POINTER, address, {PointerFact::State::refused, 0});
  return facts;
}

// Remembers what was allocated, when it was.
CUresult note_allocated(const Admitted& admitted, CUresult status, const CUdeviceptr* address, uint64_t bytes,
                        Origin origin) {
  // What is allocated in a capture is there only while its graph runs.
  const bool captures = admitted.process->captures.load(std::memory_order_relaxed) != 0;
  if (captures && origin != Origin::context) admitted.process->graphs_allocate.store(true, std::memory_order_relaxed);
  if (status != CUDA_SUCCESS || address == nullptr || captures) return status;
  admitted.process->host_memory().forget_managed(*address, bytes);
  admitted.process->device_ranges().add(*address, bytes);
  admitted.process->pointer_facts().add(*address, bytes, facts_of(admitted, origin, *address));
  return status;
}

// Work that uses the pages comes to its end first. A capture forbids all threads to wait for the context, and not to
// free memory: then the driver's own wait has to do.
CUresult wait_before_release(const Admitted& admitted) {
  const bool captures = admitted.process->captures.load(std::memory_order_relaxed) != 0;
  if (captures && admitted.thread->current() != nullptr) return CUDA_SUCCESS;
  return forward(admitted, api::spec::cuCtxSynchronize);
}

void forget_allocated(const Admitted& admitted, uint64_t address) {
  admitted.process->device_ranges().remove(address);
  admitted.process->pointer_facts().remove(address);
}

}  // namespace

namespace by_hand {

CUresult cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return note_allocated(admitted, forward_blocking(admitted, api::spec::cuMemAlloc_v2, dptr, bytesize), dptr, bytesize,
                        Origin::context);
}

CUresult cuMemAllocPitch_v2(CUdeviceptr* dptr, size_t* pPitch, size_t WidthInBytes, size_t Height,
                            unsigned int ElementSizeBytes) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  VGPU_CHECK(
      forward_blocking(admitted, api::spec::cuMemAllocPitch_v2, dptr, pPitch, WidthInBytes, Height, ElementSizeBytes));
  return note_allocated(admitted, CUDA_SUCCESS, dptr, *pPitch * Height, Origin::context);
}

CUresult cuMemFree_v2(CUdeviceptr dptr) {
  VGPU_ADMIT(admitted);
  if (dptr == 0) return CUDA_SUCCESS;
  const std::optional<HostRange> managed = admitted.process->host_memory().starting_at(dptr);
  if (managed && managed->kind == HostKind::managed) {
    // Freeing waits for the device, as cuMemFree does.
    VGPU_CHECK(wait_before_release(admitted));
    forget_advice(dptr);
    return release_pages(admitted, dptr);
  }
  forget_allocated(admitted, dptr);
  return forward_blocking(admitted, api::spec::cuMemFree_v2, dptr);
}

CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return note_allocated(admitted, forward(admitted, api::spec::cuMemAllocAsync, dptr, bytesize, hStream), dptr,
                        bytesize, Origin::default_pool);
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr* dptr, size_t bytesize, CUmemoryPool pool, CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return note_allocated(admitted, forward(admitted, api::spec::cuMemAllocFromPoolAsync, dptr, bytesize, pool, hStream),
                        dptr, bytesize, Origin::pool);
}

CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (!admitted.process->device_ranges().begins_at(dptr))
    return forward(admitted, api::spec::cuMemFreeAsync, dptr, hStream);
  forget_allocated(admitted, dptr);
  return forward_posted(admitted, api::spec::cuMemFreeAsync, dptr, hStream);
}

CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* poolProps) {
  VGPU_ADMIT(admitted);
  if (pool == nullptr || poolProps == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (is_host_location(poolProps->location)) return refuse("cuMemPoolCreate of host memory");
  Remote remote(admitted, api::opcode::cuMemPoolCreate);
  remote.writer().put(*poolProps);
  VGPU_CHECK(remote.may_block().call());
  const auto handle = remote.reader().get<uint64_t>();
  admitted.process->handles().made(Kind::memory_pool, handle);
  std::memcpy(pool, &handle, sizeof *pool);
  return CUDA_SUCCESS;
}

CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int Flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  constexpr unsigned kKnown = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
  if (pp == nullptr || bytesize == 0 || (Flags & ~kKnown) != 0) return CUDA_ERROR_INVALID_VALUE;
  uint64_t address = 0;
  VGPU_CHECK(allocate_pages(admitted, bytesize, HostKind::allocated, Flags, address));
  *pp = from_bits<void*>(address);
  return CUDA_SUCCESS;
}

CUresult cuMemAllocHost_v2(void** pp, size_t bytesize) {
  return by_hand::cuMemHostAlloc(pp, bytesize, CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP);
}

CUresult cuMemAllocHost(void** pp, unsigned int bytesize) { return by_hand::cuMemAllocHost_v2(pp, bytesize); }

CUresult cuMemFreeHost(void* p) {
  VGPU_ADMIT(admitted);
  if (p == nullptr) return CUDA_SUCCESS;
  const std::optional<HostRange> range = admitted.process->host_memory().starting_at(bits_of(p));
  if (!range || range->kind != HostKind::allocated) return CUDA_ERROR_INVALID_VALUE;
  if (admitted.thread->current() != nullptr) VGPU_CHECK(wait_before_release(admitted));
  return release_pages(admitted, range->address);
}

CUresult cuMemHostRegister_v2(void* p, size_t bytesize, unsigned int Flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  constexpr unsigned kKnown = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP | CU_MEMHOSTREGISTER_IOMEMORY |
                              CU_MEMHOSTREGISTER_READ_ONLY;
  const uint64_t address = bits_of(p);
  if (p == nullptr || bytesize == 0 || (Flags & ~kKnown) != 0 || address + bytesize < address)
    return CUDA_ERROR_INVALID_VALUE;
  if ((Flags & CU_MEMHOSTREGISTER_IOMEMORY) != 0) return refuse("cuMemHostRegister with IOMEMORY");
  HostMemory& memory = admitted.process->host_memory();
  if (memory.overlaps(address, bytesize)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  if (Result<void> shared = memory.share(address, bytesize, HostKind::registered, Flags); !shared.ok()) {
    VGPU_WARN("cuMemHostRegister: %s", shared.error().message.c_str());
    return CUDA_ERROR_OPERATING_SYSTEM;
  }
  const CUresult status = register_pages(admitted, address, bytesize, Flags);
  if (status != CUDA_SUCCESS) memory.release(address);
  else note_pages(admitted, address, bytesize, HostKind::registered);
  return status;
}

CUresult cuMemHostRegister(void* p, size_t bytesize, unsigned int Flags) {
  return by_hand::cuMemHostRegister_v2(p, bytesize, Flags);
}

CUresult cuMemHostUnregister(void* p) {
  VGPU_ADMIT(admitted);
  if (p == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const std::optional<HostRange> range = admitted.process->host_memory().starting_at(bits_of(p));
  if (!range || range->kind != HostKind::registered) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  if (admitted.thread->current() != nullptr) VGPU_CHECK(wait_before_release(admitted));
  return release_pages(admitted, range->address);
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int Flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (pdptr == nullptr || p == nullptr || Flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (!admitted.process->host_memory().containing(bits_of(p), 1)) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, api::opcode::cuMemHostGetDevicePointer_v2);
  remote.writer().put(bits_of(p));
  remote.writer().put(static_cast<uint32_t>(Flags));
  VGPU_CHECK(remote.call());
  *pdptr = remote.reader().get<uint64_t>();
  return remote.reader().complete() ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

CUresult cuMemHostGetFlags(unsigned int* pFlags, void* p) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (pFlags == nullptr || p == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const std::optional<HostRange> range = admitted.process->host_memory().containing(bits_of(p), 1);
  if (!range || range->kind == HostKind::managed) return CUDA_ERROR_INVALID_VALUE;
  // Under unified addressing everything is mapped (CUDA driver API, Unified Addressing).
  *pFlags = range->flags | CU_MEMHOSTALLOC_DEVICEMAP;
  return CUDA_SUCCESS;
}

CUresult cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr addr,
                             unsigned long long flags) {
  VGPU_ADMIT(admitted);
  return forward_blocking(admitted, api::spec::cuMemAddressReserve, ptr, size, alignment, addr, flags);
}

CUresult cuMemAddressFree(CUdeviceptr ptr, size_t size) {
  VGPU_ADMIT(admitted);
  return forward_blocking(admitted, api::spec::cuMemAddressFree, ptr, size);
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* addr) {
  VGPU_ADMIT(admitted);
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, api::opcode::cuMemRetainAllocationHandle);
  remote.writer().put(bits_of(addr));
  VGPU_CHECK(remote.call());
  *handle = remote.reader().get<uint64_t>();
  admitted.process->handles().made(Kind::memory, *handle);
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
