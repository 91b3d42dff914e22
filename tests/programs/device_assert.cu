// SPDX-License-Identifier: Apache-2.0
// A failed assertion in a kernel ends the context with cudaErrorAssert; one that holds does nothing.
#undef NDEBUG
#include <cassert>

#include "check.h"

__global__ void positive(const int* values) { assert(values[threadIdx.x] > 0); }

int main() {
  int host[32];
  for (int i = 0; i < 32; ++i) host[i] = i + 1;
  DeviceArray<int> values(32);
  values.set(host);
  positive<<<1, 32>>>(values.get());
  CHECK_LAUNCH();
  CHECK(cudaDeviceSynchronize());
  std::printf("32 positive values: no complaint\n");
  host[17] = 0;
  values.set(host);
  positive<<<1, 32>>>(values.get());
  CHECK_LAUNCH();
  CHECK_ERROR(cudaDeviceSynchronize(), cudaErrorAssert);
  std::printf("one zero: %s\n", cudaGetErrorString(cudaErrorAssert));
  void* more = nullptr;
  CHECK_ERROR(cudaMalloc(&more, 16), cudaErrorAssert);
  return pass();
}
