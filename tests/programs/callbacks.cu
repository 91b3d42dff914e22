// SPDX-License-Identifier: Apache-2.0
// Host functions and callbacks run in stream order, after what came before and before what comes after.
#include "check.h"

#include <atomic>
#include <vector>

struct Step {
  std::vector<int>* order;
  int number;
  const int* value;  // pinned; what the kernel before this step wrote
  int seen;
};

static void host_function(void* data) {
  Step* step = static_cast<Step*>(data);
  step->order->push_back(step->number);
  step->seen = *step->value;
}

static void callback(cudaStream_t, cudaError_t status, void* data) {
  host_function(data);
  if (status != cudaSuccess) static_cast<Step*>(data)->seen = -1000;
}

__global__ void write(int* where, int value) { *where = value; }
__global__ void copy(int* to, const volatile int* from) { *to = *from; }

static void raise_flag(void* data) { *static_cast<volatile int*>(data) = 42; }

int main() {
  constexpr int kSteps = 20;
  int *mapped = nullptr, *device = nullptr;
  CHECK(cudaHostAlloc(&mapped, sizeof(int), cudaHostAllocMapped));
  CHECK(cudaHostGetDevicePointer(&device, mapped, 0));
  cudaStream_t stream;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  std::vector<int> order;
  std::vector<Step> steps;
  for (int i = 0; i < kSteps; ++i) steps.push_back({&order, i, mapped, -1});
  for (int i = 0; i < kSteps; ++i) {
    write<<<1, 1, 0, stream>>>(device, i * i);
    CHECK_LAUNCH();
    if (i % 2) {
      CHECK(cudaLaunchHostFunc(stream, host_function, &steps[i]));
    } else {
      CHECK(cudaStreamAddCallback(stream, callback, &steps[i], 0));
    }
  }
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(order.size() == kSteps, "%zu callbacks ran", order.size());
  for (int i = 0; i < kSteps; ++i) {
    EXPECT(order[i] == i, "callback %d ran at position %d", order[i], i);
    EXPECT(steps[i].seen == i * i, "callback %d saw %d", i, steps[i].seen);
  }
  std::printf("%d callbacks in order, each after its kernel\n", kSteps);

  // Work that follows a host function sees what the function wrote.
  DeviceArray<int> result(1);
  result.clear();
  CHECK(cudaDeviceSynchronize());
  *mapped = 0;
  CHECK(cudaLaunchHostFunc(stream, raise_flag, mapped));
  copy<<<1, 1, 0, stream>>>(result.get(), device);
  CHECK_LAUNCH();
  CHECK(cudaStreamSynchronize(stream));
  int got = 0;
  result.read(&got);
  EXPECT(got == 42, "the kernel read %d after the host function wrote 42", got);
  std::printf("the next kernel saw the host function's value\n");
  CHECK(cudaStreamDestroy(stream));
  CHECK(cudaFreeHost(mapped));
  return pass();
}
