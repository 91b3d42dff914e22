// SPDX-License-Identifier: Apache-2.0
// Arrays, mipmapped arrays, texture and surface objects. CUDA driver API: Memory Management, Texture Object Management.
#include "tests/contract/fixture.h"

namespace {

constexpr size_t kWidth = 32, kHeight = 8, kBytes = kWidth * kHeight * sizeof(float);

CUDA_ARRAY_DESCRIPTOR flat_floats() {
  CUDA_ARRAY_DESCRIPTOR descriptor = {};
  descriptor.Width = kWidth;
  descriptor.Height = kHeight;
  descriptor.Format = CU_AD_FORMAT_FLOAT;
  descriptor.NumChannels = 1;
  return descriptor;
}

class Arrays : public Gpu {
 public:
  Arrays() {
    const CUDA_ARRAY_DESCRIPTOR descriptor = flat_floats();
    REQUIRE_CUDA(cuArrayCreate(&array, &descriptor));
  }
  ~Arrays() { cuArrayDestroy(array); }
  Arrays(const Arrays&) = delete;
  Arrays& operator=(const Arrays&) = delete;

  CUDA_RESOURCE_DESC resource() const {
    CUDA_RESOURCE_DESC desc = {};
    desc.resType = CU_RESOURCE_TYPE_ARRAY;
    desc.res.array.hArray = array;
    return desc;
  }

  CUarray array = nullptr;
};

CUDA_MEMCPY2D rows_between_host_and(CUarray array, void* host, bool to_array) {
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = to_array ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_ARRAY;
  copy.dstMemoryType = to_array ? CU_MEMORYTYPE_ARRAY : CU_MEMORYTYPE_HOST;
  copy.srcHost = copy.dstHost = host;
  copy.srcArray = copy.dstArray = array;
  copy.srcPitch = copy.dstPitch = kWidth * sizeof(float);
  copy.WidthInBytes = kWidth * sizeof(float);
  copy.Height = kHeight;
  return copy;
}

}  // namespace

TEST_CASE_METHOD(Arrays, "an array describes itself", "[contract][array]") {
  CUDA_ARRAY_DESCRIPTOR descriptor = {};
  REQUIRE_CUDA(cuArrayGetDescriptor(&descriptor, array));
  CHECK(descriptor.Width == kWidth);
  CHECK(descriptor.Height == kHeight);
  CHECK(descriptor.Format == CU_AD_FORMAT_FLOAT);
  CHECK(descriptor.NumChannels == 1);
}

TEST_CASE_METHOD(Arrays, "what is copied to an array comes back from it", "[contract][array]") {
  std::vector<unsigned char> in = pattern(kBytes), out(kBytes);
  const CUDA_MEMCPY2D to = rows_between_host_and(array, in.data(), true);
  const CUDA_MEMCPY2D from = rows_between_host_and(array, out.data(), false);
  REQUIRE_CUDA(cuMemcpy2D(&to));
  REQUIRE_CUDA(cuMemcpy2D(&from));
  CHECK(in == out);
}

TEST_CASE_METHOD(Arrays, "linear copies reach the first row of an array", "[contract][array]") {
  constexpr size_t kRow = kWidth * sizeof(float);
  std::vector<unsigned char> in = pattern(kRow), out(kRow);
  DeviceBuffer buffer(kRow);
  REQUIRE_CUDA(cuMemcpyHtoA(array, 0, in.data(), kRow));
  REQUIRE_CUDA(cuMemcpyAtoD(buffer, array, 0, kRow));
  CHECK(read_bytes(buffer, kRow) == in);
  REQUIRE_CUDA(cuMemsetD8(buffer, 9, kRow));
  REQUIRE_CUDA(cuMemcpyDtoA(array, 0, buffer, kRow));
  REQUIRE_CUDA(cuMemcpyAtoH(out.data(), array, 0, kRow));
  CHECK(out == std::vector<unsigned char>(kRow, 9));
}

TEST_CASE_METHOD(Arrays, "the levels of a mipmapped array shrink by half", "[contract][array]") {
  CUDA_ARRAY3D_DESCRIPTOR descriptor = {};
  descriptor.Width = 16;
  descriptor.Height = 16;
  descriptor.Format = CU_AD_FORMAT_UNSIGNED_INT8;
  descriptor.NumChannels = 4;
  CUmipmappedArray mipmap = nullptr;
  REQUIRE_CUDA(cuMipmappedArrayCreate(&mipmap, &descriptor, 3));
  CUarray level = nullptr;
  REQUIRE_CUDA(cuMipmappedArrayGetLevel(&level, mipmap, 1));
  CUDA_ARRAY3D_DESCRIPTOR answer = {};
  REQUIRE_CUDA(cuArray3DGetDescriptor(&answer, level));
  CHECK(answer.Width == 8);
  CHECK(answer.Height == 8);
  CHECK_CUDA(cuMipmappedArrayDestroy(mipmap));
}

TEST_CASE_METHOD(Arrays, "a texture object knows what it was made of", "[contract][array]") {
  const CUDA_RESOURCE_DESC of = resource();
  CUDA_TEXTURE_DESC how = {};
  how.filterMode = CU_TR_FILTER_MODE_LINEAR;
  CUtexObject texture = 0;
  REQUIRE_CUDA(cuTexObjectCreate(&texture, &of, &how, nullptr));
  CUDA_RESOURCE_DESC answer = {};
  REQUIRE_CUDA(cuTexObjectGetResourceDesc(&answer, texture));
  CHECK(answer.resType == CU_RESOURCE_TYPE_ARRAY);
  CHECK(answer.res.array.hArray == array);
  CUDA_TEXTURE_DESC answer_how = {};
  REQUIRE_CUDA(cuTexObjectGetTextureDesc(&answer_how, texture));
  CHECK(answer_how.filterMode == CU_TR_FILTER_MODE_LINEAR);
  CHECK_CUDA(cuTexObjectDestroy(texture));
}

TEST_CASE_METHOD(Arrays, "a surface object needs an array made for surfaces", "[contract][array]") {
  CUDA_ARRAY3D_DESCRIPTOR descriptor = {};
  descriptor.Width = kWidth;
  descriptor.Height = kHeight;
  descriptor.Format = CU_AD_FORMAT_FLOAT;
  descriptor.NumChannels = 1;
  descriptor.Flags = CUDA_ARRAY3D_SURFACE_LDST;
  CUarray writable = nullptr;
  REQUIRE_CUDA(cuArray3DCreate(&writable, &descriptor));
  CUDA_RESOURCE_DESC of = resource();
  of.res.array.hArray = writable;
  CUsurfObject surface = 0;
  REQUIRE_CUDA(cuSurfObjectCreate(&surface, &of));
  CUDA_RESOURCE_DESC answer = {};
  REQUIRE_CUDA(cuSurfObjectGetResourceDesc(&answer, surface));
  CHECK(answer.res.array.hArray == writable);
  CHECK_CUDA(cuSurfObjectDestroy(surface));
  CHECK_CUDA(cuArrayDestroy(writable));
}
