// SPDX-License-Identifier: Apache-2.0
// A kernel that faults spoils its process, so these cases run in children: the hidden ones are what a child runs.
#include <cuda.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "tests/runtime/fixture.h"
#include "tests/support/no_threads.h"

using namespace runtime_test;

namespace {

// How the hidden case of that name ends in a process of its own, which sees these variables.
int run_child(const std::string& name, const std::string& environment = {}) {
  char path[4096] = {};
  if (readlink("/proc/self/exe", path, sizeof path - 1) < 0) return -1;
  const int status = std::system((environment + " '" + path + "' '" + name + "' >/dev/null 2>&1").c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a fault is returned by every later call", "[runtime][fault]") { CHECK(run_child("child: fault") == 0); }

TEST_CASE("without a visible device there is none", "[runtime][fault]") {
  CHECK(run_child("child: no device", "CUDA_VISIBLE_DEVICES=") == 0);
}

TEST_CASE("all code may be loaded at once", "[runtime][fault]") {
  CHECK(run_child("child: eager", "CUDA_MODULE_LOADING=EAGER") == 0);
}

// On NVIDIA's driver nobody has asked.
TEST_CASE("a program goes on where no thread can be started", "[runtime][fault][soft]") {
  CHECK(run_child("child: no threads") == 0);
}

TEST_CASE("child: no threads", "[.child]") {
  const cudaHostFn_t note = [](void* called) { *static_cast<bool*>(called) = true; };
  DeviceInts memory(1);
  bool called = false;
  {
    const vgpu::test::NoThreads none;
    const cudaError_t result = cudaLaunchHostFunc(nullptr, note, &called);
    REQUIRE((result == cudaSuccess || result == cudaErrorOperatingSystem));
    CHECK_OK(cudaMemsetAsync(memory, 1, sizeof(int), nullptr));
    CHECK_OK(cudaDeviceSynchronize());
    CHECK(called == (result == cudaSuccess));
  }
  CHECK(memory.first() == 0x01010101);
  called = false;
  CHECK_OK(cudaLaunchHostFunc(nullptr, note, &called));
  CHECK_OK(cudaDeviceSynchronize());
  CHECK(called);
}

TEST_CASE("child: eager", "[.child]") {
  CUmoduleLoadingMode mode{};
  int count = 0;
  int value = 0;
  REQUIRE_OK(cudaGetDeviceCount(&count));
  REQUIRE(cuModuleGetLoadingMode(&mode) == CUDA_SUCCESS);
  CHECK(mode == CU_MODULE_EAGER_LOADING);
  // Loading has made no context.
  CUcontext context = nullptr;
  REQUIRE(cuCtxGetCurrent(&context) == CUDA_SUCCESS);
  CHECK(context == nullptr);
  CHECK(*managed_value() == 5);
  DeviceInts out(1);
  launch_add(1, 1, nullptr, out, 20, 22);
  CHECK(out.first() == 42);
  CHECK_OK(cudaMemcpyFromSymbol(&value, factor_symbol(), sizeof value));
  CHECK(value == 1);
}

TEST_CASE("child: fault", "[.child]") {
  REQUIRE_OK(cudaFree(nullptr));
  REQUIRE_OK(cudaLaunchKernel(trap_kernel(), dim3{1, 1, 1}, dim3{1, 1, 1}, nullptr, 0, nullptr));
  const cudaError_t fault = cudaDeviceSynchronize();
  CHECK(fault != cudaSuccess);
  CHECK(cudaGetLastError() == fault);
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, 4) == fault);
  cudaError_t other = cudaSuccess;
  std::thread([&] { other = cudaMalloc(&memory, 4); }).join();
  CHECK(other == fault);
  int count = 0;
  CHECK_OK(cudaGetDeviceCount(&count));
}

TEST_CASE("child: no device", "[.child]") {
  int count = 7;
  void* memory = nullptr;
  CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
  CHECK(cudaMalloc(&memory, 4) == cudaErrorNoDevice);
  CHECK(cudaSetDevice(0) == cudaErrorNoDevice);
  CHECK(cudaPeekAtLastError() == cudaErrorNoDevice);
}
