// SPDX-License-Identifier: Apache-2.0
// A tiled matrix product through shared memory: barriers, two-dimensional blocks, ragged edges, and its time.
#include "check.h"

#include <vector>

constexpr int kTile = 16;

__global__ void multiply(const float* a, const float* b, float* c, int m, int n, int k) {
  __shared__ float tile_a[kTile][kTile];
  __shared__ float tile_b[kTile][kTile + 1];
  const int row = blockIdx.y * kTile + threadIdx.y;
  const int column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0;
  for (int first = 0; first < k; first += kTile) {
    const int ka = first + threadIdx.x, kb = first + threadIdx.y;
    tile_a[threadIdx.y][threadIdx.x] = row < m && ka < k ? a[row * k + ka] : 0.0f;
    tile_b[threadIdx.y][threadIdx.x] = column < n && kb < k ? b[kb * n + column] : 0.0f;
    __syncthreads();
    for (int i = 0; i < kTile; ++i) sum += tile_a[threadIdx.y][i] * tile_b[i][threadIdx.x];
    __syncthreads();
  }
  if (row < m && column < n) c[row * n + column] = sum;
}

int main() {
  constexpr int m = 150, n = 131, k = 117;  // No multiple of the tile.
  std::vector<float> a(m * k), b(k * n), c(m * n);
  Random random;
  // Small whole numbers make every order of summation exact.
  for (float& x : a) x = static_cast<float>(static_cast<int>(random.next() % 17) - 8);
  for (float& x : b) x = static_cast<float>(static_cast<int>(random.next() % 17) - 8);
  DeviceArray<float> da(a.size()), db(b.size()), dc(c.size());
  da.set(a.data());
  db.set(b.data());
  cudaEvent_t begin, end;
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  const dim3 grid((n + kTile - 1) / kTile, (m + kTile - 1) / kTile);
  CHECK(cudaEventRecord(begin));
  multiply<<<grid, dim3(kTile, kTile)>>>(da.get(), db.get(), dc.get(), m, n, k);
  CHECK_LAUNCH();
  CHECK(cudaEventRecord(end));
  CHECK(cudaEventSynchronize(end));
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
  EXPECT(milliseconds >= 0, "the kernel took %g ms", milliseconds);
  dc.read(c.data());
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < n; ++j) {
      float expected = 0;
      for (int x = 0; x < k; ++x) expected += a[i * k + x] * b[x * n + j];
      EXPECT(c[i * n + j] == expected, "c[%d][%d] = %g, expected %g", i, j, c[i * n + j], expected);
    }
  std::printf("%d x %d x %d in %.3f ms, %.3f GFLOP/s\n", m, n, k, milliseconds,
              2.0 * m * n * k / (milliseconds * 1e6 + 1e-9));
  CHECK(cudaEventDestroy(begin));
  CHECK(cudaEventDestroy(end));
  return pass();
}
