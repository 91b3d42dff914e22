// SPDX-License-Identifier: Apache-2.0
// Textures: nearest texels and linear filtering in one, two and three dimensions, address modes, layers, cubes,
// mipmaps, texels read as fractions, pitched and linear memory. Coordinates are multiples of 1/256 of a texel, so that
// weights and results are exact.
#include "check.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace {

constexpr int kWidth = 8, kHeight = 4, kDepth = 4;

struct Texture {
  cudaTextureObject_t object = 0;
  Texture(const cudaResourceDesc& resource, const cudaTextureDesc& how) {
    CHECK(cudaCreateTextureObject(&object, &resource, &how, nullptr));
  }
  ~Texture() { CHECK(cudaDestroyTextureObject(object)); }
};

cudaTextureDesc sampling(cudaTextureFilterMode filter, cudaTextureAddressMode mode, bool normalised = false) {
  cudaTextureDesc how = {};
  how.filterMode = filter;
  for (cudaTextureAddressMode& axis : how.addressMode) axis = mode;
  how.normalizedCoords = normalised;
  how.readMode = cudaReadModeElementType;
  return how;
}

cudaResourceDesc of_array(cudaArray_t array) {
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeArray;
  resource.res.array.array = array;
  return resource;
}

// Floats, row by row and slice by slice.
struct Array {
  cudaArray_t array = nullptr;
  Array(const std::vector<float>& texels, cudaExtent extent, unsigned flags = 0) {
    const cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
    CHECK(cudaMalloc3DArray(&array, &format, extent, flags));
    cudaMemcpy3DParms copy = {};
    copy.srcPtr = make_cudaPitchedPtr(const_cast<float*>(texels.data()), extent.width * sizeof(float), extent.width,
                                      extent.height);
    copy.dstArray = array;
    copy.extent = make_cudaExtent(extent.width, extent.height, std::max<size_t>(extent.depth, 1));
    copy.kind = cudaMemcpyHostToDevice;
    CHECK(cudaMemcpy3D(&copy));
  }
  ~Array() { CHECK(cudaFreeArray(array)); }
};

std::vector<float> ramp(size_t count) {
  std::vector<float> texels(count);
  for (size_t i = 0; i < count; ++i) texels[i] = static_cast<float>(i * i % 64);
  return texels;
}

// out[i] = texture at (x[i], y[i], z[i])
__global__ void sample_2d(cudaTextureObject_t texture, const float2* at, float* out) {
  out[threadIdx.x] = tex2D<float>(texture, at[threadIdx.x].x, at[threadIdx.x].y);
}
__global__ void sample_3d(cudaTextureObject_t texture, const float4* at, float* out) {
  const float4 p = at[threadIdx.x];
  out[threadIdx.x] = tex3D<float>(texture, p.x, p.y, p.z);
}
__global__ void sample_layers(cudaTextureObject_t texture, float* out) {
  out[threadIdx.x] = tex2DLayered<float>(texture, 1.5f, 2.5f, threadIdx.x);
}
__global__ void sample_cube(cudaTextureObject_t texture, const float4* at, float* out) {
  const float4 p = at[threadIdx.x];
  out[threadIdx.x] = texCubemap<float>(texture, p.x, p.y, p.z);
}
__global__ void sample_levels(cudaTextureObject_t texture, float* out) {
  out[threadIdx.x] = tex2DLod<float>(texture, 0.5f, 0.5f, threadIdx.x * 0.5f);
}
__global__ void fetch_linear(cudaTextureObject_t texture, int* out) {
  out[threadIdx.x] = tex1Dfetch<int>(texture, threadIdx.x);
}
__global__ void sample_colours(cudaTextureObject_t texture, float4* out) {
  out[threadIdx.x] = tex2D<float4>(texture, threadIdx.x + 0.5f, 0.5f);
}

float clamped(const std::vector<float>& texels, int x, int y, int z) {
  x = std::clamp(x, 0, kWidth - 1), y = std::clamp(y, 0, kHeight - 1), z = std::clamp(z, 0, kDepth - 1);
  return texels[(z * kHeight + y) * kWidth + x];
}

// The guide's formula.
float filtered(const std::vector<float>& texels, float x, float y, float z) {
  const float fx = x - 0.5f, fy = y - 0.5f, fz = z - 0.5f;
  const int i = std::floor(fx), j = std::floor(fy), k = std::floor(fz);
  const float a = fx - i, b = fy - j, c = fz - k;
  float sum = 0;
  for (int corner = 0; corner < 8; ++corner) {
    const int dx = corner & 1, dy = corner >> 1 & 1, dz = corner >> 2;
    sum += (dx ? a : 1 - a) * (dy ? b : 1 - b) * (dz ? c : 1 - c) * clamped(texels, i + dx, j + dy, k + dz);
  }
  return sum;
}

void check_filtering() {
  const std::vector<float> texels = ramp(kWidth * kHeight * kDepth);
  const Array flat(texels, make_cudaExtent(kWidth, kHeight, 0));
  const Array box(texels, make_cudaExtent(kWidth, kHeight, kDepth));
  constexpr int n = 128;
  std::vector<float2> at(n);
  std::vector<float4> deep(n);
  for (int i = 0; i < n; ++i) {
    at[i] = {(i * 37 % 40 - 4) / 4.0f, (i * 23 % 24 - 4) / 4.0f};
    deep[i] = {at[i].x, at[i].y, (i * 11 % 20) / 4.0f, 0};
  }
  DeviceArray<float2> points(n);
  DeviceArray<float4> deep_points(n);
  DeviceArray<float> out(n);
  points.set(at.data());
  deep_points.set(deep.data());
  std::vector<float> got(n);

  const Texture nearest(of_array(flat.array), sampling(cudaFilterModePoint, cudaAddressModeClamp));
  sample_2d<<<1, n>>>(nearest.object, points.get(), out.get());
  CHECK_LAUNCH();
  out.read(got.data());
  for (int i = 0; i < n; ++i) {
    const float expected = clamped(texels, std::floor(at[i].x), std::floor(at[i].y), 0);
    EXPECT(got[i] == expected, "nearest (%g, %g): %g, expected %g", at[i].x, at[i].y, got[i], expected);
  }

  const Texture linear(of_array(flat.array), sampling(cudaFilterModeLinear, cudaAddressModeClamp));
  sample_2d<<<1, n>>>(linear.object, points.get(), out.get());
  CHECK_LAUNCH();
  out.read(got.data());
  for (int i = 0; i < n; ++i) {
    const float expected = filtered(texels, at[i].x, at[i].y, 0.5f);
    EXPECT(got[i] == expected, "linear (%g, %g): %g, expected %g", at[i].x, at[i].y, got[i], expected);
  }

  const Texture volume(of_array(box.array), sampling(cudaFilterModeLinear, cudaAddressModeClamp));
  sample_3d<<<1, n>>>(volume.object, deep_points.get(), out.get());
  CHECK_LAUNCH();
  out.read(got.data());
  for (int i = 0; i < n; ++i) {
    const float expected = filtered(texels, deep[i].x, deep[i].y, deep[i].z);
    EXPECT(got[i] == expected, "volume (%g, %g, %g): %g, expected %g", deep[i].x, deep[i].y, deep[i].z, got[i],
           expected);
  }
  std::printf("filtering: %d points in two and three dimensions\n", n);
}

void check_address_modes() {
  const std::vector<float> texels = ramp(kWidth * kHeight);
  const Array array(texels, make_cudaExtent(kWidth, kHeight, 0));
  constexpr int n = 3;
  const float2 at[n] = {{-1.5f / kWidth, 0.125f}, {9.5f / kWidth, 0.125f}, {17.5f / kWidth, 0.125f}};
  DeviceArray<float2> points(n);
  DeviceArray<float> out(n);
  points.set(at);
  struct {
    cudaTextureAddressMode mode;
    int columns[n];  // -1: the border
  } const expected[] = {{cudaAddressModeWrap, {6, 1, 1}},
                        {cudaAddressModeClamp, {0, 7, 7}},
                        {cudaAddressModeMirror, {1, 6, 1}},
                        {cudaAddressModeBorder, {-1, -1, -1}}};
  for (const auto& row : expected) {
    const Texture texture(of_array(array.array), sampling(cudaFilterModePoint, row.mode, true));
    sample_2d<<<1, n>>>(texture.object, points.get(), out.get());
    CHECK_LAUNCH();
    float got[n];
    out.read(got);
    for (int i = 0; i < n; ++i) {
      const float wanted = row.columns[i] < 0 ? 0 : texels[row.columns[i]];
      EXPECT(got[i] == wanted, "address mode %d, x = %g: %g, expected %g", row.mode, at[i].x, got[i], wanted);
    }
  }
  std::printf("address modes: wrap, clamp, mirror, border\n");
}

void check_layers_and_cubes() {
  constexpr int kLayers = 5, kEdge = 4;
  const std::vector<float> texels = ramp(kEdge * kEdge * 6);
  const Array layers(texels, make_cudaExtent(kEdge, kEdge, kLayers), cudaArrayLayered);
  DeviceArray<float> out(6);
  float got[6];
  const Texture layered(of_array(layers.array), sampling(cudaFilterModePoint, cudaAddressModeClamp));
  sample_layers<<<1, kLayers>>>(layered.object, out.get());
  CHECK_LAUNCH();
  out.read(got);
  for (int i = 0; i < kLayers; ++i) EXPECT(got[i] == texels[i * 16 + 2 * 4 + 1], "layer %d: %g", i, got[i]);

  const Array cube(texels, make_cudaExtent(kEdge, kEdge, 6), cudaArrayCubemap);
  const Texture faces(of_array(cube.array), sampling(cudaFilterModePoint, cudaAddressModeClamp, true));
  // Each hits column 3, row 0 of its face.
  const float4 directions[6] = {{1, 0.75f, -0.75f, 0}, {-1, 0.75f, 0.75f, 0}, {0.75f, 1, -0.75f, 0},
                                {0.75f, -1, 0.75f, 0}, {0.75f, 0.75f, 1, 0},  {-0.75f, 0.75f, -1, 0}};
  DeviceArray<float4> points(6);
  points.set(directions);
  sample_cube<<<1, 6>>>(faces.object, points.get(), out.get());
  CHECK_LAUNCH();
  out.read(got);
  for (int i = 0; i < 6; ++i)
    EXPECT(got[i] == texels[i * 16 + 3], "face %d: %g, expected %g", i, got[i], texels[i * 16 + 3]);
  std::printf("layers: %d, faces: 6\n", kLayers);
}

void check_mipmaps() {
  cudaMipmappedArray_t mipmap = nullptr;
  const cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
  CHECK(cudaMallocMipmappedArray(&mipmap, &format, make_cudaExtent(8, 8, 0), 4));
  for (int level = 0; level < 4; ++level) {
    cudaArray_t array = nullptr;
    CHECK(cudaGetMipmappedArrayLevel(&array, mipmap, level));
    const int edge = 8 >> level;
    const std::vector<float> texels(edge * edge, static_cast<float>(1 << level));
    CHECK(cudaMemcpy2DToArray(array, 0, 0, texels.data(), edge * 4, edge * 4, edge, cudaMemcpyHostToDevice));
  }
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeMipmappedArray;
  resource.res.mipmap.mipmap = mipmap;
  cudaTextureDesc how = sampling(cudaFilterModeLinear, cudaAddressModeClamp, true);
  how.mipmapFilterMode = cudaFilterModeLinear;
  how.maxMipmapLevelClamp = 3;
  constexpr int n = 8;
  DeviceArray<float> out(n);
  float got[n];
  {
    const Texture texture(resource, how);
    sample_levels<<<1, n>>>(texture.object, out.get());
    CHECK_LAUNCH();
    out.read(got);
  }
  const float expected[n] = {1, 1.5f, 2, 3, 4, 6, 8, 8};
  for (int i = 0; i < n; ++i) EXPECT(got[i] == expected[i], "level %g: %g, expected %g", i * 0.5, got[i], expected[i]);
  CHECK(cudaFreeMipmappedArray(mipmap));
  std::printf("mipmaps: four levels and what lies between\n");
}

void check_memory_and_fractions() {
  constexpr int n = 100;
  std::vector<int> numbers(n);
  for (int i = 0; i < n; ++i) numbers[i] = i * i - 50;
  DeviceArray<int> memory(n), out(n);
  memory.set(numbers.data());
  cudaResourceDesc resource = {};
  resource.resType = cudaResourceTypeLinear;
  resource.res.linear = {memory.get(), cudaCreateChannelDesc<int>(), n * sizeof(int)};
  const Texture texture(resource, sampling(cudaFilterModePoint, cudaAddressModeClamp));
  fetch_linear<<<1, n>>>(texture.object, out.get());
  CHECK_LAUNCH();
  std::vector<int> got(n);
  out.read(got.data());
  EXPECT(got == numbers, "linear memory differs");

  uchar4* rows = nullptr;
  size_t pitch = 0;
  CHECK(cudaMallocPitch(&rows, &pitch, 2 * sizeof(uchar4), 1));
  const uchar4 colours[2] = {{0, 255, 0, 255}, {255, 0, 255, 0}};
  CHECK(cudaMemcpy2D(rows, pitch, colours, sizeof colours, sizeof colours, 1, cudaMemcpyHostToDevice));
  resource = {};
  resource.resType = cudaResourceTypePitch2D;
  resource.res.pitch2D = {rows, cudaCreateChannelDesc<uchar4>(), 2, 1, pitch};
  cudaTextureDesc how = sampling(cudaFilterModeLinear, cudaAddressModeClamp);
  how.readMode = cudaReadModeNormalizedFloat;
  DeviceArray<float4> colours_out(2);
  float4 seen[2];
  {
    const Texture fractions(resource, how);
    sample_colours<<<1, 2>>>(fractions.object, colours_out.get());
    CHECK_LAUNCH();
    colours_out.read(seen);
  }
  EXPECT(seen[0].x == 0 && seen[0].y == 1 && seen[0].z == 0 && seen[0].w == 1, "colour 0: %g %g %g %g", seen[0].x,
         seen[0].y, seen[0].z, seen[0].w);
  EXPECT(seen[1].x == 1 && seen[1].y == 0 && seen[1].z == 1 && seen[1].w == 0, "colour 1: %g %g %g %g", seen[1].x,
         seen[1].y, seen[1].z, seen[1].w);
  CHECK(cudaFree(rows));
  std::printf("memory: %d numbers, two colours\n", n);
}

}  // namespace

int main() {
  check_filtering();
  check_address_modes();
  check_layers_and_cubes();
  check_mipmaps();
  check_memory_and_fractions();
  return pass();
}
