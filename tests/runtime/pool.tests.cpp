// SPDX-License-Identifier: Apache-2.0
// Memory pools, and what other processes are told of memory and events.
#include <unistd.h>

#include <cstdint>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

namespace {

class Pool {
 public:
  explicit Pool(cudaMemAllocationHandleType handles = cudaMemHandleTypeNone) {
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {cudaMemLocationTypeDevice, 0};
    properties.handleTypes = handles;
    REQUIRE_OK(cudaMemPoolCreate(&pool_, &properties));
  }
  ~Pool() { cudaMemPoolDestroy(pool_); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  operator cudaMemPool_t() const { return pool_; }

 private:
  cudaMemPool_t pool_ = nullptr;
};

// A descriptor is what this machine's pools can be shared by, if they can.
bool pools_are_shared() {
  int handles = 0;
  REQUIRE_OK(cudaDeviceGetAttribute(&handles, cudaDevAttrMemoryPoolSupportedHandleTypes, 0));
  return (handles & cudaMemHandleTypePosixFileDescriptor) != 0;
}

}  // namespace

TEST_CASE("a device's pool is the default one until another is set", "[runtime][pool]") {
  Pool pool;
  cudaMemPool_t standard = nullptr;
  cudaMemPool_t current = nullptr;
  REQUIRE_OK(cudaDeviceGetDefaultMemPool(&standard, 0));
  CHECK_OK(cudaDeviceGetMemPool(&current, 0));
  CHECK(current == standard);
  REQUIRE_OK(cudaDeviceSetMemPool(0, pool));
  CHECK_OK(cudaDeviceGetMemPool(&current, 0));
  CHECK(current == pool);
  REQUIRE_OK(cudaDeviceSetMemPool(0, standard));
  CHECK_REFUSED(cudaDeviceSetMemPool(0, nullptr));
  CHECK_REFUSED(cudaDeviceGetMemPool(&current, 99));
}

TEST_CASE("attributes of a pool are set and read", "[runtime][pool]") {
  Pool pool;
  uint64_t threshold = 1 << 20;
  uint64_t used = 1;
  int follow = 0;
  CHECK_OK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
  threshold = 0;
  CHECK_OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
  CHECK(threshold == 1 << 20);
  CHECK_OK(cudaMemPoolSetAttribute(pool, cudaMemPoolReuseFollowEventDependencies, &follow));
  follow = 1;
  CHECK_OK(cudaMemPoolGetAttribute(pool, cudaMemPoolReuseFollowEventDependencies, &follow));
  CHECK(follow == 0);
  CHECK_OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
  CHECK(used == 0);
  CHECK_OK(cudaMemPoolTrimTo(pool, 0));
  CHECK_REFUSED(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
}

TEST_CASE("a pool is open to its own device", "[runtime][pool]") {
  Pool pool;
  cudaMemLocation device{cudaMemLocationTypeDevice, 0};
  cudaMemAccessFlags flags = cudaMemAccessFlagsProtNone;
  CHECK_OK(cudaMemPoolGetAccess(&flags, pool, &device));
  CHECK(flags == cudaMemAccessFlagsProtReadWrite);
  cudaMemAccessDesc open{device, cudaMemAccessFlagsProtReadWrite};
  CHECK_OK(cudaMemPoolSetAccess(pool, &open, 1));
  open.flags = cudaMemAccessFlagsProtNone;
  CHECK_REFUSED(cudaMemPoolSetAccess(pool, &open, 1));
  device.id = 99;
  CHECK_REFUSED(cudaMemPoolGetAccess(&flags, pool, &device));
}

TEST_CASE("a pool goes to others by a descriptor, and its memory by a description", "[runtime][pool]") {
  if (!pools_are_shared()) SKIP("pools have no descriptors here");
  Pool pool(cudaMemHandleTypePosixFileDescriptor);
  Stream stream;
  int descriptor = -1;
  void* memory = nullptr;
  cudaMemPoolPtrExportData description{};
  CHECK_OK(cudaMemPoolExportToShareableHandle(&descriptor, pool, cudaMemHandleTypePosixFileDescriptor, 0));
  CHECK(descriptor >= 0);
  REQUIRE_OK(cudaMallocFromPoolAsync(&memory, 64, pool, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK_OK(cudaMemPoolExportPointer(&description, memory));
  CHECK_OK(cudaFreeAsync(memory, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  close(descriptor);
}

// Public documents do not say whether a process may import what it exported itself.
TEST_CASE("a pool is imported by its descriptor", "[runtime][pool][soft]") {
  if (!pools_are_shared()) SKIP("pools have no descriptors here");
  Pool pool(cudaMemHandleTypePosixFileDescriptor);
  int descriptor = -1;
  REQUIRE_OK(cudaMemPoolExportToShareableHandle(&descriptor, pool, cudaMemHandleTypePosixFileDescriptor, 0));
  cudaMemPool_t imported = nullptr;
  CHECK_OK(cudaMemPoolImportFromShareableHandle(&imported, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)),
                                                cudaMemHandleTypePosixFileDescriptor, 0));
  REQUIRE(imported != nullptr);
  CHECK_OK(cudaMemPoolDestroy(imported));
  close(descriptor);
}

TEST_CASE("a pool that is nobody's to share is not shared", "[runtime][pool]") {
  Pool pool;
  int descriptor = -1;
  cudaMemPool_t imported = nullptr;
  cudaMemPoolPtrExportData description{};
  void* memory = nullptr;
  CHECK_REFUSED(cudaMemPoolExportToShareableHandle(&descriptor, pool, cudaMemHandleTypePosixFileDescriptor, 0));
  CHECK_REFUSED(cudaMemPoolImportFromShareableHandle(&imported, reinterpret_cast<void*>(intptr_t{-1}),
                                                     cudaMemHandleTypePosixFileDescriptor, 0));
  CHECK_REFUSED(cudaMemPoolImportPointer(&memory, pool, &description));
}

TEST_CASE("memory has a handle for other processes, not for its own", "[runtime][ipc]") {
  DeviceInts memory(1);
  cudaIpcMemHandle_t handle{};
  void* opened = nullptr;
  int local = 0;
  REQUIRE_OK(cudaIpcGetMemHandle(&handle, memory));
  CHECK_REFUSED(cudaIpcOpenMemHandle(&opened, handle, cudaIpcMemLazyEnablePeerAccess));
  CHECK_REFUSED(cudaIpcGetMemHandle(&handle, &local));
  CHECK_REFUSED(cudaIpcCloseMemHandle(memory));
}

TEST_CASE("an event has a handle for other processes, if it was made so", "[runtime][ipc]") {
  cudaEvent_t shared = nullptr;
  cudaEvent_t plain = nullptr;
  cudaEvent_t opened = nullptr;
  cudaIpcEventHandle_t handle{};
  REQUIRE_OK(cudaEventCreateWithFlags(&shared, cudaEventDisableTiming | cudaEventInterprocess));
  REQUIRE_OK(cudaEventCreate(&plain));
  CHECK_OK(cudaIpcGetEventHandle(&handle, shared));
  CHECK_REFUSED(cudaIpcGetEventHandle(&handle, plain));
  CHECK_REFUSED(cudaIpcOpenEventHandle(&opened, cudaIpcEventHandle_t{}));
  CHECK_OK(cudaEventDestroy(shared));
  CHECK_OK(cudaEventDestroy(plain));
}
