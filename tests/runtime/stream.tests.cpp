// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

TEST_CASE("streams keep the order of their work", "[runtime][stream]") {
  Stream stream;
  DeviceInts out(1);
  launch_add(1, 1, stream, out, 1, 1);
  launch_add(1, 1, stream, out, 2, 2);
  REQUIRE_OK(cudaStreamSynchronize(stream));
  CHECK_OK(cudaStreamQuery(stream));
  CHECK(out.first() == 4);
}

TEST_CASE("streams have flags, priorities and numbers", "[runtime][stream]") {
  cudaStream_t stream = nullptr;
  unsigned flags = 0;
  int priority = 1;
  int least = 1;
  int greatest = 1;
  unsigned long long id = 0;
  REQUIRE_OK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  REQUIRE_OK(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest));
  CHECK_OK(cudaStreamGetFlags(stream, &flags));
  CHECK(flags == cudaStreamNonBlocking);
  CHECK_OK(cudaStreamGetPriority(stream, &priority));
  CHECK(priority == greatest);
  CHECK_OK(cudaStreamGetId(stream, &id));
  CHECK_OK(cudaStreamDestroy(stream));
}

TEST_CASE("a stream knows its device", "[runtime][stream][since13]") {
  int device = -1;
  Stream stream;
  CHECK_OK(cudaStreamGetDevice(stream, &device));
  CHECK(device == 0);
}

TEST_CASE("a stream's unknown flag is refused", "[runtime][stream]") {
  cudaStream_t stream = nullptr;
  CHECK_ERROR(cudaStreamCreateWithFlags(&stream, 0x80), cudaErrorInvalidValue);
}

TEST_CASE("events measure and wait", "[runtime][event]") {
  Stream stream;
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  float milliseconds = -1;
  DeviceInts out(1);
  REQUIRE_OK(cudaEventCreate(&begin));
  REQUIRE_OK(cudaEventCreate(&end));
  REQUIRE_OK(cudaEventRecord(begin, stream));
  launch_add(1, 1, stream, out, 1, 1);
  REQUIRE_OK(cudaEventRecord(end, stream));
  REQUIRE_OK(cudaStreamWaitEvent(nullptr, end, 0));
  REQUIRE_OK(cudaEventSynchronize(end));
  CHECK_OK(cudaEventQuery(end));
  REQUIRE_OK(cudaEventElapsedTime(&milliseconds, begin, end));
  CHECK(milliseconds >= 0);
  CHECK_OK(cudaEventDestroy(begin));
  CHECK_OK(cudaEventDestroy(end));
}

TEST_CASE("an event that takes no time cannot measure", "[runtime][event]") {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  float milliseconds = 0;
  REQUIRE_OK(cudaEventCreateWithFlags(&begin, cudaEventDisableTiming));
  REQUIRE_OK(cudaEventCreate(&end));
  REQUIRE_OK(cudaEventRecord(begin, nullptr));
  REQUIRE_OK(cudaEventRecord(end, nullptr));
  REQUIRE_OK(cudaEventSynchronize(end));
  CHECK_ERROR(cudaEventElapsedTime(&milliseconds, begin, end), cudaErrorInvalidResourceHandle);
  CHECK_OK(cudaEventDestroy(begin));
  CHECK_OK(cudaEventDestroy(end));
}

TEST_CASE("host functions and callbacks run in a stream's order", "[runtime][stream]") {
  static std::atomic<int> calls{0};
  calls = 0;
  Stream stream;
  REQUIRE_OK(cudaLaunchHostFunc(
      stream, [](void*) { ++calls; }, nullptr));
  REQUIRE_OK(cudaStreamAddCallback(
      stream, [](cudaStream_t, cudaError_t status, void*) { calls += status == cudaSuccess ? 10 : 100; }, nullptr, 0));
  REQUIRE_OK(cudaStreamSynchronize(stream));
  CHECK(calls == 11);
}

TEST_CASE("a host function may not call the runtime", "[runtime][stream]") {
  static std::atomic<int> result{-1};
  Stream stream;
  void* memory = nullptr;
  REQUIRE_OK(cudaMalloc(&memory, 4));
  REQUIRE_OK(cudaLaunchHostFunc(
      stream, [](void*) { result = cudaDeviceSynchronize(); }, nullptr));
  REQUIRE_OK(cudaStreamSynchronize(stream));
  CHECK(result == cudaErrorNotPermitted);
  CHECK_OK(cudaFree(memory));
}
