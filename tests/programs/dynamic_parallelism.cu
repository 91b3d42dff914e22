// SPDX-License-Identifier: Apache-2.0
// Kernels that launch kernels: a quicksort that recurses on the device, streams and events of device code, fire-and-
// forget and tail launches.
#include "check.h"

#include <algorithm>
#include <vector>

constexpr int kDepth = 12;

// One thread per range: partitions it and hands its halves to new grids.
__global__ void quicksort(int* values, int left, int right, int depth) {
  if (depth == kDepth || right - left < 16) {
    for (int i = left + 1; i <= right; ++i) {
      const int value = values[i];
      int place = i;
      for (; place > left && values[place - 1] > value; --place) values[place] = values[place - 1];
      values[place] = value;
    }
    return;
  }
  int low = left, high = right;
  const int pivot = values[(left + right) / 2];
  while (low <= high) {
    while (values[low] < pivot) ++low;
    while (values[high] > pivot) --high;
    if (low > high) continue;
    const int value = values[low];
    values[low++] = values[high];
    values[high--] = value;
  }
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  if (left < high) quicksort<<<1, 1>>>(values, left, high, depth + 1);
  if (low < right) quicksort<<<1, 1, 0, stream>>>(values, low, right, depth + 1);
  cudaStreamDestroy(stream);
}

__global__ void add(int* values, int value) { atomicAdd(values + threadIdx.x, value); }
__global__ void scale(int* values, int factor) { values[threadIdx.x] *= factor; }

__global__ void ordered(int* values) {
  cudaEvent_t event;
  cudaStream_t first, second;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  cudaMemsetAsync(values, 0, 32 * sizeof *values, first);
  add<<<2, 32, 0, first>>>(values, 3);
  cudaEventRecord(event, first);
  cudaStreamWaitEvent(second, event, 0);
  scale<<<1, 32, 0, second>>>(values, 10);
  scale<<<1, 32, 0, cudaStreamTailLaunch>>>(values, -1);
  add<<<1, 32, 0, cudaStreamFireAndForget>>>(values + 32, 7);
  cudaEventDestroy(event);
  cudaStreamDestroy(first);
  cudaStreamDestroy(second);
}

__global__ void refused(int* error) {
  add<<<1, 4096>>>(error, 1);
  error[0] = cudaGetLastError();
  error[1] = cudaGetLastError();
}

// What a kernel asks about its device and about errors.
__device__ bool same(const char* a, const char* b) {
  while (*a != 0 && *a == *b) ++a, ++b;
  return *a == *b;
}

__global__ void questions(int* answers) {
  cudaGetDevice(&answers[0]);
  cudaGetDeviceCount(&answers[1]);
  answers[2] = cudaDeviceGetAttribute(&answers[3], cudaDevAttrWarpSize, answers[0]);
  answers[4] = same(cudaGetErrorName(cudaErrorInvalidValue), "cudaErrorInvalidValue");
  answers[5] = same(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
}

// What a kernel asks about another one: the host's answers are the measure.
__global__ void sized(int* values, int count) {
  __shared__ int buffer[1000];
  for (int i = threadIdx.x; i < 1000; i += blockDim.x) buffer[i] = values[i % count];
  __syncthreads();
  values[threadIdx.x] = buffer[999 - threadIdx.x];
}

__global__ void kernel_questions(int* answers) {
  cudaFuncAttributes attributes;
  answers[0] = cudaFuncGetAttributes(&attributes, sized);
  answers[1] = static_cast<int>(attributes.sharedSizeBytes);
  answers[2] = attributes.maxThreadsPerBlock;
  answers[3] = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&answers[4], sized, 128, 4096);
  int grid = 0, block = 0;
  answers[5] = cudaOccupancyMaxPotentialBlockSize(&grid, &block, sized, 0, 256);
  answers[6] = block;
  size_t heap = 0;
  answers[7] = cudaDeviceGetLimit(&heap, cudaLimitMallocHeapSize);
  answers[8] = static_cast<int>(heap >> 10);
}

// Rows of 4 bytes, 16 apart, are copied to where they are 8 apart, and then set. To 0, because with CUDA 13.0 an H100
// is seen to set zeros here, whatever the value.
__global__ void rows(char* bytes, int* codes) {
  codes[0] = cudaMemcpy2DAsync(bytes + 48, 8, bytes, 16, 4, 3, cudaMemcpyDeviceToDevice, cudaStream_t{});
  codes[1] = cudaMemset2DAsync(bytes, 16, 0, 4, 3, cudaStream_t{});
  codes[2] = cudaGetLastError();
}

// A box of 2 x 2 x 2 words at (1, 1, 0) of slices of 4 x 3 words goes to (0, 0, 1) of slices of 2 x 2; then its first
// slice is set.
__global__ void boxes(int* from, int* to, int* codes) {
  cudaMemcpy3DParms copy{};
  copy.srcPtr = cudaPitchedPtr{from, 4 * sizeof *from, 4 * sizeof *from, 3};
  copy.srcPos = cudaPos{sizeof *from, 1, 0};
  copy.dstPtr = cudaPitchedPtr{to, 2 * sizeof *to, 2 * sizeof *to, 2};
  copy.dstPos = cudaPos{0, 0, 1};
  copy.extent = cudaExtent{2 * sizeof *from, 2, 2};
  copy.kind = cudaMemcpyDeviceToDevice;
  codes[0] = cudaMemcpy3DAsync(&copy, cudaStream_t{});
  codes[1] = cudaMemset3DAsync(cudaPitchedPtr{from, 4 * sizeof *from, 4 * sizeof *from, 3}, 0,
                               cudaExtent{2 * sizeof *from, 2, 1}, cudaStream_t{});
  codes[2] = cudaGetLastError();
}

int main() {
  std::vector<int> values(2000);
  Random random;
  for (int& value : values) value = static_cast<int>(random.next() % 1000);
  DeviceArray<int> device(values.size());
  device.set(values.data());
  quicksort<<<1, 1>>>(device.get(), 0, static_cast<int>(values.size()) - 1, 0);
  CHECK_LAUNCH();
  CHECK(cudaDeviceSynchronize());
  std::vector<int> sorted(values.size());
  device.read(sorted.data());
  std::sort(values.begin(), values.end());
  EXPECT(sorted == values, "the device did not sort");

  DeviceArray<int> pair(64);
  pair.clear();
  ordered<<<1, 1>>>(pair.get());
  CHECK(cudaDeviceSynchronize());
  int seen[64];
  pair.read(seen);
  for (int i = 0; i < 32; ++i) {
    EXPECT(seen[i] == -60, "value %d is %d", i, seen[i]);
    EXPECT(seen[32 + i] == 7, "value %d is %d", 32 + i, seen[32 + i]);
  }

  refused<<<1, 1>>>(pair.get());
  CHECK(cudaDeviceSynchronize());
  pair.read(seen);
  EXPECT(seen[0] == cudaErrorInvalidConfiguration && seen[1] == cudaSuccess, "errors %d and %d", seen[0], seen[1]);

  questions<<<1, 1>>>(pair.get());
  CHECK(cudaDeviceSynchronize());
  pair.read(seen);
  int count = 0;
  CHECK(cudaGetDeviceCount(&count));
  EXPECT(seen[0] == 0 && seen[1] == count && seen[2] == cudaSuccess && seen[3] == 32, "device %d of %d: warps of %d",
         seen[0], seen[1], seen[3]);
  EXPECT(seen[4] != 0 && seen[5] != 0, "an error's name or text differs");

  kernel_questions<<<1, 1>>>(pair.get());
  CHECK_LAUNCH();
  CHECK(cudaDeviceSynchronize());
  pair.read(seen);
  int blocks = 0;
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, sized, 128, 4096));
  EXPECT(seen[0] == cudaSuccess && seen[1] == 4000 && seen[2] >= 128, "error %d, %d bytes shared, %d threads", seen[0],
         seen[1], seen[2]);
  EXPECT(seen[3] == cudaSuccess && seen[4] == blocks, "error %d, %d blocks, not %d", seen[3], seen[4], blocks);
  EXPECT(seen[5] == cudaSuccess && seen[6] > 0 && seen[6] <= 256, "error %d, blocks of %d", seen[5], seen[6]);
  size_t heap = 0;
  CHECK(cudaDeviceGetLimit(&heap, cudaLimitMallocHeapSize));
  EXPECT(seen[7] == cudaSuccess && seen[8] == static_cast<int>(heap >> 10), "error %d, a heap of %d KiB", seen[7],
         seen[8]);

  for (int i = 0; i < 64; ++i) seen[i] = 100 + i;
  pair.set(seen);
  rows<<<1, 1>>>(reinterpret_cast<char*>(pair.get()), pair.get() + 32);
  CHECK(cudaDeviceSynchronize());
  pair.read(seen);
  EXPECT(seen[32] == cudaSuccess && seen[33] == cudaSuccess && seen[34] == cudaSuccess,
         "rows were copied with %d and set with %d, last error %d", seen[32], seen[33], seen[34]);
  for (int i = 0; i < 18; ++i) {
    const bool set = i < 12 && i % 4 == 0, copied = i >= 12 && i % 2 == 0;
    const int expected = set ? 0 : copied ? 100 + (i - 12) * 2 : 100 + i;
    EXPECT(seen[i] == expected, "word %d is %d", i, seen[i]);
  }

  for (int i = 0; i < 64; ++i) seen[i] = 100 + i;
  pair.set(seen);
  boxes<<<1, 1>>>(pair.get(), pair.get() + 32, pair.get() + 60);
  CHECK_LAUNCH();
  CHECK(cudaDeviceSynchronize());
  pair.read(seen);
  EXPECT(seen[60] == cudaSuccess && seen[61] == cudaSuccess && seen[62] == cudaSuccess,
         "a box was copied with %d and set with %d, last error %d", seen[60], seen[61], seen[62]);
  for (int i = 0; i < 60; ++i) {
    const int word = i - 36, source = word / 4 * 12 + (word / 2 % 2 + 1) * 4 + word % 2 + 1;
    const bool set = i < 6 && i % 4 < 2, copied = word >= 0 && word < 8;
    const int expected = set ? 0 : copied ? 100 + source : 100 + i;
    EXPECT(seen[i] == expected, "word %d of boxes is %d, not %d", i, seen[i], expected);
  }
  return pass();
}
