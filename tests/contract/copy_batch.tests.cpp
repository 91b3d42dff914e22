// SPDX-License-Identifier: Apache-2.0
// Batches of copies. CUDA driver API: memory management, cuMemcpyBatchAsync and cuMemcpy3DBatchAsync.
#include "tests/contract/fixture.h"

namespace {

constexpr size_t kBytes = 1000;

// Any order of access, no hints.
CUmemcpyAttributes plain_attributes() {
  CUmemcpyAttributes attributes = {};
  attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  return attributes;
}

CUmemcpy3DOperand pointer_operand(CUdeviceptr address) {
  CUmemcpy3DOperand operand = {};
  operand.type = CU_MEMCPY_OPERAND_TYPE_POINTER;
  operand.op.ptr.ptr = address;
  return operand;
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a batch makes all its copies", "[contract][copy-batch]") {
  Stream stream;
  DeviceBuffer first(kBytes), second(kBytes), third(kBytes), fourth(kBytes);
  REQUIRE_CUDA(cuMemsetD8Async(first, 1, kBytes, stream));
  REQUIRE_CUDA(cuMemsetD8Async(second, 2, kBytes, stream));
  CUdeviceptr to[] = {third, fourth}, from[] = {first, second};
  size_t sizes[] = {kBytes, kBytes}, first_copies[] = {0};
  CUmemcpyAttributes attributes = plain_attributes();
  const CUresult result = cuMemcpyBatchAsync(to, from, sizes, 2, &attributes, first_copies, 1, stream);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no batches of copies");
  REQUIRE_CUDA(result);
  stream.synchronize();
  CHECK(read_bytes(third, kBytes) == std::vector<unsigned char>(kBytes, 1));
  CHECK(read_bytes(fourth, kBytes) == std::vector<unsigned char>(kBytes, 2));
}

TEST_CASE_METHOD(Gpu, "a batch takes ordinary host memory", "[contract][copy-batch]") {
  Stream stream;
  DeviceBuffer buffer(kBytes);
  std::vector<unsigned char> in = pattern(kBytes), out(kBytes);
  CUdeviceptr to[] = {buffer, reinterpret_cast<CUdeviceptr>(out.data())};
  CUdeviceptr from[] = {reinterpret_cast<CUdeviceptr>(in.data()), buffer};
  size_t sizes[] = {kBytes, kBytes}, first_copies[] = {0};
  CUmemcpyAttributes attributes = plain_attributes();
  // Two batches, because the copies of one may run in any order.
  const CUresult result = cuMemcpyBatchAsync(to, from, sizes, 1, &attributes, first_copies, 1, stream);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no batches of copies");
  REQUIRE_CUDA(result);
  REQUIRE_CUDA(cuMemcpyBatchAsync(to + 1, from + 1, sizes, 1, &attributes, first_copies, 1, stream));
  stream.synchronize();
  CHECK(in == out);
}

TEST_CASE_METHOD(Gpu, "a batch refuses wrong arguments", "[contract][copy-batch]") {
  Stream stream;
  DeviceBuffer source(kBytes), target(kBytes);
  CUdeviceptr to[] = {target}, from[] = {source};
  size_t sizes[] = {kBytes}, first_copies[] = {0}, late[] = {1};
  CUmemcpyAttributes attributes = plain_attributes(), no_order = {};
  CHECK_REFUSED(cuMemcpyBatchAsync(nullptr, from, sizes, 1, &attributes, first_copies, 1, stream));
  CHECK_REFUSED(cuMemcpyBatchAsync(to, from, sizes, 0, &attributes, first_copies, 1, stream));
  CHECK_REFUSED(cuMemcpyBatchAsync(to, from, sizes, 1, nullptr, nullptr, 0, stream));
  CHECK_REFUSED(cuMemcpyBatchAsync(to, from, sizes, 1, &attributes, late, 1, stream));
  CHECK_REFUSED(cuMemcpyBatchAsync(to, from, sizes, 1, &no_order, first_copies, 1, stream));
  CHECK_REFUSED(cuMemcpyBatchAsync(to, from, sizes, 1, &attributes, first_copies, 1, CU_STREAM_LEGACY));
}

TEST_CASE_METHOD(Gpu, "a three-dimensional batch copies boxes", "[contract][copy-batch]") {
  constexpr size_t kWidth = 16, kHeight = 4, kDepth = 2, kBox = kWidth * kHeight * kDepth;
  Stream stream;
  DeviceBuffer source(kBox), target(kBox);
  REQUIRE_CUDA(cuMemsetD8Async(source, 7, kBox, stream));
  REQUIRE_CUDA(cuMemsetD8Async(target, 0, kBox, stream));
  CUDA_MEMCPY3D_BATCH_OP operation = {};
  operation.src = pointer_operand(source);
  operation.dst = pointer_operand(target);
  operation.extent.width = kWidth;
  operation.extent.height = kHeight;
  operation.extent.depth = kDepth;
  operation.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  const CUresult result = cuMemcpy3DBatchAsync(1, &operation, 0, stream);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no batches of copies");
  REQUIRE_CUDA(result);
  stream.synchronize();
  CHECK(read_bytes(target, kBox) == std::vector<unsigned char>(kBox, 7));
}

TEST_CASE_METHOD(Gpu, "a three-dimensional batch copies to an array and back", "[contract][copy-batch][array]") {
  constexpr size_t kWidth = 16, kHeight = 4, kBytes = kWidth * kHeight;
  const CUDA_ARRAY_DESCRIPTOR descriptor = {kWidth, kHeight, CU_AD_FORMAT_UNSIGNED_INT8, 1};
  CUarray array = nullptr;
  REQUIRE_CUDA(cuArrayCreate(&array, &descriptor));
  Stream stream;
  DeviceBuffer source(kBytes), target(kBytes);
  REQUIRE_CUDA(cuMemsetD8Async(source, 5, kBytes, stream));
  CUDA_MEMCPY3D_BATCH_OP operations[2] = {};
  operations[0].src = pointer_operand(source);
  operations[1].dst = pointer_operand(target);
  operations[0].dst.type = operations[1].src.type = CU_MEMCPY_OPERAND_TYPE_ARRAY;
  operations[0].dst.op.array.array = operations[1].src.op.array.array = array;
  for (CUDA_MEMCPY3D_BATCH_OP& operation : operations) {
    operation.extent.width = kWidth;
    operation.extent.height = kHeight;
    operation.extent.depth = 1;
    operation.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  }
  const CUresult result = cuMemcpy3DBatchAsync(2, operations, 0, stream);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no batches of copies");
  REQUIRE_CUDA(result);
  stream.synchronize();
  CHECK(read_bytes(target, kBytes) == std::vector<unsigned char>(kBytes, 5));
  CHECK_CUDA(cuArrayDestroy(array));
}
