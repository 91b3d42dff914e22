// SPDX-License-Identifier: Apache-2.0
// Surfaces: a picture is written by one kernel, turned by the next and sampled by a third; boundary modes, layers,
// slices and elements of several sizes.
#include "check.h"

#include <algorithm>
#include <vector>

namespace {

constexpr int kWidth = 24, kHeight = 16, kDepth = 3;

struct Array {
  cudaArray_t array = nullptr;
  Array(const cudaChannelFormatDesc& format, cudaExtent extent, unsigned flags = 0) {
    CHECK(cudaMalloc3DArray(&array, &format, extent, flags | cudaArraySurfaceLoadStore));
  }
  ~Array() { CHECK(cudaFreeArray(array)); }
};

cudaResourceDesc resource(const Array& array) {
  cudaResourceDesc result = {};
  result.resType = cudaResourceTypeArray;
  result.res.array.array = array.array;
  return result;
}

struct Surface {
  cudaSurfaceObject_t object = 0;
  explicit Surface(const Array& array) {
    const cudaResourceDesc of = resource(array);
    CHECK(cudaCreateSurfaceObject(&object, &of));
  }
  ~Surface() { CHECK(cudaDestroySurfaceObject(object)); }
};

__device__ int picture(int x, int y) { return y * 100 + x + 1; }

__global__ void paint(cudaSurfaceObject_t to) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < kWidth && y < kHeight) surf2Dwrite(picture(x, y), to, x * static_cast<int>(sizeof(int)), y);
}
// A quarter turn.
__global__ void turn(cudaSurfaceObject_t from, cudaSurfaceObject_t to) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= kWidth || y >= kHeight) return;
  int value;
  surf2Dread(&value, from, x * static_cast<int>(sizeof(int)), y);
  surf2Dwrite(value, to, (kHeight - 1 - y) * static_cast<int>(sizeof(int)), x);
}
__global__ void sample(cudaTextureObject_t texture, int* out) {
  const int x = threadIdx.x, y = blockIdx.x;
  out[y * kHeight + x] = tex2D<int>(texture, x + 0.5f, y + 0.5f);
}
__global__ void edges(cudaSurfaceObject_t surface, int* out) {
  out[0] = surf2Dread<int>(surface, -4, 0, cudaBoundaryModeClamp);
  out[1] = surf2Dread<int>(surface, kWidth * 4, kHeight, cudaBoundaryModeClamp);
  out[2] = surf2Dread<int>(surface, -4, 0, cudaBoundaryModeZero);
  out[3] = surf2Dread<int>(surface, 0, kHeight, cudaBoundaryModeZero);
  surf2Dwrite(-1, surface, kWidth * 4, 0, cudaBoundaryModeZero);
}
__global__ void paint_bytes(cudaSurfaceObject_t to) {
  const uchar4 colour = make_uchar4(threadIdx.x, blockIdx.x, 7, 255);
  surf2Dwrite(colour, to, threadIdx.x * sizeof(uchar4), blockIdx.x);
}
__global__ void paint_slices(cudaSurfaceObject_t box, cudaSurfaceObject_t layers) {
  const float4 value = make_float4(threadIdx.x, threadIdx.y, threadIdx.z, 1);
  surf3Dwrite(value, box, threadIdx.x * sizeof(float4), threadIdx.y, threadIdx.z);
  surf2DLayeredwrite(value, layers, threadIdx.x * sizeof(float4), threadIdx.y, threadIdx.z);
}

void check_turn() {
  const cudaChannelFormatDesc format = cudaCreateChannelDesc<int>();
  const Array first(format, make_cudaExtent(kWidth, kHeight, 0)), second(format, make_cudaExtent(kHeight, kWidth, 0));
  const Surface from(first), to(second);
  const dim3 blocks((kWidth + 7) / 8, (kHeight + 7) / 8), threads(8, 8);
  paint<<<blocks, threads>>>(from.object);
  turn<<<blocks, threads>>>(from.object, to.object);
  CHECK_LAUNCH();
  cudaTextureDesc how = {};
  how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
  cudaTextureObject_t texture = 0;
  const cudaResourceDesc of = resource(second);
  CHECK(cudaCreateTextureObject(&texture, &of, &how, nullptr));
  DeviceArray<int> out(kWidth * kHeight);
  sample<<<kWidth, kHeight>>>(texture, out.get());
  CHECK_LAUNCH();
  std::vector<int> got(kWidth * kHeight);
  out.read(got.data());
  for (int y = 0; y < kWidth; ++y)
    for (int x = 0; x < kHeight; ++x) {
      const int expected = (kHeight - 1 - x) * 100 + y + 1;
      EXPECT(got[y * kHeight + x] == expected, "(%d, %d): %d, expected %d", x, y, got[y * kHeight + x], expected);
    }
  DeviceArray<int> seen(4);
  edges<<<1, 1>>>(from.object, seen.get());
  CHECK_LAUNCH();
  int values[4];
  seen.read(values);
  EXPECT(values[0] == 1 && values[1] == (kHeight - 1) * 100 + kWidth, "clamped: %d %d", values[0], values[1]);
  EXPECT(values[2] == 0 && values[3] == 0, "outside: %d %d", values[2], values[3]);
  CHECK(cudaDestroyTextureObject(texture));
  std::printf("turned: %d by %d\n", kWidth, kHeight);
}

void check_bytes() {
  const Array array(cudaCreateChannelDesc<uchar4>(), make_cudaExtent(kWidth, kHeight, 0));
  const Surface surface(array);
  paint_bytes<<<kHeight, kWidth>>>(surface.object);
  CHECK_LAUNCH();
  std::vector<uchar4> got(kWidth * kHeight);
  CHECK(cudaMemcpy2DFromArray(got.data(), kWidth * 4, array.array, 0, 0, kWidth * 4, kHeight, cudaMemcpyDeviceToHost));
  for (int i = 0; i < kWidth * kHeight; ++i)
    EXPECT(got[i].x == i % kWidth && got[i].y == i / kWidth && got[i].z == 7 && got[i].w == 255,
           "colour %d: %d %d %d %d", i, got[i].x, got[i].y, got[i].z, got[i].w);
  std::printf("colours: %d\n", kWidth * kHeight);
}

std::vector<float4> contents(const Array& array) {
  std::vector<float4> texels(4 * 4 * kDepth);
  cudaMemcpy3DParms copy = {};
  copy.srcArray = array.array;
  copy.dstPtr = make_cudaPitchedPtr(texels.data(), 4 * sizeof(float4), 4, 4);
  copy.extent = make_cudaExtent(4, 4, kDepth);
  copy.kind = cudaMemcpyDeviceToHost;
  CHECK(cudaMemcpy3D(&copy));
  return texels;
}

void check_slices() {
  const cudaChannelFormatDesc format = cudaCreateChannelDesc<float4>();
  const Array box(format, make_cudaExtent(4, 4, kDepth)),
      layers(format, make_cudaExtent(4, 4, kDepth), cudaArrayLayered);
  const Surface box_surface(box), layer_surface(layers);
  paint_slices<<<1, dim3(4, 4, kDepth)>>>(box_surface.object, layer_surface.object);
  CHECK_LAUNCH();
  for (const Array* array : {&box, &layers}) {
    const std::vector<float4> got = contents(*array);
    for (int i = 0; i < 4 * 4 * kDepth; ++i)
      EXPECT(got[i].x == i % 4 && got[i].y == i / 4 % 4 && got[i].z == i / 16 && got[i].w == 1,
             "element %d: %g %g %g %g", i, got[i].x, got[i].y, got[i].z, got[i].w);
  }
  std::printf("slices and layers: %d\n", kDepth);
}

}  // namespace

int main() {
  check_turn();
  check_bytes();
  check_slices();
  return pass();
}
