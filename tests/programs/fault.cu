// SPDX-License-Identifier: Apache-2.0
// A kernel writes to an address that nobody allocated. The launch succeeds, the next synchronisation reports
// cudaErrorIllegalAddress, and so does every later call of the process that needs the context.
#include "check.h"

#include <cstring>

__global__ void write(int* where, int value) { *where = value; }

int main() {
  DeviceArray<int> value(1);
  write<<<1, 1>>>(value.get(), 5);
  CHECK_LAUNCH();
  CHECK(cudaDeviceSynchronize());
  int got = 0;
  value.read(&got);
  EXPECT(got == 5, "a good write gave %d", got);

  write<<<1, 1>>>(reinterpret_cast<int*>(uintptr_t{16}), 1);
  CHECK_LAUNCH();
  CHECK_ERROR(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  std::printf("synchronise: %s\n", cudaGetErrorString(cudaErrorIllegalAddress));
  CHECK_ERROR(cudaGetLastError(), cudaErrorIllegalAddress);
  CHECK_ERROR(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  void* more = nullptr;
  CHECK_ERROR(cudaMalloc(&more, 16), cudaErrorIllegalAddress);
  CHECK_ERROR(cudaMemcpy(&got, value.get(), sizeof got, cudaMemcpyDeviceToHost), cudaErrorIllegalAddress);
  EXPECT(std::strcmp(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress") == 0, "the error's name");
  std::printf("every later call: the same\n");
  return pass();
}
