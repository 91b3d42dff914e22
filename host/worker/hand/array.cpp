// SPDX-License-Identifier: Apache-2.0
// Arrays and mipmapped arrays are device memory: they count against the session's budget. What backs a sparse
// array is an allocation of its own, which counts by itself.
#include <algorithm>
#include <optional>
#include <span>

#include "common/bits.h"
#include "host/worker/hand/accounted.h"
#include "host/worker/hand/array_format.h"
#include "host/worker/hand/tile_mapping.h"

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

// One session per process, so these are the session's.
MappableArrays& mappable_arrays() {
  static MappableArrays arrays;
  return arrays;
}

// As it was made; a flat one has memory of its own.
MappableArray made_by(const RowCall& row) {
  if (row.call.opcode == api::opcode::cuArrayCreate_v2) return {};
  const auto* box = row.argument<const CUDA_ARRAY3D_DESCRIPTOR*>(1);
  const unsigned levels = row.call.opcode == api::opcode::cuMipmappedArrayCreate ? row.argument<unsigned>(2) : 1;
  return box == nullptr ? MappableArray{} : MappableArray{*box, levels};
}

// The driver's handles in place of the guest's. Only what is unmapped needs no memory.
CUresult translate(Invocation& invocation, CUarrayMapInfo& mapping) {
  const bool is_array = mapping.resourceType == CU_RESOURCE_TYPE_ARRAY;
  if (!is_array && mapping.resourceType != CU_RESOURCE_TYPE_MIPMAPPED_ARRAY) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t resource = bits_of(mapping.resource.array);
  const bool known =
      resource != 0 && (is_array ? invocation.real(Kind::array, resource, mapping.resource.array)
                                 : invocation.real(Kind::mipmapped_array, resource, mapping.resource.mipmap));
  if (!known) return CUDA_ERROR_INVALID_HANDLE;
  CUmemGenericAllocationHandle& memory = mapping.memHandle.memHandle;
  return invocation.real(Kind::memory, memory, memory) ? CUDA_SUCCESS : error_for(Kind::memory);
}

CUresult check(Invocation& invocation, const CUarrayMapInfo& mapping) {
  const auto array = mappable_arrays().find(bits_of(mapping.resource.array));
  if (!array) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t bytes = invocation.session.device_memory.bytes_of(mapping.memHandle.memHandle);
  return check_mapping(invocation.session.driver, mapping, *array, bytes);
}

}  // namespace

// cuArrayCreate_v2, cuArray3DCreate_v2, cuMipmappedArrayCreate: (handle, descriptor, ...).
CUresult array_create(Invocation& invocation) {
  return accounted(invocation, *api::find_row(invocation.command.opcode), array_bytes, [](const RowCall& row) {
    const uint64_t array = result_in_argument_0(row);
    mappable_arrays().created(array, made_by(row));
    return array;
  });
}

// cuArrayDestroy, cuMipmappedArrayDestroy.
CUresult array_destroy(Invocation& invocation) {
  uint64_t array = 0;
  std::optional<MappableArray> was;
  // Before its handle can be another one's.
  const CUresult status =
      accounted_release(invocation, *api::find_row(invocation.command.opcode), [&](const RowCall& row) {
        array = row.argument<uint64_t>(0);
        was = mappable_arrays().take(array);
      });
  if (status != CUDA_SUCCESS && was) mappable_arrays().created(array, *was);
  return status;
}

// cuMemMapArrayAsync: (mapInfoList, count, hStream).
CUresult map_arrays(Invocation& invocation) {
  RowCall row{api::spec::cuMemMapArrayAsync, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  auto* operations = row.argument<CUarrayMapInfo*>(0);
  const unsigned count = row.argument<unsigned>(1);
  if (operations == nullptr || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (CUarrayMapInfo& mapping : std::span(operations, count)) {
    if (const CUresult status = translate(invocation, mapping); status != CUDA_SUCCESS) return status;
    if (const CUresult status = check(invocation, mapping); status != CUDA_SUCCESS) return status;
  }
  return call_row(invocation, row);
}

}  // namespace vgpu::host::hand
