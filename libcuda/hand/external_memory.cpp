// SPDX-License-Identifier: Apache-2.0
// External memory. A guest has no other driver of the card, so the one thing that a descriptor can stand for is memory
// that CUDA itself has exported (cuMemExportToShareableHandle).
// CUDA driver API: External Resource Interoperability.
#include <unistd.h>

#include "common/bits.h"
#include "libcuda/by_hand.h"
#include "libcuda/shared_descriptors.h"

namespace vgpu::guest {
namespace {

CUresult check_description(const CUDA_EXTERNAL_MEMORY_HANDLE_DESC& description) {
  if (description.type < CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD ||
      description.type > CU_EXTERNAL_MEMORY_HANDLE_TYPE_DMABUF_FD)
    return CUDA_ERROR_INVALID_VALUE;
  if (description.type != CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD)
    return refuse("cuImportExternalMemory of this type of handle");
  const bool known_flags = (description.flags & ~unsigned{CUDA_EXTERNAL_MEMORY_DEDICATED}) == 0;
  return description.size != 0 && known_flags ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

namespace by_hand {

CUresult cuImportExternalMemory(CUexternalMemory* extMem_out, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC* memHandleDesc) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (extMem_out == nullptr || memHandleDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_description(*memHandleDesc));
  const int descriptor = memHandleDesc->handle.fd;
  const auto name = SharedDescriptors::read(descriptor);
  if (!name) return CUDA_ERROR_OPERATING_SYSTEM;
  Remote remote(admitted, api::opcode::cuImportExternalMemory);
  remote.writer().put(wire::ExternalMemory{*name, memHandleDesc->size, memHandleDesc->flags, 0});
  VGPU_CHECK(remote.may_block().call());
  const auto made = remote.reader().get<uint64_t>();
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  admitted.process->handles().made(Kind::external_memory, made);
  *extMem_out = from_bits<CUexternalMemory>(made);
  ::close(descriptor);  // What is imported is CUDA's.
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
