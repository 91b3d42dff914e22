// SPDX-License-Identifier: Apache-2.0
// Processes that end, fork or become another program in unusual places while a context is in use. What their calls
// return on the way out is left open; that they end, and as they want, is not.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/contract/child.h"
#include "tests/contract/fixture.h"

namespace {

constexpr int kOwnCode = 37;

// Becomes this binary anew, for one hidden case.
void become(const char* filter) {
  execl("/proc/self/exe", "contract", filter, nullptr);
  _exit(127);
}

int status_of(pid_t child) {
  int status = -1;
  REQUIRE(child > 0);
  REQUIRE(waitpid(child, &status, 0) == child);
  return status;
}

void leave_at_once(void*) { _exit(kOwnCode); }

void use_context(void* context) {
  CUdeviceptr memory = 0;
  if (cuCtxSetCurrent(static_cast<CUcontext>(context)) == CUDA_SUCCESS && cuMemAlloc(&memory, 64) == CUDA_SUCCESS)
    cuMemFree(memory);
}

}  // namespace

TEST_CASE("a forked child cannot use its parent's device", "[contract][ending]") { REQUIRE_CHILD("child-ending-fork"); }

TEST_CASE_METHOD(Gpu, "child: fork, and calls in both", "[.][child-ending-fork]") {
  DeviceBuffer memory(64);
  const pid_t child = fork();
  if (child == 0) {
    CUdeviceptr more = 0;
    const bool refused = cuInit(0) == CUDA_ERROR_NOT_INITIALIZED && cuMemAlloc(&more, 64) == CUDA_ERROR_NOT_INITIALIZED;
    _exit(refused ? kOwnCode : 1);
  }
  const int status = status_of(child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == kOwnCode);
  REQUIRE_CUDA(cuMemsetD32(memory, 6, 16));
  CHECK(read_words(memory, 16) == repeated(16, 6));
}

TEST_CASE("a forked child may become a program that uses the device", "[contract][ending]") {
  REQUIRE_CHILD("child-ending-fork-exec");
}

TEST_CASE_METHOD(Gpu, "child: fork and exec", "[.][child-ending-fork-exec]") {
  DeviceBuffer memory(64);
  const pid_t child = fork();
  if (child == 0) become("[child-ending-afresh]");
  CHECK(status_of(child) == 0);
  REQUIRE_CUDA(cuMemsetD32(memory, 7, 16));
  CHECK(read_words(memory, 16) == repeated(16, 7));
}

TEST_CASE("a program that uses the device may become another", "[contract][ending]") {
  REQUIRE_CHILD("child-ending-exec");
}

TEST_CASE_METHOD(Gpu, "child: exec beside threads that make calls", "[.][child-ending-exec]") {
  DeviceBuffer memory(64);
  std::atomic<unsigned> calls{0};
  std::thread([&] {
    for (cuCtxSetCurrent(context);; ++calls) cuMemsetD32(memory, 8, 16);
  }).detach();
  while (calls < 10) std::this_thread::yield();
  become("[child-ending-afresh]");
}

TEST_CASE_METHOD(Gpu, "child: a program's first use of the device", "[.][child-ending-afresh]") {
  DeviceBuffer memory(64);
  REQUIRE_CUDA(cuMemsetD32(memory, 9, 16));
  CHECK(read_words(memory, 16) == repeated(16, 9));
}

TEST_CASE("a host function may end its process", "[contract][ending]") {
  CHECK(contract::run_child("child-ending-host-function").exit_code == kOwnCode);
}

TEST_CASE_METHOD(Gpu, "child: _exit in a host function", "[.][child-ending-host-function]") {
  REQUIRE_CUDA(cuLaunchHostFunc(nullptr, leave_at_once, nullptr));
  cuCtxSynchronize();
  FAIL("the host function returned");
}

TEST_CASE("a process ends by quick_exit, whose handlers make calls", "[contract][ending]") {
  CHECK(contract::run_child("child-ending-quick").exit_code == kOwnCode);
}

TEST_CASE_METHOD(Gpu, "child: quick_exit", "[.][child-ending-quick]") {
  static CUcontext used = nullptr;
  used = context;
  REQUIRE(std::at_quick_exit([] { use_context(used); }) == 0);
  std::quick_exit(kOwnCode);
}

TEST_CASE("a process ends though its exit handlers make calls", "[contract][ending]") {
  CHECK(contract::run_child("child-ending-handlers").exit_code == kOwnCode);
}

TEST_CASE_METHOD(Gpu, "child: an exit handler makes calls", "[.][child-ending-handlers]") {
  static CUcontext used = nullptr;
  used = context;
  REQUIRE(std::atexit([] { use_context(used); }) == 0);
  std::exit(kOwnCode);
}

// CUDA driver API, CUDA_ERROR_DEINITIALIZED: "the CUDA driver is in the process of shutting down". It begins to at
// exit, where cuInit has put its own handler: those from before it come later. The runtime unloads its kernels in one
// of these, and must not wait there for what still runs.
TEST_CASE("exit handlers from before cuInit find the driver shut down", "[contract][ending]") {
  CHECK(contract::run_child("child-ending-shut-down").exit_code == kOwnCode);
}

TEST_CASE("child: an exit handler from before cuInit", "[.][child-ending-shut-down]") {
  const auto handler = [] { _exit(cuCtxSynchronize() == CUDA_ERROR_DEINITIALIZED ? kOwnCode : 1); };
  REQUIRE(std::atexit(handler) == 0);
  CUcontext context = nullptr;
  REQUIRE_CUDA(cuInit(0));
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, 0));
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  REQUIRE_CUDA(cuCtxSynchronize());
  std::exit(0);
}

TEST_CASE("a thread ends though what it keeps makes calls then", "[contract][ending]") {
  REQUIRE_CHILD("child-ending-thread");
}

TEST_CASE_METHOD(Gpu, "child: a key's destructor makes calls", "[.][child-ending-thread]") {
  pthread_key_t key = 0;
  REQUIRE(pthread_key_create(&key, use_context) == 0);
  CUresult used = CUDA_ERROR_UNKNOWN;
  std::thread([&] {
    used = cuCtxSetCurrent(context);
    pthread_setspecific(key, context);
  }).join();
  CHECK_CUDA(used);
  DeviceBuffer memory(64);
  REQUIRE_CUDA(cuMemsetD32(memory, 4, 16));
  CHECK(read_words(memory, 16) == repeated(16, 4));
}
