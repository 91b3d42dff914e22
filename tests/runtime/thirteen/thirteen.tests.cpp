// SPDX-License-Identifier: Apache-2.0
// What only libcudart.so.13 has.
#include <cstring>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

TEST_CASE("a place has a pool for each kind of memory", "[runtime][pool]") {
  cudaMemPool_t pool = nullptr;
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, 0};
  REQUIRE_OK(cudaMemPoolCreate(&pool, &properties));
  cudaMemPool_t standard = nullptr;
  cudaMemPool_t current = nullptr;
  cudaMemLocation device{cudaMemLocationTypeDevice, 0};
  REQUIRE_OK(cudaMemGetDefaultMemPool(&standard, &device, cudaMemAllocationTypePinned));
  CHECK_OK(cudaMemSetMemPool(&device, cudaMemAllocationTypePinned, pool));
  CHECK_OK(cudaMemGetMemPool(&current, &device, cudaMemAllocationTypePinned));
  CHECK(current == pool);
  CHECK_OK(cudaMemSetMemPool(&device, cudaMemAllocationTypePinned, standard));
  CHECK_REFUSED(cudaMemGetMemPool(&current, nullptr, cudaMemAllocationTypePinned));
  CHECK_OK(cudaMemPoolDestroy(pool));
}

TEST_CASE("managed memory is prefetched and discarded, several ranges at once", "[runtime][managed]") {
  Stream stream;
  void* memory = nullptr;
  REQUIRE_OK(cudaMallocManaged(&memory, 8192));
  void* ranges[] = {memory, static_cast<char*>(memory) + 4096};
  size_t sizes[] = {4096, 4096};
  cudaMemLocation device{cudaMemLocationTypeDevice, 0};
  size_t first = 0;
  int concurrent = 0;
  REQUIRE_OK(cudaDeviceGetAttribute(&concurrent, cudaDevAttrConcurrentManagedAccess, 0));
  CHECK_REFUSED(cudaMemPrefetchBatchAsync(nullptr, sizes, 2, &device, &first, 1, 0, stream));
  CHECK_REFUSED(cudaMemDiscardBatchAsync(nullptr, sizes, 2, 0, stream));
  CHECK_REFUSED(cudaMemDiscardAndPrefetchBatchAsync(nullptr, sizes, 2, &device, &first, 1, 0, stream));
  if (concurrent != 0) {
    CHECK_OK(cudaMemPrefetchBatchAsync(ranges, sizes, 2, &device, &first, 1, 0, stream));
    const cudaError_t discarded = cudaMemDiscardBatchAsync(ranges, sizes, 2, 0, stream);
    const cudaError_t both = cudaMemDiscardAndPrefetchBatchAsync(ranges, sizes, 2, &device, &first, 1, 0, stream);
    (void)cudaGetLastError();
    // A driver that does not know how to discard says so.
    CHECK((discarded == cudaSuccess || discarded == cudaErrorNotSupported));
    CHECK(both == discarded);
  }
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK_OK(cudaFree(memory));
}

TEST_CASE("boxes are copied, several at once", "[runtime][copy]") {
  Stream stream;
  DeviceInts memory(4);
  int in[] = {1, 2, 3, 4};
  int out[4] = {};
  cudaMemcpy3DBatchOp copy{};
  copy.src.type = copy.dst.type = cudaMemcpyOperandTypePointer;
  copy.src.op.ptr.ptr = in;
  copy.src.op.ptr.locHint.type = cudaMemLocationTypeHost;
  copy.dst.op.ptr.ptr = memory;
  copy.dst.op.ptr.locHint.type = cudaMemLocationTypeDevice;
  copy.extent = {sizeof in, 1, 1};
  copy.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  CHECK_OK(cudaMemcpy3DBatchAsync(1, &copy, 0, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK_OK(cudaMemcpy(out, memory, sizeof out, cudaMemcpyDeviceToHost));
  CHECK(std::memcmp(in, out, sizeof in) == 0);
  CHECK_REFUSED(cudaMemcpy3DBatchAsync(1, nullptr, 0, stream));
}

TEST_CASE("a device says which operations are atomic for the host", "[runtime][device]") {
  unsigned capabilities[2] = {99, 99};
  const cudaAtomicOperation operations[] = {cudaAtomicOperationIntegerAdd, cudaAtomicOperationCAS};
  const cudaError_t first = cudaDeviceGetHostAtomicCapabilities(capabilities, operations, 2, 0);
  (void)cudaGetLastError();
  if (first == cudaErrorNotSupported) SKIP("this driver does not say");
  REQUIRE_OK(first);
  CHECK((capabilities[0] != 99 && capabilities[1] != 99));
  CHECK_REFUSED(cudaDeviceGetHostAtomicCapabilities(capabilities, operations, 2, 99));
  CHECK_REFUSED(cudaDeviceGetHostAtomicCapabilities(nullptr, operations, 2, 0));
  CHECK_REFUSED(cudaDeviceGetP2PAtomicCapabilities(capabilities, operations, 2, 0, 99));
}

TEST_CASE("the driver's log is read, or refused as a whole", "[runtime][logs]") {
  cudaLogIterator iterator = 0;
  char text[256] = {};
  size_t size = sizeof text;
  const cudaError_t first = cudaLogsCurrent(&iterator, 0);
  (void)cudaGetLastError();
  if (first == cudaErrorNotSupported) SKIP("this driver keeps no log");
  REQUIRE_OK(first);
  CHECK_OK(cudaLogsDumpToMemory(&iterator, text, &size, 0));
  CHECK(size < sizeof text);
  CHECK_REFUSED(cudaLogsDumpToMemory(&iterator, nullptr, &size, 0));
  CHECK_REFUSED(cudaLogsDumpToFile(&iterator, "/nowhere/at/all", 0));
  CHECK_REFUSED(cudaLogsUnregisterCallback(nullptr));
  CHECK_REFUSED(cudaLogsRegisterCallback(nullptr, nullptr, nullptr));
}
