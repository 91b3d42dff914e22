// SPDX-License-Identifier: Apache-2.0
// Arrays and mipmapped arrays are device memory: they count against the session's budget. What backs a sparse
// array is an allocation of its own, which counts by itself.
#include <algorithm>
#include <span>

#include "common/bits.h"
#include "host/worker/hand/accounted.h"
#include "host/worker/hand/array_format.h"

namespace vgpu::host::hand {
namespace {

// What the elements take; the driver's tiling may add to it. Half of the range on overflow, which no budget has.
uint64_t bytes_of(uint64_t width, uint64_t height, uint64_t depth, CUarray_format format, unsigned channels,
                  unsigned levels) {
  uint64_t bytes = element_bytes(format, channels);
  for (const uint64_t extent : {width, std::max<uint64_t>(height, 1), std::max<uint64_t>(depth, 1)})
    if (__builtin_mul_overflow(bytes, extent, &bytes)) return ~uint64_t{0} >> 1;
  // Each further level is at most half of the one before.
  return levels > 1 && __builtin_mul_overflow(bytes, uint64_t{2}, &bytes) ? ~uint64_t{0} >> 1 : bytes;
}

uint64_t array_bytes(const RowCall& row) {
  if (row.call.opcode == api::opcode::cuArrayCreate_v2) {
    const auto* flat = row.argument<const CUDA_ARRAY_DESCRIPTOR*>(1);
    return flat == nullptr ? 0 : bytes_of(flat->Width, flat->Height, 1, flat->Format, flat->NumChannels, 1);
  }
  const auto* box = row.argument<const CUDA_ARRAY3D_DESCRIPTOR*>(1);
  if (box == nullptr || (box->Flags & (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING)) != 0) return 0;
  const unsigned levels = row.call.opcode == api::opcode::cuMipmappedArrayCreate ? row.argument<unsigned>(2) : 1;
  return bytes_of(box->Width, box->Height, box->Depth, box->Format, box->NumChannels, levels);
}

}  // namespace

// cuArrayCreate_v2, cuArray3DCreate_v2, cuMipmappedArrayCreate: (handle, descriptor, ...).
CUresult array_create(Invocation& invocation) {
  return accounted(invocation, *api::find_row(invocation.command.opcode), array_bytes, result_in_argument_0);
}

// cuArrayDestroy, cuMipmappedArrayDestroy.
CUresult array_destroy(Invocation& invocation) {
  return accounted_release(invocation, *api::find_row(invocation.command.opcode));
}

namespace {

// The driver's handles in place of the guest's. NVIDIA's driver (580) judges all of a mapping but that it has memory.
CUresult translate(Invocation& invocation, CUarrayMapInfo& mapping) {
  const bool is_array = mapping.resourceType == CU_RESOURCE_TYPE_ARRAY;
  if (!is_array && mapping.resourceType != CU_RESOURCE_TYPE_MIPMAPPED_ARRAY) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t resource = bits_of(mapping.resource.array);
  if (resource == 0) return CUDA_ERROR_INVALID_VALUE;
  const bool known = is_array ? invocation.real(Kind::array, resource, mapping.resource.array)
                              : invocation.real(Kind::mipmapped_array, resource, mapping.resource.mipmap);
  if (!known) return CUDA_ERROR_INVALID_HANDLE;
  CUmemGenericAllocationHandle& memory = mapping.memHandle.memHandle;
  if (memory == 0 && mapping.memOperationType != CU_MEM_OPERATION_TYPE_UNMAP) return CUDA_ERROR_INVALID_VALUE;
  return invocation.real(Kind::memory, memory, memory) ? CUDA_SUCCESS : error_for(Kind::memory);
}

}  // namespace

// cuMemMapArrayAsync: (mapInfoList, count, hStream).
CUresult map_arrays(Invocation& invocation) {
  RowCall row{api::spec::cuMemMapArrayAsync, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  auto* operations = row.argument<CUarrayMapInfo*>(0);
  const unsigned count = row.argument<unsigned>(1);
  if (operations == nullptr || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (CUarrayMapInfo& mapping : std::span(operations, count))
    if (const CUresult status = translate(invocation, mapping); status != CUDA_SUCCESS) return status;
  return call_row(invocation, row);
}

}  // namespace vgpu::host::hand
