// SPDX-License-Identifier: Apache-2.0
// What every sample shares: a failed call or a wrong value ends the program with a sentence and a non-zero code,
// and a program in which nothing differed ends with the line PASS. Usable from several threads.
#pragma once

#include <cuda_runtime.h>

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

[[noreturn]] inline void fail(const char* file, int line, const char* format, ...) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s:%d: ", file, line);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, "\nFAIL\n");
  std::_Exit(1);
}

// The call must succeed.
#define CHECK(call)                                                                                                   \
  do {                                                                                                                \
    const cudaError_t check_error = (call);                                                                           \
    if (check_error != cudaSuccess)                                                                                   \
      fail(__FILE__, __LINE__, "%s: %s (%s)", #call, cudaGetErrorName(check_error), cudaGetErrorString(check_error)); \
  } while (false)

// The call must fail with exactly this error.
#define CHECK_ERROR(call, expected)                                                             \
  do {                                                                                          \
    const cudaError_t check_error = (call);                                                     \
    if (check_error != (expected))                                                              \
      fail(__FILE__, __LINE__, "%s: got %s, expected %s", #call, cudaGetErrorName(check_error), \
           cudaGetErrorName(expected));                                                         \
  } while (false)

// The condition must hold; the rest is a printf format that says what differed.
#define EXPECT(condition, ...)                               \
  do {                                                       \
    if (!(condition)) fail(__FILE__, __LINE__, __VA_ARGS__); \
  } while (false)

// A launch reports its errors here, at the launch and not later.
#define CHECK_LAUNCH() CHECK(cudaGetLastError())

inline int pass() {
  std::printf("PASS\n");
  return 0;
}

// A device array that frees itself.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count) : count_(count) { CHECK(cudaMalloc(&data_, count * sizeof(T))); }
  ~DeviceArray() { cudaFree(data_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* get() const { return data_; }
  size_t bytes() const { return count_ * sizeof(T); }
  void set(const T* host) { CHECK(cudaMemcpy(data_, host, bytes(), cudaMemcpyHostToDevice)); }
  void read(T* host) const { CHECK(cudaMemcpy(host, data_, bytes(), cudaMemcpyDeviceToHost)); }
  void clear() { CHECK(cudaMemset(data_, 0, bytes())); }

 private:
  T* data_ = nullptr;
  size_t count_ = 0;
};

// The same numbers on every machine: a linear congruential generator, high bits only.
class Random {
 public:
  explicit Random(uint64_t seed = 1) : state_(seed) {}
  uint32_t next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<uint32_t>(state_ >> 33);
  }
  double unit() { return next() / 2147483648.0; }

 private:
  uint64_t state_;
};
