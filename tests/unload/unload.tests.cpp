// SPDX-License-Identifier: Apache-2.0
// Programs that close libcuda.so.1 again, as those do that only look whether there is a GPU, while threads of theirs
// have used it. This binary is not linked with the library: what it opens is all there is.
#include <cuda.h>
#include <dlfcn.h>

#include <atomic>
#include <future>
#include <thread>
#include <utility>

#include "tests/support/test.h"

namespace {

// libcuda.so.1 from here to close(), device 0's primary context current on the thread that made it.
class Library {
 public:
  Library() : object_(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {
    REQUIRE(object_ != nullptr);
    find(init, "cuInit");
    find(retain, "cuDevicePrimaryCtxRetain");
    find(set_current, "cuCtxSetCurrent");
    find(allocate, "cuMemAlloc_v2");
    find(release, "cuMemFree_v2");
    find(launch_host, "cuLaunchHostFunc");
    find(synchronize, "cuCtxSynchronize");
    REQUIRE(init(0) == CUDA_SUCCESS);
    REQUIRE(retain(&context, 0) == CUDA_SUCCESS);
    REQUIRE(set_current(context) == CUDA_SUCCESS);
  }
  ~Library() { close(); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  bool close() {
    void* const object = std::exchange(object_, nullptr);
    return object != nullptr && dlclose(object) == 0;
  }

  decltype(&cuInit) init;
  decltype(&cuDevicePrimaryCtxRetain) retain;
  decltype(&cuCtxSetCurrent) set_current;
  decltype(&cuMemAlloc_v2) allocate;
  decltype(&cuMemFree_v2) release;
  decltype(&cuLaunchHostFunc) launch_host;
  decltype(&cuCtxSynchronize) synchronize;
  CUcontext context = nullptr;

 private:
  template <class Call>
  void find(Call& call, const char* name) {
    call = reinterpret_cast<Call>(dlsym(object_, name));
    REQUIRE(call != nullptr);
  }

  void* object_;
};

struct Gate {
  std::promise<void> entered, opened;
  std::atomic<bool> left{false};
};

void pass(void* data) {
  auto* gate = static_cast<Gate*>(data);
  gate->entered.set_value();
  gate->opened.get_future().wait();
  gate->left = true;
}

void count(void* data) { ++*static_cast<std::atomic<int>*>(data); }

}  // namespace

TEST_CASE("a thread that used CUDA ends after the library was closed", "[unload]") {
  Library library;
  std::promise<CUresult> used;
  std::promise<void> closed;
  std::thread thread([&] {
    CUdeviceptr memory = 0;
    library.set_current(library.context);
    const CUresult allocated = library.allocate(&memory, 64);
    library.release(memory);
    used.set_value(allocated);
    closed.get_future().wait();
  });
  const CUresult result = used.get_future().get();
  const bool was_open = library.close();
  closed.set_value();
  thread.join();
  CHECK(result == CUDA_SUCCESS);
  CHECK(was_open);
}

// NVIDIA says nothing about it; ours has a thread there that must find its code again.
TEST_CASE("a host function returns after the library was closed", "[unload][soft]") {
  Library library;
  Gate gate;
  REQUIRE(library.launch_host(nullptr, pass, &gate) == CUDA_SUCCESS);
  gate.entered.get_future().wait();
  CHECK(library.close());
  gate.opened.set_value();
  Library again;
  CHECK(again.synchronize() == CUDA_SUCCESS);
  CHECK(gate.left);
}

TEST_CASE("a library that is opened again works again", "[unload]") {
  for (int round = 0; round < 3; ++round) {
    Library library;
    std::atomic<int> calls{0};
    CUdeviceptr memory = 0;
    REQUIRE(library.allocate(&memory, 1 << 20) == CUDA_SUCCESS);
    REQUIRE(library.launch_host(nullptr, count, &calls) == CUDA_SUCCESS);
    REQUIRE(library.synchronize() == CUDA_SUCCESS);
    CHECK(calls == 1);
    CHECK(library.release(memory) == CUDA_SUCCESS);
    CHECK(library.close());
  }
}
