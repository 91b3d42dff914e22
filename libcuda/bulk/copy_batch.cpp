// SPDX-License-Identifier: Apache-2.0
// Batches of copies, and of decompression. A batch of copies that touches ordinary memory of this process is made copy
// by copy, in order, because such memory is staged; any other travels as one. CUDA driver API: Memory Management.
#include <cstdint>

#include "libcuda/bulk/place.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

bool is_pageable(const Admitted& admitted, CUdeviceptr address, size_t bytes) {
  return bulk::place_of(admitted, address, bytes) == bulk::Place::pageable;
}

bool touches_pageable(const Admitted& admitted, const CUdeviceptr* to, const CUdeviceptr* from, const size_t* sizes,
                      size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (is_pageable(admitted, to[i], sizes[i]) || is_pageable(admitted, from[i], sizes[i])) return true;
  return false;
}

// What the driver checks of a batch before it looks at the copies.
bool is_sound(const CUmemcpyAttributes* attributes, const size_t* first_copies, size_t attribute_count, size_t copies) {
  if (attributes == nullptr || first_copies == nullptr || attribute_count == 0 || attribute_count > copies)
    return false;
  for (size_t i = 0; i < attribute_count; ++i) {
    const bool in_order = i == 0 ? first_copies[0] == 0 : first_copies[i] > first_copies[i - 1];
    const auto order = attributes[i].srcAccessOrder;
    if (!in_order || first_copies[i] >= copies || order <= CU_MEMCPY_SRC_ACCESS_ORDER_INVALID ||
        order > CU_MEMCPY_SRC_ACCESS_ORDER_ANY)
      return false;
  }
  return true;
}

bool has_pageable(const Admitted& admitted, const CUDA_MEMCPY3D_BATCH_OP& operation) {
  for (const CUmemcpy3DOperand* operand : {&operation.src, &operation.dst})
    if (operand->type == CU_MEMCPY_OPERAND_TYPE_POINTER && is_pageable(admitted, operand->op.ptr.ptr, 1)) return true;
  return false;
}

// One operation of a batch by itself; only between pointers, whose elements are bytes.
CUresult copy_alone(const CUDA_MEMCPY3D_BATCH_OP& operation, CUstream stream) {
  if (operation.src.type != CU_MEMCPY_OPERAND_TYPE_POINTER || operation.dst.type != CU_MEMCPY_OPERAND_TYPE_POINTER)
    return refuse("cuMemcpy3DBatchAsync between ordinary memory and an array");
  const CUextent3D& extent = operation.extent;
  const auto or_packed = [](size_t given, size_t packed) { return given != 0 ? given : packed; };
  CUDA_MEMCPY3D copy = {};
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  copy.srcDevice = operation.src.op.ptr.ptr, copy.dstDevice = operation.dst.op.ptr.ptr;
  copy.srcPitch = or_packed(operation.src.op.ptr.rowLength, extent.width);
  copy.srcHeight = or_packed(operation.src.op.ptr.layerHeight, extent.height);
  copy.dstPitch = or_packed(operation.dst.op.ptr.rowLength, extent.width);
  copy.dstHeight = or_packed(operation.dst.op.ptr.layerHeight, extent.height);
  copy.WidthInBytes = extent.width, copy.Height = extent.height, copy.Depth = extent.depth;
  return by_hand::cuMemcpy3DAsync_v2(&copy, stream);
}

bool is_legacy(const Admitted& admitted, CUstream stream) {
  return stream == CU_STREAM_LEGACY || (stream == nullptr && !admitted.thread->per_thread_stream);
}

}  // namespace

namespace by_hand {

CUresult cuMemcpyBatchAsync_v2(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count,
                               CUmemcpyAttributes* attrs, size_t* attrsIdxs, size_t numAttrs, CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (!admitted.process->serves(api::opcode::cuMemcpyBatchAsync_v2)) return refuse("cuMemcpyBatchAsync_v2");
  const bool sound = dsts != nullptr && srcs != nullptr && sizes != nullptr && count != 0 &&
                     is_sound(attrs, attrsIdxs, numAttrs, count) && !is_legacy(admitted, hStream);
  if (!sound) return CUDA_ERROR_INVALID_VALUE;
  if (!touches_pageable(admitted, dsts, srcs, sizes, count))
    return forward(admitted, api::spec::cuMemcpyBatchAsync_v2, dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs,
                   hStream);
  for (size_t i = 0; i < count; ++i)
    if (sizes[i] == 0) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i) VGPU_CHECK(by_hand::cuMemcpyAsync(dsts[i], srcs[i], sizes[i], hStream));
  return CUDA_SUCCESS;
}

CUresult cuMemcpyBatchAsync(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count,
                            CUmemcpyAttributes* attrs, size_t* attrsIdxs, size_t numAttrs, size_t* failIdx,
                            CUstream hStream) {
  const CUresult status = by_hand::cuMemcpyBatchAsync_v2(dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, hStream);
  // "No copy in particular": the newer call does not say which.
  if (status != CUDA_SUCCESS && failIdx != nullptr) *failIdx = SIZE_MAX;
  return status;
}

CUresult cuMemcpy3DBatchAsync_v2(size_t numOps, CUDA_MEMCPY3D_BATCH_OP* opList, unsigned long long flags,
                                 CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (!admitted.process->serves(api::opcode::cuMemcpy3DBatchAsync_v2)) return refuse("cuMemcpy3DBatchAsync_v2");
  if (numOps == 0 || opList == nullptr || flags != 0 || is_legacy(admitted, hStream)) return CUDA_ERROR_INVALID_VALUE;
  bool pageable = false;
  for (size_t i = 0; i < numOps; ++i) pageable = pageable || has_pageable(admitted, opList[i]);
  if (!pageable) return forward(admitted, api::spec::cuMemcpy3DBatchAsync_v2, numOps, opList, flags, hStream);
  for (size_t i = 0; i < numOps; ++i) VGPU_CHECK(copy_alone(opList[i], hStream));
  return CUDA_SUCCESS;
}

CUresult cuMemcpy3DBatchAsync(size_t numOps, CUDA_MEMCPY3D_BATCH_OP* opList, size_t* failIdx, unsigned long long flags,
                              CUstream hStream) {
  const CUresult status = by_hand::cuMemcpy3DBatchAsync_v2(numOps, opList, flags, hStream);
  if (status != CUDA_SUCCESS && failIdx != nullptr) *failIdx = SIZE_MAX;
  return status;
}

// Decompression by the device's engine. Only the driver knows which entry of a batch it refuses, and a refusal brings
// no results: like the copies above, it names none.
CUresult cuMemBatchDecompressAsync(CUmemDecompressParams* paramsArray, size_t count, unsigned int flags,
                                   size_t* errorIndex, CUstream stream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const CUresult status =
      forward(admitted, api::spec::cuMemBatchDecompressAsync, paramsArray, count, flags, errorIndex, stream);
  if (status != CUDA_SUCCESS && errorIndex != nullptr) *errorIndex = SIZE_MAX;
  return status;
}

}  // namespace by_hand
}  // namespace vgpu::guest
