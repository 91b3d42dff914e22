// SPDX-License-Identifier: Apache-2.0
// Eight host threads on one shared stream, then eight threads each on its own default stream. nvcc includes the
// runtime before the first line of this file, so the per-thread flag comes from its command line (tests/room.mk).
#include "check.h"

#include <thread>
#include <vector>

#ifndef CUDA_API_PER_THREAD_DEFAULT_STREAM
#error "compile with --default-stream per-thread"
#endif

constexpr int kThreads = 8, kRounds = 20, kValues = 512;

__global__ void add(int* values, int term) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < kValues) atomicAdd(&values[i], term);
}

static void share_one_stream() {
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  DeviceArray<int> values(kValues);
  CHECK(cudaMemsetAsync(values.get(), 0, values.bytes(), stream));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int r = 0; r < kRounds; ++r) add<<<kValues / 128, 128, 0, stream>>>(values.get(), t + 1);
      CHECK_LAUNCH();
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(cudaStreamSynchronize(stream));
  std::vector<int> host(kValues);
  values.read(host.data());
  const int expected = kRounds * kThreads * (kThreads + 1) / 2;
  for (int i = 0; i < kValues; ++i) EXPECT(host[i] == expected, "value %d is %d, expected %d", i, host[i], expected);
  CHECK(cudaStreamDestroy(stream));
  std::printf("%d threads on one stream: %d\n", kThreads, expected);
}

// Order inside a thread is that thread's default stream: set, launches, copy, without a stream named anywhere.
static void work_alone(int t) {
  DeviceArray<int> values(kValues);
  std::vector<int> host(kValues);
  for (int r = 0; r < kRounds; ++r) {
    CHECK(cudaMemsetAsync(values.get(), 0, values.bytes()));
    add<<<kValues / 128, 128>>>(values.get(), t);
    add<<<kValues / 128, 128>>>(values.get(), r);
    CHECK_LAUNCH();
    CHECK(cudaMemcpyAsync(host.data(), values.get(), values.bytes(), cudaMemcpyDeviceToHost));
    CHECK(cudaStreamSynchronize(nullptr));
    for (int i = 0; i < kValues; ++i) EXPECT(host[i] == t + r, "thread %d round %d: value %d is %d", t, r, i, host[i]);
  }
}

int main() {
  share_one_stream();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(work_alone, t);
  for (std::thread& thread : threads) thread.join();
  std::printf("%d threads with a default stream each, %d rounds\n", kThreads, kRounds);

  // An error of one thread is not the error of another.
  CHECK_ERROR(cudaMalloc(static_cast<void**>(nullptr), 1), cudaErrorInvalidValue);
  cudaError_t elsewhere = cudaErrorUnknown;
  std::thread([&] { elsewhere = cudaGetLastError(); }).join();
  EXPECT(elsewhere == cudaSuccess, "another thread saw %s", cudaGetErrorName(elsewhere));
  CHECK_ERROR(cudaGetLastError(), cudaErrorInvalidValue);
  return pass();
}
