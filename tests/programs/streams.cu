// SPDX-License-Identifier: Apache-2.0
// Several streams: order inside one, events across them, priorities, queries and elapsed time.
#include "check.h"

#include <vector>

constexpr int kStreams = 4, kValues = 4096, kRounds = 6;

__global__ void scale_and_add(int* values, int factor, int term) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < kValues) values[i] = values[i] * factor + term;
}

__global__ void add_from(int* values, const int* other) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < kValues) values[i] += other[i];
}

// Each stream works on its own array; then every stream waits for its neighbour's event and adds the neighbour's array.
int main() {
  int lowest = 0, highest = 0;
  CHECK(cudaDeviceGetStreamPriorityRange(&lowest, &highest));
  EXPECT(highest <= lowest, "priorities from %d to %d", lowest, highest);
  cudaStream_t streams[kStreams];
  cudaEvent_t done[kStreams], begin, end;
  int *arrays[kStreams], *sums[kStreams], *host[kStreams];
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  for (int s = 0; s < kStreams; ++s) {
    CHECK(cudaStreamCreateWithPriority(&streams[s], cudaStreamNonBlocking, s % 2 ? highest : lowest));
    int priority = 99;
    CHECK(cudaStreamGetPriority(streams[s], &priority));
    EXPECT(priority == (s % 2 ? highest : lowest), "stream %d has priority %d", s, priority);
    CHECK(cudaEventCreateWithFlags(&done[s], cudaEventDisableTiming));
    CHECK(cudaMalloc(&arrays[s], kValues * sizeof(int)));
    CHECK(cudaMalloc(&sums[s], kValues * sizeof(int)));
    CHECK(cudaMallocHost(&host[s], kValues * sizeof(int)));
  }
  CHECK(cudaEventRecord(begin, streams[0]));
  for (int s = 0; s < kStreams; ++s) {
    CHECK(cudaMemsetAsync(arrays[s], 0, kValues * sizeof(int), streams[s]));
    for (int r = 0; r < kRounds; ++r) scale_and_add<<<kValues / 256, 256, 0, streams[s]>>>(arrays[s], 3, s + r);
    CHECK(cudaEventRecord(done[s], streams[s]));
  }
  for (int s = 0; s < kStreams; ++s) {
    const int neighbour = (s + 1) % kStreams;
    CHECK(cudaMemcpyAsync(sums[s], arrays[s], kValues * sizeof(int), cudaMemcpyDeviceToDevice, streams[s]));
    CHECK(cudaStreamWaitEvent(streams[s], done[neighbour], 0));
    add_from<<<kValues / 256, 256, 0, streams[s]>>>(sums[s], arrays[neighbour]);
    CHECK(cudaMemcpyAsync(host[s], sums[s], kValues * sizeof(int), cudaMemcpyDeviceToHost, streams[s]));
  }
  CHECK_LAUNCH();
  CHECK(cudaEventRecord(end, streams[0]));
  for (cudaStream_t stream : streams) CHECK(cudaStreamSynchronize(stream));
  int expected[kStreams] = {};
  for (int s = 0; s < kStreams; ++s)
    for (int r = 0; r < kRounds; ++r) expected[s] = expected[s] * 3 + s + r;
  for (int s = 0; s < kStreams; ++s) {
    CHECK(cudaStreamQuery(streams[s]));
    CHECK(cudaEventQuery(done[s]));
    const int sum = expected[s] + expected[(s + 1) % kStreams];
    for (int i = 0; i < kValues; ++i)
      EXPECT(host[s][i] == sum, "stream %d value %d is %d, expected %d", s, i, host[s][i], sum);
  }
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
  EXPECT(milliseconds >= 0, "elapsed %g ms", milliseconds);
  CHECK_ERROR(cudaEventElapsedTime(&milliseconds, done[0], done[1]), cudaErrorInvalidResourceHandle);
  (void)cudaGetLastError();
  std::printf("%d streams, priorities %d to %d, %.3f ms\n", kStreams, lowest, highest, milliseconds);
  for (int s = 0; s < kStreams; ++s) {
    CHECK(cudaStreamDestroy(streams[s]));
    CHECK(cudaEventDestroy(done[s]));
    CHECK(cudaFree(arrays[s]));
    CHECK(cudaFree(sums[s]));
    CHECK(cudaFreeHost(host[s]));
  }
  return pass();
}
