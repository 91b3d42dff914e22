// SPDX-License-Identifier: Apache-2.0
// A matrix that goes through shared memory in tiles: a tensor map loads them, a barrier says when they are there, and a
// second map stores them, transposed. The matrix is no multiple of a tile: what lies outside reads as zeros and is not
// written. The map is made by the driver's call, found through the runtime, as programs do that do not link libcuda.
#include "check.h"

#include <cuda.h>

#include <cuda/barrier>
#include <cuda/ptx>
#include <vector>

namespace ptx = cuda::ptx;
using Barrier = cuda::barrier<cuda::thread_scope_block>;

constexpr int kTile = 32;

__global__ void transpose(const __grid_constant__ CUtensorMap from, const __grid_constant__ CUtensorMap to) {
  __shared__ alignas(128) float tile[kTile][kTile], turned[kTile][kTile];
#pragma nv_diag_suppress static_var_with_dynamic_init
  __shared__ Barrier barrier;
  const int32_t x = blockIdx.x * kTile, y = blockIdx.y * kTile;
  if (threadIdx.x == 0) {
    init(&barrier, blockDim.x);
    ptx::fence_proxy_async(ptx::space_shared);
  }
  __syncthreads();
  Barrier::arrival_token token;
  if (threadIdx.x == 0) {
    const int32_t corner[2] = {x, y};
    ptx::cp_async_bulk_tensor(ptx::space_cluster, ptx::space_global, &tile, &from, corner,
                              cuda::device::barrier_native_handle(barrier));
    token = cuda::device::barrier_arrive_tx(barrier, 1, sizeof tile);
  } else {
    token = barrier.arrive();
  }
  barrier.wait(std::move(token));
  for (int i = threadIdx.x; i < kTile * kTile; i += blockDim.x) turned[i % kTile][i / kTile] = tile[i / kTile][i % kTile];
  ptx::fence_proxy_async(ptx::space_shared);
  __syncthreads();
  if (threadIdx.x == 0) {
    const int32_t corner[2] = {y, x};
    ptx::cp_async_bulk_tensor(ptx::space_global, ptx::space_shared, &to, corner, &turned);
    ptx::cp_async_bulk_commit_group();
    ptx::cp_async_bulk_wait_group_read(ptx::n32_t<0>());
  }
}

using Encode = decltype(&cuTensorMapEncodeTiled);

Encode find_encode() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult result;
  CHECK(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &result));
  EXPECT(result == cudaDriverEntryPointSuccess, "the driver has no cuTensorMapEncodeTiled");
  return reinterpret_cast<Encode>(function);
}

CUtensorMap map_of(float* matrix, cuuint64_t width, cuuint64_t height, cuuint64_t pitch) {
  static const Encode encode = find_encode();
  CUtensorMap map = {};
  const cuuint64_t sizes[] = {width, height}, strides[] = {pitch * sizeof(float)};
  const cuuint32_t box[] = {kTile, kTile}, steps[] = {1, 1};
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 2, matrix, sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  EXPECT(result == CUDA_SUCCESS, "encoding a map: error %d", result);
  return map;
}

int main() {
  constexpr int kWidth = 100, kHeight = 75, kWidePitch = 104, kHighPitch = 80;
  std::vector<float> matrix(kWidePitch * kHeight), result(kHighPitch * kWidth);
  Random random;
  for (float& value : matrix) value = static_cast<float>(random.unit());
  DeviceArray<float> from(matrix.size()), to(result.size());
  from.set(matrix.data());
  to.clear();
  const CUtensorMap from_map = map_of(from.get(), kWidth, kHeight, kWidePitch);
  const CUtensorMap to_map = map_of(to.get(), kHeight, kWidth, kHighPitch);
  const dim3 tiles((kWidth + kTile - 1) / kTile, (kHeight + kTile - 1) / kTile);
  transpose<<<tiles, 128>>>(from_map, to_map);
  CHECK_LAUNCH();
  to.read(result.data());
  for (int y = 0; y < kHeight; ++y)
    for (int x = 0; x < kWidth; ++x)
      EXPECT(result[x * kHighPitch + y] == matrix[y * kWidePitch + x], "element (%d, %d) is %f", x, y,
             result[x * kHighPitch + y]);
  for (int x = 0; x < kWidth; ++x)
    for (int y = kHeight; y < kHighPitch; ++y)
      EXPECT(result[x * kHighPitch + y] == 0, "what lies outside of the tensor was written at (%d, %d)", x, y);
  return pass();
}
