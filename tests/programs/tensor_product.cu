// SPDX-License-Identifier: Apache-2.0
// Matrix products with a warp's tensor instructions: halves in three shapes, and bytes.
#include "check.h"

#include <cuda_fp16.h>
#include <mma.h>
#include <vector>

using namespace nvcuda;

constexpr int kSize = 64;

template <int M, int N, int K>
__global__ void product(const half* a, const half* b, float* c) {
  const int column = blockIdx.x * N, row = blockIdx.y * M;
  wmma::fragment<wmma::matrix_a, M, N, K, half, wmma::row_major> left;
  wmma::fragment<wmma::matrix_b, M, N, K, half, wmma::col_major> right;
  wmma::fragment<wmma::accumulator, M, N, K, float> sum;
  wmma::fill_fragment(sum, 0.0f);
  for (int i = 0; i < kSize; i += K) {
    wmma::load_matrix_sync(left, a + row * kSize + i, kSize);
    wmma::load_matrix_sync(right, b + column * kSize + i, kSize);
    wmma::mma_sync(sum, left, right, sum);
  }
  for (int i = 0; i < sum.num_elements; ++i) sum.x[i] *= 2;
  wmma::store_matrix_sync(c + row * kSize + column, sum, kSize, wmma::mem_row_major);
}

__global__ void bytes(const signed char* a, const signed char* b, int* c) {
  wmma::fragment<wmma::matrix_a, 16, 16, 16, signed char, wmma::row_major> left;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, signed char, wmma::col_major> right;
  wmma::fragment<wmma::accumulator, 16, 16, 16, int> sum;
  wmma::fill_fragment(sum, 1);
  wmma::load_matrix_sync(left, a, 16);
  wmma::load_matrix_sync(right, b, 16);
  wmma::mma_sync(sum, left, right, sum);
  wmma::store_matrix_sync(c, sum, 16, wmma::mem_col_major);
}

template <int M, int N, int K>
void check_halves() {
  std::vector<half> a(kSize * kSize), b(kSize * kSize);
  for (int i = 0; i < kSize * kSize; ++i) {
    a[i] = __float2half(static_cast<float>(7 * i % 13 - 6));
    b[i] = __float2half(static_cast<float>(5 * i % 11 - 5));
  }
  DeviceArray<half> left(a.size()), right(b.size());
  DeviceArray<float> out(a.size());
  left.set(a.data());
  right.set(b.data());
  product<M, N, K><<<dim3(kSize / N, kSize / M), 32>>>(left.get(), right.get(), out.get());
  CHECK_LAUNCH();
  std::vector<float> c(a.size());
  out.read(c.data());
  for (int row = 0; row < kSize; ++row) {
    for (int column = 0; column < kSize; ++column) {
      float sum = 0;
      for (int i = 0; i < kSize; ++i) sum += __half2float(a[row * kSize + i]) * __half2float(b[column * kSize + i]);
      EXPECT(c[row * kSize + column] == 2 * sum, "%dx%dx%d: row %d, column %d", M, N, K, row, column);
    }
  }
}

void check_bytes() {
  signed char a[256], b[256];
  for (int i = 0; i < 256; ++i) {
    a[i] = static_cast<signed char>(3 * i);
    b[i] = static_cast<signed char>(7 * i - 50);
  }
  DeviceArray<signed char> left(256), right(256);
  DeviceArray<int> out(256);
  left.set(a);
  right.set(b);
  bytes<<<1, 32>>>(left.get(), right.get(), out.get());
  CHECK_LAUNCH();
  int c[256];
  out.read(c);
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 16; ++column) {
      int sum = 1;
      for (int i = 0; i < 16; ++i) sum += a[row * 16 + i] * b[column * 16 + i];
      EXPECT(c[column * 16 + row] == sum, "bytes: row %d, column %d", row, column);
    }
  }
}

int main() {
  check_halves<16, 16, 16>();
  check_halves<32, 8, 16>();
  check_halves<8, 32, 16>();
  check_bytes();
  return pass();
}
