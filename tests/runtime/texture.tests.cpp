// SPDX-License-Identifier: Apache-2.0
// What textures and surfaces are made of: every kind of resource and format, cubes and layers, and descriptions that
// cannot be.
#include "tests/runtime/fixture.h"

using namespace runtime_test;

namespace {

class Array {
 public:
  Array(cudaChannelFormatDesc format, cudaExtent extent, unsigned flags) {
    REQUIRE_OK(cudaMalloc3DArray(&array_, &format, extent, flags));
  }
  ~Array() { cudaFreeArray(array_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  operator cudaArray_t() const { return array_; }

 private:
  cudaArray_t array_ = nullptr;
};

class Texture {
 public:
  Texture(const cudaResourceDesc& resource, const cudaTextureDesc& texture) {
    REQUIRE_OK(cudaCreateTextureObject(&object_, &resource, &texture, nullptr));
  }
  ~Texture() { cudaDestroyTextureObject(object_); }
  Texture(const Texture&) = delete;
  Texture& operator=(const Texture&) = delete;
  operator cudaTextureObject_t() const { return object_; }

 private:
  cudaTextureObject_t object_ = 0;
};

constexpr cudaChannelFormatDesc kFloat{32, 0, 0, 0, cudaChannelFormatKindFloat};
constexpr cudaChannelFormatDesc kByte{8, 0, 0, 0, cudaChannelFormatKindUnsigned};
constexpr cudaChannelFormatDesc kFraction{8, 8, 8, 8, cudaChannelFormatKindUnsignedNormalized8X4};

cudaResourceDesc resource_of(cudaArray_t array) {
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypeArray;
  resource.res.array.array = array;
  return resource;
}

cudaResourceDesc linear(void* memory, cudaChannelFormatDesc format, size_t bytes) {
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypeLinear;
  resource.res.linear.devPtr = memory;
  resource.res.linear.desc = format;
  resource.res.linear.sizeInBytes = bytes;
  return resource;
}

cudaTextureDesc reading(cudaTextureReadMode mode, cudaTextureFilterMode filter = cudaFilterModePoint) {
  cudaTextureDesc texture{};
  texture.readMode = mode;
  texture.filterMode = filter;
  return texture;
}

cudaError_t create(const cudaResourceDesc& resource, const cudaTextureDesc& texture) {
  cudaTextureObject_t object = 0;
  const cudaError_t result = cudaCreateTextureObject(&object, &resource, &texture, nullptr);
  if (result == cudaSuccess) REQUIRE_OK(cudaDestroyTextureObject(object));
  return result;
}

}  // namespace

TEST_CASE("arrays of normalized elements keep their description", "[runtime][array]") {
  Array array(kFraction, {8, 8, 0}, 0);
  cudaChannelFormatDesc format{};
  CHECK_OK(cudaGetChannelDesc(&format, array));
  CHECK((format.x == 8 && format.w == 8 && format.f == cudaChannelFormatKindUnsignedNormalized8X4));
  Texture texture(resource_of(array), reading(cudaReadModeNormalizedFloat));
  CHECK_ERROR(create(resource_of(array), reading(cudaReadModeElementType)), cudaErrorInvalidNormSetting);
}

TEST_CASE("cubes and layers are arrays", "[runtime][array]") {
  Array cube(kFloat, {8, 8, 6}, cudaArrayCubemap);
  Array cubes(kFloat, {8, 8, 12}, cudaArrayCubemap | cudaArrayLayered);
  Array layers(kFloat, {8, 0, 3}, cudaArrayLayered);
  cudaExtent extent{};
  unsigned flags = 0;
  CHECK_OK(cudaArrayGetInfo(nullptr, &extent, &flags, cubes));
  CHECK((extent.width == 8 && extent.depth == 12 && flags == (cudaArrayCubemap | cudaArrayLayered)));
  cudaArray_t wrong = nullptr;
  CHECK_ERROR(cudaMalloc3DArray(&wrong, &kFloat, {8, 8, 5}, cudaArrayCubemap), cudaErrorInvalidValue);
  CHECK_ERROR(cudaMalloc3DArray(&wrong, &kFloat, {8, 4, 6}, cudaArrayCubemap), cudaErrorInvalidValue);
  Texture texture(resource_of(cube), reading(cudaReadModeElementType));
}

TEST_CASE("a format that no array has is refused", "[runtime][array]") {
  cudaArray_t array = nullptr;
  cudaMipmappedArray_t levels = nullptr;
  size_t width = 0;
  const cudaChannelFormatDesc format = GENERATE(cudaChannelFormatDesc{7, 0, 0, 0, cudaChannelFormatKindUnsigned},
                                                cudaChannelFormatDesc{8, 16, 0, 0, cudaChannelFormatKindUnsigned},
                                                cudaChannelFormatDesc{8, 0, 8, 0, cudaChannelFormatKindUnsigned},
                                                cudaChannelFormatDesc{32, 32, 32, 0, cudaChannelFormatKindFloat},
                                                cudaChannelFormatDesc{32, 0, 0, 0, cudaChannelFormatKindNone});
  CHECK_ERROR(cudaMallocArray(&array, &format, 8, 8), cudaErrorInvalidChannelDescriptor);
  CHECK_ERROR(cudaMallocMipmappedArray(&levels, &format, {8, 8, 0}, 2), cudaErrorInvalidChannelDescriptor);
  CHECK_ERROR(cudaDeviceGetTexture1DLinearMaxWidth(&width, &format, 0), cudaErrorInvalidChannelDescriptor);
}

TEST_CASE("a linear texture may be so wide", "[runtime][texture]") {
  size_t width = 0;
  CHECK_OK(cudaDeviceGetTexture1DLinearMaxWidth(&width, &kFloat, 0));
  CHECK(width > 0);
  CHECK_ERROR(cudaDeviceGetTexture1DLinearMaxWidth(&width, &kFloat, 99), cudaErrorInvalidDevice);
}

TEST_CASE("what cannot be filtered or read as fractions is refused", "[runtime][texture]") {
  DeviceInts memory(256);
  const cudaResourceDesc bytes = linear(memory, kByte, 256);
  const cudaResourceDesc floats = linear(memory, kFloat, 256);
  CHECK_OK(create(bytes, reading(cudaReadModeNormalizedFloat)));
  CHECK_ERROR(create(bytes, reading(cudaReadModeElementType, cudaFilterModeLinear)), cudaErrorInvalidFilterSetting);
  CHECK_OK(create(floats, reading(cudaReadModeElementType)));
  CHECK_ERROR(create(floats, reading(cudaReadModeNormalizedFloat)), cudaErrorInvalidNormSetting);
}

TEST_CASE("a linear texture shows its resource and how it is read", "[runtime][texture]") {
  DeviceInts memory(256);
  Texture texture(linear(memory, kByte, 256), reading(cudaReadModeNormalizedFloat));
  cudaResourceDesc resource{};
  cudaTextureDesc shown{};
  // Release 12's struct is smaller, and begins alike.
  CHECK_OK(cudaGetTextureObjectResourceDesc(&resource, texture));
  CHECK(resource.resType == cudaResourceTypeLinear);
  CHECK_OK(cudaGetTextureObjectTextureDesc(&shown, texture));
  CHECK(shown.readMode == cudaReadModeNormalizedFloat);
}

TEST_CASE("textures and surfaces of nothing are refused", "[runtime][texture]") {
  Array array(kFloat, {8, 8, 0}, cudaArraySurfaceLoadStore);
  DeviceInts memory(256);
  cudaTextureObject_t texture = 0;
  cudaSurfaceObject_t surface = 0;
  const cudaTextureDesc plain = reading(cudaReadModeElementType);
  const cudaResourceDesc resource = resource_of(array);
  const cudaResourceDesc nothing = resource_of(nullptr);
  const cudaResourceDesc line = linear(memory, kFloat, 256);
  CHECK_ERROR(cudaCreateTextureObject(&texture, nullptr, &plain, nullptr), cudaErrorInvalidValue);
  CHECK_REFUSED(cudaCreateTextureObject(&texture, &resource, nullptr, nullptr));
  CHECK_REFUSED(cudaCreateTextureObject(&texture, &nothing, &plain, nullptr));
  CHECK_ERROR(cudaCreateSurfaceObject(&surface, nullptr), cudaErrorInvalidValue);
  CHECK_REFUSED(cudaCreateSurfaceObject(&surface, &nothing));
  CHECK_ERROR(cudaCreateSurfaceObject(&surface, &line), cudaErrorInvalidValue);
  CHECK_OK(cudaCreateSurfaceObject(&surface, &resource));
  CHECK_OK(cudaDestroySurfaceObject(surface));
}

TEST_CASE("arrays have neither planes nor tiles, unless they were made so", "[runtime][array]") {
  Array array(kFloat, {8, 8, 0}, 0);
  cudaArray_t plane = nullptr;
  cudaArraySparseProperties tiles{};
  cudaMipmappedArray_t levels = nullptr;
  REQUIRE_OK(cudaMallocMipmappedArray(&levels, &kFloat, {8, 8, 0}, 2));
  CHECK_REFUSED(cudaMipmappedArrayGetSparseProperties(&tiles, levels));
  CHECK_OK(cudaFreeMipmappedArray(levels));
  CHECK_REFUSED(cudaArrayGetPlane(&plane, array, 0));
  CHECK_REFUSED(cudaArrayGetSparseProperties(&tiles, array));
}

TEST_CASE("an array whose memory comes later says what it needs", "[runtime][array]") {
  int deferred = 0;
  REQUIRE_OK(cudaDeviceGetAttribute(&deferred, cudaDevAttrDeferredMappingCudaArraySupported, 0));
  Array plain(kFloat, {8, 8, 0}, 0);
  cudaArrayMemoryRequirements needs{};
  CHECK_ERROR(cudaArrayGetMemoryRequirements(nullptr, plain, 0), cudaErrorInvalidValue);
  CHECK_ERROR(cudaMipmappedArrayGetMemoryRequirements(nullptr, nullptr, 0), cudaErrorInvalidValue);
  if (deferred == 0) return;
  Array array(kFloat, {64, 64, 0}, cudaArrayDeferredMapping);
  CHECK_OK(cudaArrayGetMemoryRequirements(&needs, array, 0));
  CHECK(needs.size >= 64 * 64 * sizeof(float));
}

TEST_CASE("a texture shows through what it is seen", "[runtime][texture]") {
  Array array(kFloat, {8, 8, 0}, 0);
  const cudaResourceDesc resource = resource_of(array);
  const cudaTextureDesc plain = reading(cudaReadModeElementType);
  cudaResourceViewDesc view{};
  cudaResourceViewDesc shown{};
  cudaTextureObject_t texture = 0;
  view.format = cudaResViewFormatFloat1;
  view.width = view.height = 8;
  REQUIRE_OK(cudaCreateTextureObject(&texture, &resource, &plain, &view));
  CHECK_OK(cudaGetTextureObjectResourceViewDesc(&shown, texture));
  CHECK((shown.format == cudaResViewFormatFloat1 && shown.width == 8 && shown.height == 8));
  CHECK_OK(cudaDestroyTextureObject(texture));
}
