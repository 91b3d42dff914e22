// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <thread>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

TEST_CASE("an error is the last error until it is fetched", "[runtime][error]") {
  CHECK_ERROR(cudaSetDevice(-1), cudaErrorInvalidDevice);
}

TEST_CASE("a success does not clear the last error", "[runtime][error]") {
  void* memory = nullptr;
  CHECK(cudaMalloc(nullptr, 4) == cudaErrorInvalidValue);
  REQUIRE_OK(cudaMalloc(&memory, 4));
  CHECK_OK(cudaFree(memory));
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
}

TEST_CASE("each thread has a last error of its own", "[runtime][error]") {
  CHECK(cudaSetDevice(-1) == cudaErrorInvalidDevice);
  cudaError_t other = cudaErrorUnknown;
  std::thread([&] { other = cudaPeekAtLastError(); }).join();
  CHECK(other == cudaSuccess);
  CHECK(cudaGetLastError() == cudaErrorInvalidDevice);
}

TEST_CASE("errors have their enumerators' names", "[runtime][error]") {
  CHECK(std::string(cudaGetErrorName(cudaSuccess)) == "cudaSuccess");
  CHECK(std::string(cudaGetErrorName(cudaErrorMemoryAllocation)) == "cudaErrorMemoryAllocation");
  CHECK(std::string(cudaGetErrorName(cudaErrorInvalidDeviceFunction)) == "cudaErrorInvalidDeviceFunction");
  CHECK(std::string(cudaGetErrorName(static_cast<cudaError_t>(5555))) == "unrecognized error code");
}

TEST_CASE("errors have texts", "[runtime][error]") {
  CHECK(std::string(cudaGetErrorString(cudaSuccess)) == "no error");
  CHECK(std::string(cudaGetErrorString(cudaErrorInvalidValue)) == "invalid argument");
  CHECK(std::string(cudaGetErrorString(cudaErrorMemoryAllocation)) == "out of memory");
  CHECK(std::string(cudaGetErrorString(static_cast<cudaError_t>(5555))) == "unrecognized error code");
}

TEST_CASE("a query of unfinished work is an error like others", "[runtime][error]") {
  cudaEvent_t event = nullptr;
  REQUIRE_OK(cudaEventCreate(&event));
  CHECK_OK(cudaEventQuery(event));  // Never recorded: nothing to wait for.
  CHECK_OK(cudaEventDestroy(event));
}
