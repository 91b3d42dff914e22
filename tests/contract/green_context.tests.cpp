// SPDX-License-Identifier: Apache-2.0
// Green contexts, tensor maps and multicast questions. CUDA driver API: Green Contexts, Tensor Map Object Management.
#include "tests/contract/fixture.h"

namespace {

// Without green contexts each test skips itself: only a test's own body can.
class Resources : public Gpu {
 public:
  Resources() {
    const CUresult result = cuDeviceGetDevResource(device, &all, CU_DEV_RESOURCE_TYPE_SM);
    has_green = result != CUDA_ERROR_NOT_SUPPORTED;
    if (has_green) REQUIRE_CUDA(result);
  }
  bool has_green = false;
  CUdevResource all = {};
};

}  // namespace

TEST_CASE_METHOD(Resources, "a device's multiprocessors can be split", "[contract][green]") {
  if (!has_green) SKIP("no green contexts");
  CHECK(all.sm.smCount == static_cast<unsigned>(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)));
  CUdevResource part = {}, rest = {};
  unsigned groups = 1;
  REQUIRE_CUDA(cuDevSmResourceSplitByCount(&part, &groups, &all, &rest, 0, 8));
  CHECK(groups == 1);
  CHECK(part.sm.smCount >= 8);
}

TEST_CASE_METHOD(Resources, "a green context runs work on its part", "[contract][green]") {
  if (!has_green) SKIP("no green contexts");
  CUdevResource part = {}, rest = {};
  unsigned groups = 1;
  REQUIRE_CUDA(cuDevSmResourceSplitByCount(&part, &groups, &all, &rest, 0, 8));
  CUdevResourceDesc description = nullptr;
  REQUIRE_CUDA(cuDevResourceGenerateDesc(&description, &part, 1));
  CUgreenCtx green = nullptr;
  REQUIRE_CUDA(cuGreenCtxCreate(&green, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
  CUstream stream = nullptr;
  REQUIRE_CUDA(cuGreenCtxStreamCreate(&stream, green, CU_STREAM_NON_BLOCKING, 0));
  CUgreenCtx of_stream = nullptr;
  CHECK_CUDA(cuStreamGetGreenCtx(stream, &of_stream));
  CHECK(of_stream == green);
  DeviceBuffer buffer(64);
  REQUIRE_CUDA(cuMemsetD32Async(buffer, 5, 16, stream));
  REQUIRE_CUDA(cuStreamSynchronize(stream));
  CHECK(read_words(buffer, 16) == repeated(16, 5));
  CUcontext as_context = nullptr;
  REQUIRE_CUDA(cuCtxFromGreenCtx(&as_context, green));
  CHECK_CUDA(cuCtxPushCurrent(as_context));
  CHECK_CUDA(cuCtxSynchronize());
  CHECK_CUDA(cuCtxPopCurrent(&as_context));
  CHECK_CUDA(cuStreamDestroy(stream));
  CHECK_CUDA(cuGreenCtxDestroy(green));
}

TEST_CASE_METHOD(Gpu, "a tensor map is the same bytes for the same tensor", "[contract][tensor-map]") {
  DeviceBuffer tensor(size_t{64} * 64 * 4);
  const cuuint64_t extents[] = {64, 64}, strides[] = {256};
  const cuuint32_t box[] = {16, 16}, steps[] = {1, 1};
  const auto encode = [&](CUtensorMap* map, CUdeviceptr address) {
    return cuTensorMapEncodeTiled(map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 2, reinterpret_cast<void*>(address), extents,
                                  strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE,
                                  CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  };
  CUtensorMap first = {}, second = {};
  const CUresult result = encode(&first, tensor);
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no tensor maps");
  REQUIRE_CUDA(result);
  REQUIRE_CUDA(encode(&second, tensor + 1024));
  CHECK(std::memcmp(&first, &second, sizeof first) != 0);
  REQUIRE_CUDA(cuTensorMapReplaceAddress(&second, reinterpret_cast<void*>(tensor.address)));
  CHECK(std::memcmp(&first, &second, sizeof first) == 0);
  CHECK_REFUSED(encode(&second, tensor + 4));
}
