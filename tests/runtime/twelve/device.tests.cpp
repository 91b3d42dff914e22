// SPDX-License-Identifier: Apache-2.0
#include <cuda.h>

#include <algorithm>
#include <cstring>

#include "tests/runtime/fixture.h"
#include "tests/runtime/twelve/calls.h"

using namespace runtime_test;
namespace twelve = vgpu::runtime::twelve;

namespace {

int attribute(cudaDeviceAttr which) {
  int value = -1;
  REQUIRE_OK(cudaDeviceGetAttribute(&value, which, 0));
  return value;
}

// Room for any struct of a call, with a pattern behind what it writes.
struct Room {
  alignas(16) unsigned char bytes[4096];
  Room() { std::memset(bytes, 0xa5, sizeof bytes); }
  bool untouched_from(size_t offset) const {
    return std::all_of(bytes + offset, bytes + sizeof bytes, [](unsigned char byte) { return byte == 0xa5; });
  }
};

}  // namespace

TEST_CASE("properties have CUDA 12's layout", "[twelve][device]") {
  Room room;
  auto* properties = reinterpret_cast<twelve::DeviceProperties*>(room.bytes);
  REQUIRE_OK(old_cudaGetDeviceProperties_v2(properties, 0));
  CHECK(room.untouched_from(sizeof *properties));
  CHECK(properties->warpSize == 32);
  CHECK(properties->clockRate == attribute(cudaDevAttrClockRate));
  CHECK(properties->computeMode == attribute(cudaDevAttrComputeMode));
  CHECK(properties->deviceOverlap == attribute(cudaDevAttrGpuOverlap));
  CHECK(properties->memoryClockRate == attribute(cudaDevAttrMemoryClockRate));
  CHECK(properties->major == attribute(cudaDevAttrComputeCapabilityMajor));
  CHECK(properties->sharedMemPerBlockOptin == static_cast<size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)));
  CHECK(properties->memoryPoolsSupported == attribute(cudaDevAttrMemoryPoolsSupported));
  int unified = -1;
  REQUIRE(cuDeviceGetAttribute(&unified, CU_DEVICE_ATTRIBUTE_UNIFIED_FUNCTION_POINTERS, 0) == CUDA_SUCCESS);
  CHECK(properties->unifiedFunctionPointers == unified);
}

TEST_CASE("programs of CUDA 11 get no more than they have room for", "[twelve][device]") {
  Room room;
  twelve::DeviceProperties properties;
  REQUIRE_OK(old_cudaGetDeviceProperties(reinterpret_cast<twelve::DevicePropertiesV1*>(room.bytes), 0));
  CHECK(room.untouched_from(sizeof(twelve::DevicePropertiesV1)));
  REQUIRE_OK(old_cudaGetDeviceProperties_v2(&properties, 0));
  CHECK(std::memcmp(room.bytes, &properties, sizeof(twelve::DevicePropertiesV1)) == 0);
}

TEST_CASE("properties of no device, or to nowhere, are refused", "[twelve][device]") {
  twelve::DeviceProperties properties;
  CHECK_ERROR(old_cudaGetDeviceProperties_v2(&properties, 99), cudaErrorInvalidDevice);
  CHECK_ERROR(old_cudaGetDeviceProperties_v2(nullptr, 0), cudaErrorInvalidValue);
  CHECK_ERROR(old_cudaGetDeviceProperties(nullptr, 0), cudaErrorInvalidValue);
}

TEST_CASE("a device is chosen by its properties", "[twelve][device]") {
  twelve::DeviceProperties wanted{};
  int device = -1;
  wanted.major = 5;
  CHECK_OK(old_cudaChooseDevice(&device, &wanted));
  CHECK(device == 0);
  CHECK_ERROR(old_cudaChooseDevice(nullptr, &wanted), cudaErrorInvalidValue);
}

TEST_CASE("the calls for threads are those for devices", "[twelve][device]") {
  size_t limit = 0;
  size_t same = 1;
  cudaFuncCache config = cudaFuncCachePreferEqual;
  REQUIRE_OK(cudaDeviceGetLimit(&limit, cudaLimitPrintfFifoSize));
  REQUIRE_OK(old_cudaThreadGetLimit(&same, cudaLimitPrintfFifoSize));
  CHECK(same == limit);
  CHECK_OK(old_cudaThreadSetLimit(cudaLimitPrintfFifoSize, limit));
  CHECK_OK(old_cudaThreadGetCacheConfig(&config));
  CHECK_OK(old_cudaThreadSetCacheConfig(config));
  CHECK_OK(old_cudaThreadSynchronize());
  CHECK_OK(old_cudaThreadExit());
  DeviceInts out(1);
  launch_add(1, 1, nullptr, out, 20, 22);
  CHECK(out.first() == 42);
}

TEST_CASE("doubles need no conversion", "[twelve][device]") {
  double value = 0.1;
  CHECK_OK(old_cudaSetDoubleForDevice(&value));
  CHECK_OK(old_cudaSetDoubleForHost(&value));
  CHECK(value == 0.1);
}

TEST_CASE("pointers are described in CUDA 12's layout", "[twelve][memory]") {
  Room room;
  DeviceInts memory(1);
  auto* attributes = reinterpret_cast<twelve::PointerAttributes*>(room.bytes);
  REQUIRE_OK(old_cudaPointerGetAttributes(attributes, memory));
  CHECK(room.untouched_from(sizeof *attributes));
  CHECK(attributes->type == cudaMemoryTypeDevice);
  CHECK(attributes->device == 0);
  CHECK(attributes->devicePointer == static_cast<int*>(memory));
  CHECK_ERROR(old_cudaPointerGetAttributes(nullptr, memory), cudaErrorInvalidValue);
}

TEST_CASE("advice and prefetches name a device, or a place", "[twelve][memory]") {
  void* memory = nullptr;
  const cudaMemLocation host{cudaMemLocationTypeHost, 0};
  const cudaMemLocation device{cudaMemLocationTypeDevice, 0};
  REQUIRE_OK(cudaMallocManaged(&memory, 4096));
  CHECK_OK(old_cudaMemAdvise(memory, 4096, cudaMemAdviseSetReadMostly, 0));
  CHECK_OK(old_cudaMemAdvise(memory, 4096, cudaMemAdviseSetPreferredLocation, cudaCpuDeviceId));
  CHECK_OK(old_cudaMemAdvise_v2(memory, 4096, cudaMemAdviseSetPreferredLocation, host));
  CHECK_OK(old_cudaMemPrefetchAsync(memory, 4096, 0, nullptr));
  CHECK_OK(old_cudaMemPrefetchAsync(memory, 4096, cudaCpuDeviceId, nullptr));
  CHECK_OK(old_cudaMemPrefetchAsync_v2(memory, 4096, device, 0, nullptr));
  CHECK_OK(cudaDeviceSynchronize());
  CHECK_REFUSED(old_cudaMemPrefetchAsync(memory, 4096, 77, nullptr));
  CHECK_OK(cudaFree(memory));
}

TEST_CASE("the driver's entry points are those of the runtime's release", "[twelve][device]") {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  CHECK_OK(cudaGetDriverEntryPoint("cuCtxSynchronize", &function, cudaEnableDefault, &found));
  CHECK(found == cudaDriverEntryPointSuccess);
  CHECK(function == reinterpret_cast<void*>(&cuCtxSynchronize));
  // Of CUDA 12.8.
  int version = 0;
  REQUIRE_OK(cudaRuntimeGetVersion(&version));
  CHECK_OK(cudaGetDriverEntryPoint("cuMemcpyBatchAsync", &function, cudaEnableDefault, &found));
  CHECK((found == cudaDriverEntryPointVersionNotSufficent) == (version < 12080));
#pragma GCC diagnostic pop
}
