// SPDX-License-Identifier: Apache-2.0
// External memory. A guest has no other driver of the card, so the one thing that a descriptor can stand for is memory
// that CUDA itself has exported (cuMemExportToShareableHandle).
// CUDA driver API: External Resource Interoperability.
#include <unistd.h>

#include "common/bits.h"
#include "common/external_memory.h"
#include "libcuda/by_hand.h"
#include "libcuda/shared_descriptors.h"

namespace vgpu::guest {
namespace by_hand {

CUresult cuImportExternalMemory(CUexternalMemory* extMem_out, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC* memHandleDesc) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (extMem_out == nullptr || memHandleDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUresult status = check_external_memory(*memHandleDesc);
  if (status == CUDA_ERROR_NOT_SUPPORTED) return refuse("cuImportExternalMemory of this type of handle");
  VGPU_CHECK(status);
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
