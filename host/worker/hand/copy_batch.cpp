// SPDX-License-Identifier: Apache-2.0
// Batches of copies, and of decompression. The driver takes an address that it does not know for memory of this
// process, so every address must be shared with the guest or known to the driver.
#include "common/bits.h"
#include "host/worker/hand/array_format.h"
#include "host/worker/hand/copy_box.h"

namespace vgpu::host::hand {
namespace {

bool may_touch(const Session& session, uint64_t address, uint64_t bytes) {
  return bytes == 0 || session.shared.contains(address, bytes) || is_known(session, address, bytes);
}

// Bytes per element of a box: those of the array when one side is an array.
uint64_t element_of(Invocation& invocation, const CUmemcpy3DOperand& operand) {
  CUDA_ARRAY3D_DESCRIPTOR descriptor = {};
  if (operand.type != CU_MEMCPY_OPERAND_TYPE_ARRAY) return 1;
  if (VGPU_DRIVER(invocation.session.driver, cuArray3DGetDescriptor_v2)(&descriptor, operand.op.array.array) !=
      CUDA_SUCCESS)
    return 16;
  return element_bytes(descriptor.Format, descriptor.NumChannels);
}

CUresult check_pointer(const Session& session, const CUmemcpy3DOperand& operand, const CUextent3D& extent,
                       uint64_t element) {
  const uint64_t row = operand.op.ptr.rowLength == 0 ? extent.width : operand.op.ptr.rowLength;
  const uint64_t layer = operand.op.ptr.layerHeight == 0 ? extent.height : operand.op.ptr.layerHeight;
  if (extent.width == 0 || extent.height == 0 || extent.depth == 0) return CUDA_SUCCESS;  // The driver refuses it.
  uint64_t rows = 0, elements = 0, bytes = 0;
  const bool fits =
      !__builtin_mul_overflow(layer, extent.depth - 1, &rows) &&
      !__builtin_add_overflow(rows, extent.height - 1, &rows) && !__builtin_mul_overflow(rows, row, &elements) &&
      !__builtin_add_overflow(elements, extent.width, &elements) && !__builtin_mul_overflow(elements, element, &bytes);
  return fits && may_touch(session, operand.op.ptr.ptr, bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult translate(Invocation& invocation, CUDA_MEMCPY3D_BATCH_OP& operation) {
  for (CUmemcpy3DOperand* operand : {&operation.src, &operation.dst}) {
    if (operand->type == CU_MEMCPY_OPERAND_TYPE_POINTER) continue;
    if (operand->type != CU_MEMCPY_OPERAND_TYPE_ARRAY) return CUDA_ERROR_INVALID_VALUE;
    const uint64_t wire = bits_of(operand->op.array.array);
    if (wire == 0 || !invocation.real(Kind::array, wire, operand->op.array.array)) return CUDA_ERROR_INVALID_HANDLE;
  }
  const uint64_t element = std::max(element_of(invocation, operation.src), element_of(invocation, operation.dst));
  for (const CUmemcpy3DOperand* operand : {&operation.src, &operation.dst}) {
    if (operand->type != CU_MEMCPY_OPERAND_TYPE_POINTER) continue;
    if (const CUresult status = check_pointer(invocation.session, *operand, operation.extent, element);
        status != CUDA_SUCCESS)
      return status;
  }
  return CUDA_SUCCESS;
}

}  // namespace

// cuMemcpyBatchAsync_v2: (dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, hStream).
CUresult copy_batch(Invocation& invocation) {
  RowCall row{api::spec::cuMemcpyBatchAsync_v2, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const auto* to = row.argument<const CUdeviceptr*>(0);
  const auto* from = row.argument<const CUdeviceptr*>(1);
  const auto* sizes = row.argument<const size_t*>(2);
  const size_t count = row.argument<size_t>(3);
  if (to == nullptr || from == nullptr || sizes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; ++i)
    if (!may_touch(invocation.session, to[i], sizes[i]) || !may_touch(invocation.session, from[i], sizes[i]))
      return CUDA_ERROR_INVALID_VALUE;
  return call_row(invocation, row);
}

// cuMemcpy3DBatchAsync_v2: (numOps, opList, flags, hStream).
CUresult copy_box_batch(Invocation& invocation) {
  RowCall row{api::spec::cuMemcpy3DBatchAsync_v2, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  auto* operations = row.argument<CUDA_MEMCPY3D_BATCH_OP*>(1);
  if (operations == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < row.argument<size_t>(0); ++i)
    if (const CUresult status = translate(invocation, operations[i]); status != CUDA_SUCCESS) return status;
  return call_row(invocation, row);
}

// cuMemBatchDecompressAsync: (paramsArray, count, flags, errorIndex, stream).
CUresult decompress_batch(Invocation& invocation) {
  RowCall row{api::spec::cuMemBatchDecompressAsync, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const auto* operations = row.argument<const CUmemDecompressParams*>(0);
  if (operations == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Session& session = invocation.session;
  for (size_t i = 0; i < row.argument<size_t>(1); ++i) {
    const CUmemDecompressParams& operation = operations[i];
    // How much is written may be left open; the device's engine writes nowhere that the driver has not mapped for it.
    const uint64_t written = std::max<uint64_t>(operation.dstNumBytes, 1);
    if (!may_touch(session, bits_of(operation.src), operation.srcNumBytes) ||
        !may_touch(session, bits_of(operation.dst), written) ||
        !may_touch(session, bits_of(operation.dstActBytes), sizeof *operation.dstActBytes))
      return CUDA_ERROR_INVALID_VALUE;
  }
  return call_row(invocation, row);
}

}  // namespace vgpu::host::hand
