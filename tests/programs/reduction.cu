// SPDX-License-Identifier: Apache-2.0
// Sums and maxima over a grid: warp shuffles, then shared memory, then one atomic per block. Integer, float, double.
#include "check.h"

#include <algorithm>
#include <climits>
#include <vector>

template <class T>
__device__ T warp_sum(T value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_down_sync(0xffffffffu, value, distance);
  return value;
}

template <class T>
__global__ void sum(const T* input, int n, T* result) {
  __shared__ T partial[32];
  T value = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) value += input[i];
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x < 32) {
    value = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : T(0);
    value = warp_sum(value);
    if (threadIdx.x == 0) atomicAdd(result, value);
  }
}

__global__ void maximum(const int* input, int n, int* result) {
  __shared__ int block_maximum;
  if (threadIdx.x == 0) block_maximum = INT_MIN;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicMax(&block_maximum, input[i]);
  __syncthreads();
  if (threadIdx.x == 0) atomicMax(result, block_maximum);
}

template <class T>
static void check_sum(const char* name, int n) {
  std::vector<T> input(n);
  Random random(n);
  T expected = 0;
  // Small whole numbers: exact in every type and every order.
  for (T& x : input) expected += x = static_cast<T>(static_cast<int>(random.next() % 16));
  DeviceArray<T> data(n), result(1);
  data.set(input.data());
  result.clear();
  sum<<<12, 256>>>(data.get(), n, result.get());
  CHECK_LAUNCH();
  T got = -1;
  result.read(&got);
  EXPECT(got == expected, "sum of %d %s: %g, expected %g", n, name, double(got), double(expected));
  std::printf("sum of %d %s: %g\n", n, name, double(got));
}

int main() {
  check_sum<int>("int", 100003);
  check_sum<float>("float", 100003);
  check_sum<double>("double", 100003);

  std::vector<int> input(50001);
  Random random(7);
  for (int& x : input) x = static_cast<int>(random.next()) - (1 << 30);
  const int expected = *std::max_element(input.begin(), input.end());
  DeviceArray<int> data(input.size()), result(1);
  data.set(input.data());
  int got = INT_MIN;
  result.set(&got);
  maximum<<<8, 128>>>(data.get(), static_cast<int>(input.size()), result.get());
  CHECK_LAUNCH();
  result.read(&got);
  EXPECT(got == expected, "maximum %d, expected %d", got, expected);
  std::printf("maximum %d\n", got);
  return pass();
}
