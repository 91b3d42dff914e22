// SPDX-License-Identifier: Apache-2.0
// Arrays, and the textures and surfaces through which kernels see them. CUDA runtime API: Memory Management, Texture
// Object Management, Surface Object Management.
#include <numeric>
#include <vector>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

// Programs still call what CUDA 10 deprecated.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace {

constexpr size_t kWidth = 8, kHeight = 4, kRow = kWidth * sizeof(float);

cudaChannelFormatDesc floats() { return {32, 0, 0, 0, cudaChannelFormatKindFloat}; }

// 0, 1, 2 ... row by row.
std::vector<float> counted(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

// An array of floats, and copies of all of it.
class Array {
 public:
  explicit Array(unsigned flags = 0, cudaExtent extent = {kWidth, kHeight, 0}) : extent_(extent) {
    const cudaChannelFormatDesc channels = floats();
    REQUIRE_OK(cudaMalloc3DArray(&array_, &channels, extent, flags));
    if (extent_.depth == 0) extent_.depth = 1;
  }
  ~Array() { cudaFreeArray(array_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  operator cudaArray_t() const { return array_; }

  size_t count() const { return extent_.width * extent_.height * extent_.depth; }
  void write(std::vector<float> values) {
    cudaMemcpy3DParms copy = box(values);
    copy.srcPtr = copy.dstPtr;
    copy.dstPtr = {};
    copy.dstArray = array_;
    copy.kind = cudaMemcpyHostToDevice;
    REQUIRE_OK(cudaMemcpy3D(&copy));
  }
  std::vector<float> read() const {
    std::vector<float> values(count());
    cudaMemcpy3DParms copy = box(values);
    copy.srcArray = array_;
    copy.kind = cudaMemcpyDeviceToHost;
    REQUIRE_OK(cudaMemcpy3D(&copy));
    return values;
  }

 private:
  cudaMemcpy3DParms box(std::vector<float>& values) const {
    cudaMemcpy3DParms copy{};
    copy.dstPtr = {values.data(), extent_.width * sizeof(float), extent_.width, extent_.height};
    copy.extent = extent_;
    return copy;
  }

  cudaArray_t array_ = nullptr;
  cudaExtent extent_;
};

cudaResourceDesc resource_of(cudaArray_t array) {
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypeArray;
  resource.res.array.array = array;
  return resource;
}

class Texture {
 public:
  explicit Texture(const cudaResourceDesc& resource, cudaTextureDesc description = {}) {
    REQUIRE_OK(cudaCreateTextureObject(&texture_, &resource, &description, nullptr));
  }
  ~Texture() { cudaDestroyTextureObject(texture_); }
  Texture(const Texture&) = delete;
  Texture& operator=(const Texture&) = delete;
  operator cudaTextureObject_t() const { return texture_; }

 private:
  cudaTextureObject_t texture_ = 0;
};

// What a kernel reads at each point of a rectangle.
std::vector<float> sampled(cudaTextureObject_t texture, Sampling sampling, float third, size_t width, size_t height) {
  std::vector<float> values(width * height);
  DeviceInts out(values.size());
  launch_sample(texture, sampling, third, reinterpret_cast<float*>(static_cast<int*>(out)), static_cast<int>(width),
                static_cast<int>(height));
  REQUIRE_OK(cudaGetLastError());
  REQUIRE_OK(cudaMemcpy(values.data(), out, values.size() * sizeof(float), cudaMemcpyDeviceToHost));
  return values;
}

}  // namespace

TEST_CASE("an array says what it is", "[runtime][array]") {
  Array array(cudaArrayLayered, {kWidth, kHeight, 3});
  cudaChannelFormatDesc channels{};
  cudaExtent extent{};
  unsigned flags = 0;
  REQUIRE_OK(cudaArrayGetInfo(&channels, &extent, &flags, array));
  CHECK(channels.x == 32);
  CHECK(channels.y == 0);
  CHECK(channels.f == cudaChannelFormatKindFloat);
  CHECK(extent.width == kWidth);
  CHECK(extent.height == kHeight);
  CHECK(extent.depth == 3);
  CHECK(flags == cudaArrayLayered);
}

TEST_CASE("an array keeps rectangles", "[runtime][array]") {
  Array array;
  array.write(std::vector<float>(array.count(), -1.0f));
  const std::vector<float> values = counted(6);
  REQUIRE_OK(cudaMemcpy2DToArray(array, 2 * sizeof(float), 1, values.data(), 3 * sizeof(float), 3 * sizeof(float), 2,
                                 cudaMemcpyHostToDevice));
  std::vector<float> expected(array.count(), -1.0f);
  for (size_t i = 0; i < 6; ++i) expected[(1 + i / 3) * kWidth + 2 + i % 3] = static_cast<float>(i);
  CHECK(array.read() == expected);

  std::vector<float> part(2);
  REQUIRE_OK(cudaMemcpy2DFromArray(part.data(), sizeof(float), array, 3 * sizeof(float), 1, sizeof(float), 2,
                                   cudaMemcpyDeviceToHost));
  CHECK(part == std::vector<float>{1.0f, 4.0f});
}

TEST_CASE("a rectangle that reaches out of an array is refused", "[runtime][array]") {
  Array array;
  const std::vector<float> values(kWidth);
  CHECK_ERROR(cudaMemcpy2DToArray(array, sizeof(float), 0, values.data(), kRow, kRow, 1, cudaMemcpyHostToDevice),
              cudaErrorInvalidValue);
}

TEST_CASE("the rows of an array are one line of bytes", "[runtime][array]") {
  Array array;
  array.write(std::vector<float>(array.count(), -1.0f));
  // From the last element of the first row to the first of the last one.
  const std::vector<float> values = counted(2 * kWidth + 2);
  const size_t bytes = values.size() * sizeof(float);
  REQUIRE_OK(cudaMemcpyToArray(array, kRow - sizeof(float), 0, values.data(), bytes, cudaMemcpyHostToDevice));
  std::vector<float> expected(array.count(), -1.0f);
  std::copy(values.begin(), values.end(), expected.begin() + kWidth - 1);
  CHECK(array.read() == expected);

  std::vector<float> back(values.size());
  REQUIRE_OK(cudaMemcpyFromArray(back.data(), array, kRow - sizeof(float), 0, bytes, cudaMemcpyDeviceToHost));
  CHECK(back == values);
}

TEST_CASE("a line goes from one array to another, and in a stream", "[runtime][array]") {
  Array from, to;
  Stream stream;
  const std::vector<float> values = counted(from.count());
  REQUIRE_OK(cudaMemcpyToArrayAsync(from, 0, 0, values.data(), kHeight * kRow, cudaMemcpyHostToDevice, stream));
  REQUIRE_OK(cudaStreamSynchronize(stream));
  to.write(std::vector<float>(to.count(), -1.0f));
  REQUIRE_OK(cudaMemcpyArrayToArray(to, 0, 1, from, 2 * sizeof(float), 0, 2 * kRow, cudaMemcpyDeviceToDevice));
  std::vector<float> expected(to.count(), -1.0f);
  std::copy_n(values.begin() + 2, 2 * kWidth, expected.begin() + kWidth);
  CHECK(to.read() == expected);

  std::vector<float> back(from.count());
  REQUIRE_OK(cudaMemcpyFromArrayAsync(back.data(), from, 0, 0, kHeight * kRow, cudaMemcpyDeviceToHost, stream));
  REQUIRE_OK(cudaStreamSynchronize(stream));
  CHECK(back == values);
}

TEST_CASE("a line that reaches out of an array is refused", "[runtime][array]") {
  Array array;
  std::vector<float> values = counted(array.count() + 1);
  CHECK_ERROR(cudaMemcpyToArray(array, sizeof(float), 0, values.data(), kHeight * kRow, cudaMemcpyHostToDevice),
              cudaErrorInvalidValue);
  CHECK_ERROR(cudaMemcpyFromArray(values.data(), array, 0, kHeight, sizeof(float), cudaMemcpyDeviceToHost),
              cudaErrorInvalidValue);
}

TEST_CASE("the levels of a mipmapped array halve", "[runtime][array]") {
  const cudaChannelFormatDesc channels = floats();
  cudaMipmappedArray_t levels = nullptr;
  REQUIRE_OK(cudaMallocMipmappedArray(&levels, &channels, {kWidth, kHeight, 0}, 3));
  for (unsigned level = 0; level < 3; ++level) {
    cudaArray_t array = nullptr;
    cudaExtent extent{};
    REQUIRE_OK(cudaGetMipmappedArrayLevel(&array, levels, level));
    REQUIRE_OK(cudaArrayGetInfo(nullptr, &extent, nullptr, array));
    CHECK(extent.width == kWidth >> level);
    CHECK(extent.height == kHeight >> level);
  }
  cudaArray_t none = nullptr;
  CHECK_ERROR(cudaGetMipmappedArrayLevel(&none, levels, 3), cudaErrorInvalidValue);
  CHECK_OK(cudaFreeMipmappedArray(levels));
}

TEST_CASE("a texture object says what it was made of", "[runtime][array]") {
  Array array;
  cudaTextureDesc description{};
  description.addressMode[0] = description.addressMode[1] = cudaAddressModeClamp;
  description.filterMode = cudaFilterModeLinear;
  description.normalizedCoords = 1;
  Texture texture(resource_of(array), description);
  cudaResourceDesc resource{};
  cudaTextureDesc back{};
  REQUIRE_OK(cudaGetTextureObjectResourceDesc(&resource, texture));
  CHECK(resource.resType == cudaResourceTypeArray);
  CHECK(resource.res.array.array == static_cast<cudaArray_t>(array));
  REQUIRE_OK(cudaGetTextureObjectTextureDesc(&back, texture));
  CHECK(back.addressMode[1] == cudaAddressModeClamp);
  CHECK(back.filterMode == cudaFilterModeLinear);
  CHECK(back.normalizedCoords == 1);
}

TEST_CASE("a kernel reads an array through a texture", "[runtime][array]") {
  Array array;
  array.write(counted(array.count()));
  Texture texture(resource_of(array));
  CHECK(sampled(texture, Sampling::plain, 0, kWidth, kHeight) == counted(array.count()));
}

TEST_CASE("a kernel reads pitched and linear memory through a texture", "[runtime][array]") {
  void* memory = nullptr;
  size_t pitch = 0;
  const std::vector<float> values = counted(kWidth * kHeight);
  REQUIRE_OK(cudaMallocPitch(&memory, &pitch, kRow, kHeight));
  REQUIRE_OK(cudaMemcpy2D(memory, pitch, values.data(), kRow, kRow, kHeight, cudaMemcpyHostToDevice));
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypePitch2D;
  resource.res.pitch2D.devPtr = memory;
  resource.res.pitch2D.desc = floats();
  resource.res.pitch2D.width = kWidth;
  resource.res.pitch2D.height = kHeight;
  resource.res.pitch2D.pitchInBytes = pitch;
  CHECK(sampled(Texture(resource), Sampling::plain, 0, kWidth, kHeight) == values);

  REQUIRE_OK(cudaMemcpy(memory, values.data(), kRow, cudaMemcpyHostToDevice));
  resource = {};
  resource.resType = cudaResourceTypeLinear;
  resource.res.linear.devPtr = memory;
  resource.res.linear.desc = floats();
  resource.res.linear.sizeInBytes = kRow;
  CHECK(sampled(Texture(resource), Sampling::linear, 0, kWidth, 1) == counted(kWidth));
  CHECK_OK(cudaFree(memory));
}

TEST_CASE("a kernel reads a layer", "[runtime][array]") {
  Array array(cudaArrayLayered, {kWidth, kHeight, 3});
  const std::vector<float> values = counted(array.count());
  array.write(values);
  Texture texture(resource_of(array));
  const size_t layer = kWidth * kHeight;
  CHECK(sampled(texture, Sampling::layer, 2, kWidth, kHeight) ==
        std::vector<float>(values.begin() + 2 * layer, values.end()));
}

TEST_CASE("a kernel reads a level", "[runtime][array]") {
  const cudaChannelFormatDesc channels = floats();
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypeMipmappedArray;
  REQUIRE_OK(cudaMallocMipmappedArray(&resource.res.mipmap.mipmap, &channels, {kWidth, kHeight, 0}, 2));
  const std::vector<float> values = counted(kWidth / 2 * kHeight / 2);
  cudaArray_t second = nullptr;
  REQUIRE_OK(cudaGetMipmappedArrayLevel(&second, resource.res.mipmap.mipmap, 1));
  REQUIRE_OK(cudaMemcpy2DToArray(second, 0, 0, values.data(), kRow / 2, kRow / 2, kHeight / 2, cudaMemcpyHostToDevice));
  cudaTextureDesc description{};
  description.normalizedCoords = 1;
  description.maxMipmapLevelClamp = 1;
  CHECK(sampled(Texture(resource, description), Sampling::level, 1, kWidth / 2, kHeight / 2) == values);
  CHECK_OK(cudaFreeMipmappedArray(resource.res.mipmap.mipmap));
}

TEST_CASE("a kernel writes an array through a surface", "[runtime][array]") {
  Array array(cudaArraySurfaceLoadStore);
  array.write(counted(array.count()));
  const cudaResourceDesc resource = resource_of(array);
  cudaSurfaceObject_t surface = 0;
  REQUIRE_OK(cudaCreateSurfaceObject(&surface, &resource));
  cudaResourceDesc back{};
  REQUIRE_OK(cudaGetSurfaceObjectResourceDesc(&back, surface));
  CHECK(back.res.array.array == static_cast<cudaArray_t>(array));
  launch_double_surface(surface, kWidth, kHeight);
  REQUIRE_OK(cudaDeviceSynchronize());
  std::vector<float> expected = counted(array.count());
  for (float& value : expected) value *= 2;
  CHECK(array.read() == expected);
  CHECK_OK(cudaDestroySurfaceObject(surface));
}
