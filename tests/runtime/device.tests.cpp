// SPDX-License-Identifier: Apache-2.0
#include <cuda.h>

#include <cstring>
#include <thread>

#include "tests/runtime/fixture.h"
#include "tests/runtime/release.h"

using namespace runtime_test;

TEST_CASE("there is a device, and it is the first one's turn", "[runtime][device]") {
  int count = 0;
  int device = -1;
  REQUIRE_OK(cudaGetDeviceCount(&count));
  CHECK(count >= 1);
  REQUIRE_OK(cudaGetDevice(&device));
  CHECK(device == 0);
}

TEST_CASE("a device that does not exist is refused", "[runtime][device]") {
  int count = 0;
  int value = 0;
  cudaDeviceProp properties;
  REQUIRE_OK(cudaGetDeviceCount(&count));
  CHECK_ERROR(cudaSetDevice(count), cudaErrorInvalidDevice);
  CHECK_ERROR(cudaGetDeviceProperties(&properties, count), cudaErrorInvalidDevice);
  CHECK_ERROR(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, count), cudaErrorInvalidDevice);
}

TEST_CASE("properties and attributes agree with the driver", "[runtime][device]") {
  cudaDeviceProp properties;
  CUdevice device = 0;
  int value = 0;
  char name[256];
  size_t bytes = 0;
  REQUIRE_OK(cudaGetDeviceProperties(&properties, 0));
  REQUIRE(cuDeviceGet(&device, 0) == CUDA_SUCCESS);
  REQUIRE(cuDeviceGetName(name, sizeof name, device) == CUDA_SUCCESS);
  REQUIRE(cuDeviceTotalMem(&bytes, device) == CUDA_SUCCESS);
  CHECK(std::string(properties.name) == name);
  CHECK(properties.totalGlobalMem == bytes);
  CHECK(properties.warpSize == 32);
  REQUIRE_OK(cudaDeviceGetAttribute(&value, cudaDevAttrComputeCapabilityMajor, 0));
  CHECK(properties.major == value);
  REQUIRE_OK(cudaDeviceGetAttribute(&value, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  CHECK(properties.sharedMemPerBlockOptin == static_cast<size_t>(value));
  REQUIRE_OK(cudaDeviceGetAttribute(&value, cudaDevAttrMaxGridDimZ, 0));
  CHECK(properties.maxGridSize[2] == value);
}

TEST_CASE("an unknown attribute is refused", "[runtime][device]") {
  int value = 0;
  CHECK_ERROR(cudaDeviceGetAttribute(&value, static_cast<cudaDeviceAttr>(5555), 0), cudaErrorInvalidValue);
  CHECK_ERROR(cudaDeviceGetAttribute(nullptr, cudaDevAttrWarpSize, 0), cudaErrorInvalidValue);
}

TEST_CASE("selecting a device makes its primary context current", "[runtime][device]") {
  CUcontext current = nullptr;
  unsigned flags = 0;
  int active = 0;
  REQUIRE_OK(cudaSetDevice(0));
  REQUIRE(cuCtxGetCurrent(&current) == CUDA_SUCCESS);
  CHECK(current != nullptr);
  REQUIRE(cuDevicePrimaryCtxGetState(0, &flags, &active) == CUDA_SUCCESS);
  CHECK(active == 1);
}

TEST_CASE("a thread without a context gets one", "[runtime][device]") {
  cudaError_t result = cudaErrorUnknown;
  std::thread([&] {
    void* memory = nullptr;
    result = cudaMalloc(&memory, 16);
    cudaFree(memory);
  }).join();
  CHECK(result == cudaSuccess);
}

TEST_CASE("a context of the driver's is used as it is", "[runtime][device]") {
  CUcontext own = nullptr;
  CUcontext current = nullptr;
  CUctxCreateParams parameters{};
  REQUIRE_OK(cudaFree(nullptr));
  REQUIRE(cuCtxCreate(&own, &parameters, 0, 0) == CUDA_SUCCESS);
  void* memory = nullptr;
  CHECK_OK(cudaMalloc(&memory, 16));
  REQUIRE(cuCtxGetCurrent(&current) == CUDA_SUCCESS);
  CHECK(current == own);
  CHECK_OK(cudaFree(memory));
  REQUIRE(cuCtxDestroy(own) == CUDA_SUCCESS);
  REQUIRE_OK(cudaSetDevice(0));
}

TEST_CASE("a reset device works again", "[runtime][device]") {
  int value = 0;
  REQUIRE_OK(cudaDeviceReset());
  {
    DeviceInts out(1);
    launch_add(1, 32, nullptr, out, 40, 2);
    REQUIRE_OK(cudaGetLastError());
    value = out.first();
  }
  CHECK(value == 42);
}

TEST_CASE("other threads notice a reset", "[runtime][device]") {
  REQUIRE_OK(cudaFree(nullptr));
  std::thread([] { (void)cudaDeviceReset(); }).join();
  DeviceInts out(1);
  launch_add(1, 1, nullptr, out, 1, 2);
  CHECK(out.first() == 3);
}

TEST_CASE("versions are those of the libraries", "[runtime][device]") {
  int runtime = 0;
  int driver = 0;
  int expected = 0;
  REQUIRE_OK(cudaRuntimeGetVersion(&runtime));
  REQUIRE_OK(cudaDriverGetVersion(&driver));
  REQUIRE(cuDriverGetVersion(&expected) == CUDA_SUCCESS);
  CHECK(runtime / 1000 == runtime_release() / 1000);
  CHECK(driver == expected);
}

TEST_CASE("limits are the context's", "[runtime][device]") {
  size_t before = 0;
  size_t after = 0;
  REQUIRE_OK(cudaDeviceGetLimit(&before, cudaLimitPrintfFifoSize));
  REQUIRE_OK(cudaDeviceSetLimit(cudaLimitPrintfFifoSize, before));
  REQUIRE_OK(cudaDeviceGetLimit(&after, cudaLimitPrintfFifoSize));
  CHECK(after == before);
  CHECK_REFUSED(cudaDeviceGetLimit(&after, static_cast<cudaLimit>(99)));
}

TEST_CASE("the driver's entry points are found by name and version", "[runtime][device][since13]") {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  CHECK_OK(cudaGetDriverEntryPointByVersion("cuMemAlloc", &function, 12000, cudaEnableDefault, &found));
  CHECK(found == cudaDriverEntryPointSuccess);
  CHECK(function != nullptr);
  CHECK_OK(cudaGetDriverEntryPointByVersion("cuNoSuchCall", &function, 12000, cudaEnableDefault, &found));
  CHECK(found == cudaDriverEntryPointSymbolNotFound);
  CHECK_OK(cudaGetDriverEntryPointByVersion("cuMemAlloc", &function, 1000, cudaEnableDefault, &found));
  CHECK(found == cudaDriverEntryPointVersionNotSufficent);
}

TEST_CASE("flags of the device are what was set", "[runtime][device]") {
  unsigned flags = 0;
  REQUIRE_OK(cudaSetDeviceFlags(cudaDeviceScheduleBlockingSync));
  REQUIRE_OK(cudaGetDeviceFlags(&flags));
  CHECK((flags & cudaDeviceScheduleMask) == cudaDeviceScheduleBlockingSync);
  REQUIRE_OK(cudaSetDeviceFlags(cudaDeviceScheduleAuto));
}
