// SPDX-License-Identifier: Apache-2.0
// What is set of a device, and what devices are to each other.
#include <cuda.h>
#include <cuda_profiler_api.h>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

TEST_CASE("caches and banks of a device are preferences", "[runtime][device]") {
  cudaFuncCache cache = cudaFuncCachePreferNone;
  cudaSharedMemConfig banks{};
  CHECK_OK(cudaDeviceGetCacheConfig(&cache));
  CHECK_OK(cudaDeviceSetCacheConfig(cache));
  CHECK_OK(cudaDeviceGetSharedMemConfig(&banks));
  CHECK_OK(cudaDeviceSetSharedMemConfig(banks));
  CHECK_ERROR(cudaDeviceGetCacheConfig(nullptr), cudaErrorInvalidValue);
  CHECK_ERROR(cudaDeviceSetCacheConfig(static_cast<cudaFuncCache>(77)), cudaErrorInvalidValue);
}

TEST_CASE("a device is no peer of its own", "[runtime][device][peer]") {
  int can = 1;
  int value = 0;
  CHECK_OK(cudaDeviceCanAccessPeer(&can, 0, 0));
  CHECK(can == 0);
  CHECK_REFUSED(cudaDeviceEnablePeerAccess(0, 0));
  CHECK_REFUSED(cudaDeviceDisablePeerAccess(0));
  CHECK_ERROR(cudaDeviceCanAccessPeer(&can, 0, 99), cudaErrorInvalidDevice);
  CHECK_ERROR(cudaDeviceEnablePeerAccess(99, 0), cudaErrorInvalidDevice);
  CHECK_REFUSED(cudaDeviceGetP2PAttribute(&value, cudaDevP2PAttrAccessSupported, 0, 0));
}

TEST_CASE("a device is initialised without becoming the current one", "[runtime][device]") {
  CHECK_OK(cudaInitDevice(0, 0, 0));
  CHECK_ERROR(cudaInitDevice(99, 0, 0), cudaErrorInvalidDevice);
  CHECK_ERROR(cudaInitDevice(0, 0xff, cudaInitDeviceFlagsAreValid), cudaErrorInvalidValue);
}

TEST_CASE("the devices that may be chosen are named", "[runtime][device]") {
  int first = 0;
  int wrong = 99;
  CHECK_OK(cudaSetValidDevices(nullptr, 0));
  CHECK_ERROR(cudaSetValidDevices(&wrong, 1), cudaErrorInvalidDevice);
  CHECK_ERROR(cudaSetValidDevices(nullptr, 1), cudaErrorInvalidValue);
  CHECK_ERROR(cudaSetValidDevices(&first, 1000), cudaErrorInvalidValue);
}

TEST_CASE("the profiler is started and stopped", "[runtime][device]") {
  CHECK_OK(cudaProfilerStart());
  CHECK_OK(cudaProfilerStop());
}

TEST_CASE("lines that persist in the cache are reset", "[runtime][device]") {
  REQUIRE_OK(cudaFree(nullptr));
  CHECK_OK(cudaCtxResetPersistingL2Cache());
}

TEST_CASE("writes of others are flushed, where a device has that", "[runtime][device]") {
  int options = 0;
  REQUIRE_OK(cudaDeviceGetAttribute(&options, cudaDevAttrGPUDirectRDMAFlushWritesOptions, 0));
  const cudaError_t result = cudaDeviceFlushGPUDirectRDMAWrites(cudaFlushGPUDirectRDMAWritesTargetCurrentDevice,
                                                                cudaFlushGPUDirectRDMAWritesToOwner);
  (void)cudaGetLastError();
  CHECK((result == cudaSuccess) == ((options & cudaFlushGPUDirectRDMAWritesOptionHost) != 0));
}

TEST_CASE("who registers for notifications of a device hears nothing while nothing is to be told",
          "[runtime][device]") {
  int heard = 0;
  cudaAsyncCallbackHandle_t one = nullptr;
  cudaAsyncCallbackHandle_t other = nullptr;
  const cudaAsyncCallback hear = [](cudaAsyncNotificationInfo_t*, void* count, cudaAsyncCallbackHandle_t) {
    ++*static_cast<int*>(count);
  };
  REQUIRE_OK(cudaDeviceRegisterAsyncNotification(0, hear, &heard, &one));
  REQUIRE_OK(cudaDeviceRegisterAsyncNotification(0, hear, &heard, &other));
  CHECK(one != other);
  REQUIRE_OK(cudaDeviceUnregisterAsyncNotification(0, one));
  REQUIRE_OK(cudaDeviceUnregisterAsyncNotification(0, other));
  CHECK_ERROR(cudaDeviceRegisterAsyncNotification(0, nullptr, nullptr, &one), cudaErrorInvalidValue);
  CHECK(heard == 0);
}

TEST_CASE("a private table that nobody has is refused", "[runtime][device]") {
  const void* table = nullptr;
  cudaUUID_t nobody{};
  CHECK_REFUSED(cudaGetExportTable(&table, &nobody));
}

TEST_CASE("memory that the driver has exported is external memory", "[runtime][foreign]") {
  REQUIRE_OK(cudaFree(nullptr));
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  size_t size = 0;
  REQUIRE(cuMemGetAllocationGranularity(&size, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM) == CUDA_SUCCESS);
  CUmemGenericAllocationHandle made = 0;
  REQUIRE(cuMemCreate(&made, size, &properties, 0) == CUDA_SUCCESS);
  cudaExternalMemoryHandleDesc description{};
  description.type = cudaExternalMemoryHandleTypeOpaqueFd;
  description.size = size;
  REQUIRE(cuMemExportToShareableHandle(&description.handle.fd, made, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0) ==
          CUDA_SUCCESS);
  cudaExternalMemory_t memory = nullptr;
  REQUIRE_OK(cudaImportExternalMemory(&memory, &description));
  cudaExternalMemoryBufferDesc buffer{};
  buffer.size = size;
  void* address = nullptr;
  REQUIRE_OK(cudaExternalMemoryGetMappedBuffer(&address, memory, &buffer));
  REQUIRE_OK(cudaMemset(address, 5, size));
  unsigned char last = 0;
  REQUIRE_OK(cudaMemcpy(&last, static_cast<char*>(address) + size - 1, 1, cudaMemcpyDeviceToHost));
  CHECK(last == 5);
  REQUIRE_OK(cudaFree(address));
  REQUIRE_OK(cudaDestroyExternalMemory(memory));
  CHECK(cuMemRelease(made) == CUDA_SUCCESS);
}

TEST_CASE("what comes from other processes is refused if it is nothing", "[runtime][foreign]") {
  cudaExternalMemoryMipmappedArrayDesc description{};
  cudaMipmappedArray_t levels = nullptr;
  CHECK_REFUSED(cudaDestroyExternalMemory(nullptr));
  CHECK_REFUSED(cudaDestroyExternalSemaphore(nullptr));
  CHECK_ERROR(cudaExternalMemoryGetMappedMipmappedArray(&levels, nullptr, nullptr), cudaErrorInvalidValue);
  CHECK_ERROR(cudaExternalMemoryGetMappedMipmappedArray(&levels, nullptr, &description),
              cudaErrorInvalidChannelDescriptor);
}

TEST_CASE("nodes of semaphores need semaphores", "[runtime][foreign][graph]") {
  cudaGraph_t graph = nullptr;
  cudaGraphNode_t node = nullptr;
  REQUIRE_OK(cudaGraphCreate(&graph, 0));
  REQUIRE_OK(cudaGraphAddEmptyNode(&node, graph, nullptr, 0));
  cudaExternalSemaphoreSignalNodeParams signal{};
  cudaExternalSemaphoreWaitNodeParams wait{};
  cudaGraphNode_t added = nullptr;
  CHECK_ERROR(cudaGraphAddExternalSemaphoresSignalNode(&added, graph, nullptr, 0, nullptr), cudaErrorInvalidValue);
  CHECK_ERROR(cudaGraphAddExternalSemaphoresWaitNode(&added, graph, nullptr, 0, nullptr), cudaErrorInvalidValue);
  CHECK_REFUSED(cudaGraphExternalSemaphoresSignalNodeGetParams(node, &signal));
  CHECK_REFUSED(cudaGraphExternalSemaphoresSignalNodeSetParams(node, &signal));
  CHECK_REFUSED(cudaGraphExternalSemaphoresWaitNodeGetParams(node, &wait));
  CHECK_REFUSED(cudaGraphExternalSemaphoresWaitNodeSetParams(node, &wait));
  CHECK_REFUSED(cudaGraphExecExternalSemaphoresSignalNodeSetParams(nullptr, node, &signal));
  CHECK_REFUSED(cudaGraphExecExternalSemaphoresWaitNodeSetParams(nullptr, node, &wait));
  CHECK_OK(cudaGraphDestroy(graph));
}
