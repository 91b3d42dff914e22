// SPDX-License-Identifier: Apache-2.0
// Batches of copies: cuMemcpyBatchAsync, cuMemcpy3DBatchAsync and their second versions. A batch is its copies, one
// after the other in the stream; its access-order and location attributes are hints that are checked and not needed.
#include <cstdint>
#include <vector>

#include "softgpu/driver/array.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

using Copies = std::vector<Ref<MemcpyOperation>>;

bool is_valid(CUmemcpySrcAccessOrder order) {
  return order == CU_MEMCPY_SRC_ACCESS_ORDER_STREAM || order == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL ||
         order == CU_MEMCPY_SRC_ACCESS_ORDER_ANY;
}

struct Attributes {
  const CUmemcpyAttributes* attributes;
  const size_t* first_copies;
  size_t count;
};

// Each entry applies from one copy up to the next entry's; the first begins at copy 0.
CUresult check_attributes(const Attributes& given, size_t copies) {
  if (given.attributes == nullptr || given.first_copies == nullptr || given.count == 0 || given.count > copies)
    return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < given.count; ++i) {
    const bool in_order = i == 0 ? given.first_copies[0] == 0 : given.first_copies[i] > given.first_copies[i - 1];
    if (!in_order || given.first_copies[i] >= copies || !is_valid(given.attributes[i].srcAccessOrder))
      return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

// The index of the offending copy goes to `failed` where the call has a place for it.
CUresult copy_batch(const CUdeviceptr* to, const CUdeviceptr* from, const size_t* sizes, size_t count,
                    const Attributes& attributes, size_t* failed, CUstream handle) {
  const Ref<Stream> stream = TRY(find_batch_stream(handle));
  if (failed != nullptr) *failed = SIZE_MAX;  // an error that belongs to no copy
  if (to == nullptr || from == nullptr || sizes == nullptr || count == 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_attributes(attributes, count));
  Copies copies;
  for (size_t i = 0; i < count; ++i) {
    auto copy = MemcpyOperation::create_1d({CU_MEMORYTYPE_UNIFIED, to[i]}, {CU_MEMORYTYPE_UNIFIED, from[i]}, sizes[i]);
    if (!copy || sizes[i] == 0) {
      if (failed != nullptr) *failed = i;
      return copy ? CUDA_ERROR_INVALID_VALUE : copy.error();
    }
    copies.push_back(std::move(copy).value());
  }
  for (const Ref<MemcpyOperation>& copy : copies) VGPU_CHECK(enqueue_copy(*stream, copy));
  return CUDA_SUCCESS;
}

// Lengths count elements of the array that takes part, or bytes when none does.
CuResult<size_t> element_bytes(const CUDA_MEMCPY3D_BATCH_OP& operation) {
  size_t bytes = 0;
  for (const CUmemcpy3DOperand* operand : {&operation.src, &operation.dst}) {
    if (operand->type == CU_MEMCPY_OPERAND_TYPE_POINTER) continue;
    if (operand->type != CU_MEMCPY_OPERAND_TYPE_ARRAY) return CUDA_ERROR_INVALID_VALUE;
    const size_t own = TRY(find_array(operand->op.array.array))->image().texel_bytes();
    if (bytes != 0 && own != bytes) return CUDA_ERROR_INVALID_VALUE;
    bytes = own;
  }
  return bytes != 0 ? bytes : size_t{1};
}

struct BatchSide {
  CUmemorytype type = CU_MEMORYTYPE_UNIFIED;
  CUdeviceptr pointer = 0;
  CUarray array = nullptr;
  size_t x = 0, y = 0, z = 0, pitch = 0, height = 0;
};

BatchSide side_of(const CUmemcpy3DOperand& operand, const CUextent3D& extent, size_t element) {
  BatchSide side;
  if (operand.type == CU_MEMCPY_OPERAND_TYPE_ARRAY) {
    const CUoffset3D& offset = operand.op.array.offset;
    side.type = CU_MEMORYTYPE_ARRAY;
    side.array = operand.op.array.array;
    side.x = offset.x * element;
    side.y = offset.y;
    side.z = offset.z;
    return side;
  }
  // Zero lengths mean tightly packed.
  const auto& memory = operand.op.ptr;
  side.pointer = memory.ptr;
  side.pitch = (memory.rowLength != 0 ? memory.rowLength : extent.width) * element;
  side.height = memory.layerHeight != 0 ? memory.layerHeight : extent.height;
  return side;
}

CuResult<Ref<MemcpyOperation>> make_copy(const CUDA_MEMCPY3D_BATCH_OP& operation) {
  const CUextent3D& extent = operation.extent;
  if (extent.width == 0 || extent.height == 0 || extent.depth == 0 || !is_valid(operation.srcAccessOrder))
    return CUDA_ERROR_INVALID_VALUE;
  const size_t element = TRY(element_bytes(operation));
  const BatchSide from = side_of(operation.src, extent, element);
  const BatchSide to = side_of(operation.dst, extent, element);
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = from.type;
  copy.srcDevice = from.pointer;
  copy.srcArray = from.array;
  copy.srcXInBytes = from.x;
  copy.srcY = from.y;
  copy.srcZ = from.z;
  copy.srcPitch = from.pitch;
  copy.srcHeight = from.height;
  copy.dstMemoryType = to.type;
  copy.dstDevice = to.pointer;
  copy.dstArray = to.array;
  copy.dstXInBytes = to.x;
  copy.dstY = to.y;
  copy.dstZ = to.z;
  copy.dstPitch = to.pitch;
  copy.dstHeight = to.height;
  if (__builtin_mul_overflow(extent.width, element, &copy.WidthInBytes)) return CUDA_ERROR_INVALID_VALUE;
  copy.Height = extent.height;
  copy.Depth = extent.depth;
  return MemcpyOperation::create(copy);
}

CUresult copy_3d_batch(size_t count, const CUDA_MEMCPY3D_BATCH_OP* operations, size_t* failed, unsigned long long flags,
                       CUstream handle) {
  const Ref<Stream> stream = TRY(find_batch_stream(handle));
  if (failed != nullptr) *failed = SIZE_MAX;
  if (operations == nullptr || count == 0 || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  Copies copies;
  for (size_t i = 0; i < count; ++i) {
    CuResult<Ref<MemcpyOperation>> copy = make_copy(operations[i]);
    if (!copy) {
      if (failed != nullptr) *failed = i;
      return copy.error();
    }
    copies.push_back(std::move(copy).value());
  }
  for (const Ref<MemcpyOperation>& copy : copies) VGPU_CHECK(enqueue_copy(*stream, copy));
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuMemcpyBatchAsync(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count,
                            CUmemcpyAttributes* attrs, size_t* attrsIdxs, size_t numAttrs, size_t* failIdx,
                            CUstream hStream) {
  return copy_batch(dsts, srcs, sizes, count, {attrs, attrsIdxs, numAttrs}, failIdx, hStream);
}
CUresult cuMemcpyBatchAsync_v2(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count,
                               CUmemcpyAttributes* attrs, size_t* attrsIdxs, size_t numAttrs, CUstream hStream) {
  return copy_batch(dsts, srcs, sizes, count, {attrs, attrsIdxs, numAttrs}, nullptr, hStream);
}

CUresult cuMemcpy3DBatchAsync(size_t numOps, CUDA_MEMCPY3D_BATCH_OP* opList, size_t* failIdx, unsigned long long flags,
                              CUstream hStream) {
  return copy_3d_batch(numOps, opList, failIdx, flags, hStream);
}
CUresult cuMemcpy3DBatchAsync_v2(size_t numOps, CUDA_MEMCPY3D_BATCH_OP* opList, unsigned long long flags,
                                 CUstream hStream) {
  return copy_3d_batch(numOps, opList, nullptr, flags, hStream);
}

}  // extern "C"
