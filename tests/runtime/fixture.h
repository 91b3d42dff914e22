// SPDX-License-Identifier: Apache-2.0
// What the runtime's contract tests share. They are linked against the toolkit's libcudart and use only what its
// headers declare, so that they run on NVIDIA's library first.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "tests/runtime/kernels.h"
#include "tests/support/test.h"

namespace Catch {
template <>
struct StringMaker<cudaError_t> {
  static std::string convert(cudaError_t error) {
    return std::string(cudaGetErrorName(error)) + " (" + std::to_string(static_cast<int>(error)) + ")";
  }
};
}  // namespace Catch

#define REQUIRE_OK(call) REQUIRE((call) == cudaSuccess)
#define CHECK_OK(call) CHECK((call) == cudaSuccess)
// The call returns this error and leaves it as the last one, once.
#define CHECK_ERROR(call, error)              \
  do {                                        \
    CHECK((call) == (error));                 \
    CHECK(cudaPeekAtLastError() == (error));  \
    CHECK(cudaGetLastError() == (error));     \
    CHECK(cudaGetLastError() == cudaSuccess); \
  } while (false)

// For refusals whose code is not the same with every driver.
#define CHECK_REFUSED(call)                   \
  do {                                        \
    CHECK((call) != cudaSuccess);             \
    CHECK(cudaGetLastError() != cudaSuccess); \
  } while (false)

namespace runtime_test {

// Device memory of n ints.
class DeviceInts {
 public:
  explicit DeviceInts(size_t count) { REQUIRE_OK(cudaMalloc(reinterpret_cast<void**>(&data_), count * sizeof(int))); }
  ~DeviceInts() { cudaFree(data_); }
  DeviceInts(const DeviceInts&) = delete;
  DeviceInts& operator=(const DeviceInts&) = delete;
  operator int*() const { return data_; }
  int first() const {
    int value = -1;
    REQUIRE_OK(cudaMemcpy(&value, data_, sizeof value, cudaMemcpyDeviceToHost));
    return value;
  }

 private:
  int* data_ = nullptr;
};

class Stream {
 public:
  Stream() { REQUIRE_OK(cudaStreamCreate(&stream_)); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace runtime_test
