// SPDX-License-Identifier: Apache-2.0
#include "libcuda/host_pages.h"

#include "common/log.h"
#include "common/pages.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

CUresult unregister_pages(const Admitted& admitted, uint64_t address) {
  Remote remote(admitted, api::opcode::cuMemHostUnregister);
  remote.writer().put(address);
  return remote.may_block().call();
}

// Registration flags for memory that the program allocated with these allocation flags.
unsigned register_flags(unsigned allocation_flags) {
  unsigned flags = CU_MEMHOSTREGISTER_DEVICEMAP;
  if ((allocation_flags & CU_MEMHOSTALLOC_PORTABLE) != 0) flags |= CU_MEMHOSTREGISTER_PORTABLE;
  return flags;
}

}  // namespace

CUresult register_pages(const Admitted& admitted, uint64_t address, uint64_t bytes, unsigned flags) {
  Remote remote(admitted, api::opcode::cuMemHostRegister_v2);
  remote.writer().put(address);
  remote.writer().put(bytes);
  remote.writer().put(static_cast<uint32_t>(flags));
  return remote.may_block().call();
}

CUresult allocate_pages(const Admitted& admitted, uint64_t bytes, HostKind kind, unsigned flags, uint64_t& address) {
  Result<uint64_t> pages = admitted.process->host_memory().allocate(bytes, kind, flags);
  if (!pages.ok()) {
    VGPU_WARN("%s", pages.error().message.c_str());
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  if (const CUresult status = register_pages(admitted, *pages, page_up(bytes), register_flags(flags));
      status != CUDA_SUCCESS) {
    admitted.process->host_memory().release(*pages);
    return status;
  }
  address = *pages;
  note_pages(admitted, address, bytes, kind);
  return CUDA_SUCCESS;
}

void note_pages(const Admitted& admitted, uint64_t address, uint64_t bytes, HostKind kind) {
  const bool managed = kind == HostKind::managed;
  AllocationFacts facts;
  if (const Context* current = admitted.thread->current()) facts.context = current->handle();
  const auto set = [&](CUpointer_attribute attribute, uint64_t value) {
    facts.set(attribute, address, {PointerFact::State::known, value});
  };
  set(CU_POINTER_ATTRIBUTE_MEMORY_TYPE, managed ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST);
  set(CU_POINTER_ATTRIBUTE_IS_MANAGED, managed ? 1 : 0);
  if (managed) set(CU_POINTER_ATTRIBUTE_RANGE_SIZE, bytes);
  else set(CU_POINTER_ATTRIBUTE_HOST_POINTER, address);
  admitted.process->pointer_facts().add(address, bytes, facts);
}

CUresult release_pages(const Admitted& admitted, uint64_t address) {
  admitted.process->pointer_facts().remove(address);
  VGPU_CHECK(unregister_pages(admitted, address));
  admitted.process->host_memory().release(address);
  return CUDA_SUCCESS;
}

}  // namespace vgpu::guest
