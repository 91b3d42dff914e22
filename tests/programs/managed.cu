// SPDX-License-Identifier: Apache-2.0
// Managed memory: one pointer for host and device, handed over by synchronising; a managed variable too.
#include "check.h"

constexpr int kValues = 20000;

__managed__ int counter = 3;

__global__ void square(int* values) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < kValues) {
    values[i] *= values[i];
    if (i % 100 == 0) atomicAdd(&counter, 1);
  }
}

int main() {
  int available = 0;
  CHECK(cudaDeviceGetAttribute(&available, cudaDevAttrManagedMemory, 0));
  if (!available) {
    std::printf("the device has no managed memory\n");
    return pass();
  }
  int* values = nullptr;
  CHECK(cudaMallocManaged(&values, kValues * sizeof(int)));
  cudaPointerAttributes attributes;
  CHECK(cudaPointerGetAttributes(&attributes, values));
  EXPECT(attributes.type == cudaMemoryTypeManaged, "memory type %d", attributes.type);
  for (int i = 0; i < kValues; ++i) values[i] = i % 1000;
  for (int round = 0; round < 2; ++round) {
    square<<<(kValues + 255) / 256, 256>>>(values);
    CHECK_LAUNCH();
    CHECK(cudaDeviceSynchronize());
    for (int i = 0; i < kValues; ++i) {
      const int x = (i + round) % 1000;
      EXPECT(values[i] == x * x, "round %d: value %d is %d, expected %d", round, i, values[i], x * x);
      values[i] = (i + 1) % 1000;
    }
  }
  EXPECT(counter == 3 + 2 * kValues / 100, "the managed counter is %d", counter);
  CHECK(cudaMemset(values, 0, kValues * sizeof(int)));
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < kValues; ++i) EXPECT(values[i] == 0, "value %d is %d after the set", i, values[i]);
  CHECK(cudaFree(values));
  std::printf("%d managed values, counter %d\n", kValues, counter);
  return pass();
}
