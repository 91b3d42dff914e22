// SPDX-License-Identifier: Apache-2.0
// Programs that link no runtime library and open what they need: both releases in one process, each in a scope of its
// own. The library path says whose libraries these are. The plugins are beside the binary, each linked with its
// release's.
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "tests/support/test.h"

namespace {

// An object that was opened for itself alone, until close().
class Object {
 public:
  explicit Object(const std::string& path) : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) FAIL(dlerror());
  }
  ~Object() { close(); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  template <class Function>
  void find(Function*& function, const char* name) const {
    function = reinterpret_cast<Function*>(dlsym(handle_, name));
    REQUIRE(function != nullptr);
  }
  void close() {
    if (handle_ != nullptr) CHECK(dlclose(handle_) == 0);
    handle_ = nullptr;
  }

 private:
  void* handle_;
};

// What the tests call of a libcudart.so.N.
struct Runtime : Object {
  explicit Runtime(int release) : Object("libcudart.so." + std::to_string(release)) {
    find(version, "cudaRuntimeGetVersion");
    find(allocate, "cudaMalloc");
    find(release_memory, "cudaFree");
    find(fill, "cudaMemset");
    find(copy, "cudaMemcpy");
    find(select, "cudaSetDevice");
    find(last_error, "cudaGetLastError");
  }
  int filled_with(unsigned char value) const {
    void* memory = nullptr;
    unsigned read = 0;
    REQUIRE(allocate(&memory, sizeof read) == cudaSuccess);
    CHECK(fill(memory, value, sizeof read) == cudaSuccess);
    CHECK(copy(&read, memory, sizeof read, cudaMemcpyDeviceToHost) == cudaSuccess);
    CHECK(release_memory(memory) == cudaSuccess);
    return static_cast<int>(read);
  }

  cudaError_t (*version)(int*);
  cudaError_t (*allocate)(void**, size_t);
  cudaError_t (*release_memory)(void*);
  cudaError_t (*fill)(void*, int, size_t);
  cudaError_t (*copy)(void*, const void*, size_t, cudaMemcpyKind);
  cudaError_t (*select)(int);
  cudaError_t (*last_error)();
};

// An object with a kernel, linked with one release.
struct Plugin : Object {
  explicit Plugin(const std::string& name) : Object(beside_the_binary() + name) { find(answer, "plugin_answer"); }
  int (*answer)();

 private:
  static std::string beside_the_binary() {
    char path[4096] = {};
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    const std::string self(path, length > 0 ? static_cast<size_t>(length) : 0);
    return self.substr(0, self.rfind('/') + 1);
  }
};

constexpr char kPlugin12[] = "cudart12/runtime_plugin.so", kPlugin13[] = "runtime_plugin.so";

}  // namespace

TEST_CASE("each release is itself beside the other", "[together]") {
  Runtime twelve(12), thirteen(13);
  int version = 0;
  REQUIRE(twelve.version(&version) == cudaSuccess);
  CHECK(version / 1000 == 12);
  REQUIRE(thirteen.version(&version) == cudaSuccess);
  CHECK(version / 1000 == 13);
  CHECK(twelve.allocate != thirteen.allocate);
}

TEST_CASE("what one release allocated, the other fills and frees", "[together]") {
  Runtime twelve(12), thirteen(13);
  void* memory = nullptr;
  unsigned read = 0;
  REQUIRE(thirteen.allocate(&memory, sizeof read) == cudaSuccess);
  CHECK(twelve.fill(memory, 5, sizeof read) == cudaSuccess);
  CHECK(thirteen.copy(&read, memory, sizeof read, cudaMemcpyDeviceToHost) == cudaSuccess);
  CHECK(read == 0x05050505);
  CHECK(twelve.release_memory(memory) == cudaSuccess);
}

TEST_CASE("each release has a last error of its own", "[together]") {
  Runtime twelve(12), thirteen(13);
  CHECK(twelve.select(-1) == cudaErrorInvalidDevice);
  CHECK(thirteen.last_error() == cudaSuccess);
  CHECK(twelve.last_error() == cudaErrorInvalidDevice);
}

TEST_CASE("kernels of both releases run in one process", "[together]") {
  Plugin twelve(kPlugin12), thirteen(kPlugin13);
  for (int round = 0; round < 3; ++round) {
    CHECK(twelve.answer() == 42);
    CHECK(thirteen.answer() == 42);
  }
}

TEST_CASE("kernels of both releases run at the same time", "[together]") {
  constexpr int kRounds = 20;
  Plugin twelve(kPlugin12), thirteen(kPlugin13);
  std::atomic<int> right{0};
  const auto ask = [&right](int (*answer)()) {
    for (int round = 0; round < kRounds; ++round) right += answer() == 42;
  };
  std::thread one(ask, twelve.answer), other(ask, thirteen.answer);
  one.join();
  other.join();
  CHECK(right == 2 * kRounds);
}

TEST_CASE("one release goes on when the other is closed", "[together]") {
  for (const bool close_twelve : {true, false}) {
    CAPTURE(close_twelve);
    Plugin twelve(kPlugin12), thirteen(kPlugin13);
    CHECK(twelve.answer() == 42);
    CHECK(thirteen.answer() == 42);
    (close_twelve ? twelve : thirteen).close();
    CHECK((close_twelve ? thirteen : twelve).answer() == 42);
  }
}

TEST_CASE("a library that was opened for itself alone works, and works again", "[together]") {
  for (const int release : {12, 13}) {
    CAPTURE(release);
    for (int round = 1; round <= 3; ++round) CHECK(Runtime(release).filled_with(7) == 0x07070707);
  }
}
