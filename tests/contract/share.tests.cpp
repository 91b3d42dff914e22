// SPDX-License-Identifier: Apache-2.0
// What two processes share by descriptors: memory and pools. CUDA driver API: Virtual Memory Management, Stream Ordered
// Memory Allocator.
#include "tests/contract/kernels.h"
#include "tests/contract/peer.h"

namespace {

constexpr size_t kWords = size_t{1} << 18;
constexpr size_t kBytes = kWords * sizeof(unsigned);

CUresult import_memory(CUmemGenericAllocationHandle& handle, int descriptor) {
  return cuMemImportFromShareableHandle(&handle, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)),
                                        CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
}

// Maps imported memory, which must hold `value`, and gives all of it back.
void check_and_release(CUmemGenericAllocationHandle handle, size_t size, unsigned value) {
  CUdeviceptr address = 0;
  REQUIRE_CUDA(map_memory(handle, size, address));
  CHECK(read_words(address, 4) == repeated(4, value));
  CHECK_CUDA(cuMemUnmap(address, size));
  CHECK_CUDA(cuMemRelease(handle));
  CHECK_CUDA(cuMemAddressFree(address, size));
}

class Share : public Gpu {
 public:
  Share() {
    const CUmemAllocationProp properties = shareable_memory(device);
    const bool supported = attribute(CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED) != 0 &&
                           attribute(CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED) != 0;
    if (supported) REQUIRE_CUDA(cuMemGetAllocationGranularity(&size, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  }

  size_t size = 0;  // of shareable memory; 0: there is none
};

// Memory of this process that can be exported, mapped.
class ShareableMemory {
 public:
  ShareableMemory(size_t bytes, CUmemAllocationHandleType type) : size(bytes) {
    CUmemAllocationProp properties = shareable_memory(0);
    properties.requestedHandleTypes = type;
    REQUIRE_CUDA(cuMemCreate(&handle, bytes, &properties, 0));
    REQUIRE_CUDA(map_memory(handle, bytes, address));
  }
  explicit ShareableMemory(size_t bytes) : ShareableMemory(bytes, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) {}
  ~ShareableMemory() { drop(); }
  ShareableMemory(const ShareableMemory&) = delete;
  ShareableMemory& operator=(const ShareableMemory&) = delete;

  void drop() {
    if (handle == 0) return;
    cuMemUnmap(address, size);
    cuMemRelease(handle);
    cuMemAddressFree(address, size);
    handle = 0;
  }
  int export_it() const {
    int descriptor = -1;
    REQUIRE_CUDA(cuMemExportToShareableHandle(&descriptor, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
    return descriptor;
  }

  CUmemGenericAllocationHandle handle = 0;
  CUdeviceptr address = 0;
  size_t size = 0;
};

// Memory that a peer makes, with `value` in it, and exports: the descriptor, which is the caller's.
int memory_of(Peer& peer, size_t bytes, unsigned value) {
  REQUIRE(peer.ask({.ask = Ask::create_memory, .a = bytes, .b = value}).result == CUDA_SUCCESS);
  REQUIRE(peer.descriptor >= 0);
  return peer.descriptor;
}

// Has the peer map memory of this process.
PeerAnswer imported_by(Peer& peer, const ShareableMemory& memory) {
  const int descriptor = memory.export_it();
  const PeerAnswer imported = peer.ask({.ask = Ask::import_memory, .a = memory.size}, descriptor);
  close(descriptor);
  REQUIRE(imported.result == CUDA_SUCCESS);
  return imported;
}

// Each import of a descriptor whose exporter has ended gives its memory. Closes the descriptor.
void check_outlives(int descriptor, size_t bytes, unsigned value) {
  // Where a daemon keeps the export, it learns of the end a moment later.
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  for (int i = 0; i < 2; ++i) {
    CUmemGenericAllocationHandle handle = 0;
    REQUIRE_CUDA(import_memory(handle, descriptor));
    check_and_release(handle, bytes, value);
  }
  close(descriptor);
}

}  // namespace

TEST_CASE_METHOD(Share, "memory imported by its descriptor is the exporter's memory", "[contract][share]") {
  if (size == 0) SKIP("no shareable memory");
  ShareableMemory memory(size);
  set_words(memory.address, 3, size / 4);
  Peer peer;
  const PeerAnswer imported = imported_by(peer, memory);
  CHECK(peer.ask({.ask = Ask::read, .a = imported.value + size - 4}).value == 3);
  CHECK(peer.ask({.ask = Ask::fill, .a = imported.value, .b = 4, .c = size / 4}).result == CUDA_SUCCESS);
  CHECK(read_words(memory.address, size / 4) == repeated(size / 4, 4));
  CHECK(peer.ask({.ask = Ask::drop_memory}).result == CUDA_SUCCESS);
}

TEST_CASE_METHOD(Share, "imported memory stays when its exporter lets go of it", "[contract][share]") {
  if (size == 0) SKIP("no shareable memory");
  ShareableMemory memory(size);
  set_words(memory.address, 6, size / 4);
  Peer peer;
  const PeerAnswer imported = imported_by(peer, memory);
  memory.drop();
  CHECK(peer.ask({.ask = Ask::read, .a = imported.value}).value == 6);
}

TEST_CASE_METHOD(Share, "a descriptor alone keeps exported memory", "[contract][share]") {
  if (size == 0) SKIP("no shareable memory");
  Peer peer;
  const int descriptor = memory_of(peer, size, 8);
  REQUIRE(peer.ask({.ask = Ask::drop_memory}).result == CUDA_SUCCESS);
  CUmemGenericAllocationHandle handle = 0;
  REQUIRE_CUDA(import_memory(handle, descriptor));
  close(descriptor);
  check_and_release(handle, size, 8);
}

TEST_CASE_METHOD(Share, "a descriptor keeps exported memory when its exporter has ended", "[contract][share]") {
  if (size == 0) SKIP("no shareable memory");
  Peer peer;
  const int descriptor = memory_of(peer, size, 31);
  peer.end();
  check_outlives(descriptor, size, 31);
}

TEST_CASE_METHOD(Share, "a descriptor keeps exported memory when its exporter is killed", "[contract][share]") {
  if (size == 0) SKIP("no shareable memory");
  Peer peer;
  const int descriptor = memory_of(peer, size, 32);
  peer.kill();
  check_outlives(descriptor, size, 32);
}

TEST_CASE_METHOD(Share, "a descriptor keeps exported memory after many others were closed", "[contract][share]") {
  if (size == 0) SKIP("no shareable memory");
  constexpr int kTimes = 300;  // more than may outlive their exporter at once
  ShareableMemory memory(size);
  for (int i = 0; i < kTimes; ++i) close(memory.export_it());
  Peer peer;
  const int descriptor = memory_of(peer, size, 33);
  peer.end();
  check_outlives(descriptor, size, 33);
}

TEST_CASE_METHOD(Share, "a process can import its own export, and from a copy of the descriptor", "[contract][share]") {
  if (size == 0) SKIP("no shareable memory");
  ShareableMemory memory(size);
  set_words(memory.address, 12, size / 4);
  const int descriptor = memory.export_it();
  const int copy = dup(descriptor);
  close(descriptor);
  CUmemGenericAllocationHandle handle = 0;
  REQUIRE_CUDA(import_memory(handle, copy));
  close(copy);
  check_and_release(handle, size, 12);
}

TEST_CASE_METHOD(Share, "closed descriptors leave nothing behind", "[contract][share]") {
  if (size == 0) SKIP("no shareable memory");
  constexpr int kTimes = 5000;  // more than a process may have exported at once
  ShareableMemory memory(size);
  CUresult status = CUDA_SUCCESS;
  for (int i = 0; i < kTimes && status == CUDA_SUCCESS; ++i) {
    int descriptor = -1;
    status = cuMemExportToShareableHandle(&descriptor, memory.handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
    close(descriptor);
  }
  CHECK_CUDA(status);
}

TEST_CASE_METHOD(Share, "wrong calls of shareable handles are refused", "[contract][share]") {
  if (size == 0) SKIP("no shareable memory");
  constexpr auto kDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  ShareableMemory memory(size), plain(size, CU_MEM_HANDLE_TYPE_NONE);
  int descriptor = -1, pipe_ends[2] = {-1, -1};
  CUmemGenericAllocationHandle handle = 0;
  REQUIRE(pipe(pipe_ends) == 0);
  CHECK_REFUSED(cuMemExportToShareableHandle(&descriptor, plain.handle, kDescriptor, 0));
  CHECK(cuMemExportToShareableHandle(nullptr, memory.handle, kDescriptor, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemExportToShareableHandle(&descriptor, memory.handle, kDescriptor, 1) == CUDA_ERROR_INVALID_VALUE);
  CHECK_REFUSED(cuMemExportToShareableHandle(&descriptor, memory.handle, CU_MEM_HANDLE_TYPE_WIN32, 0));
  CHECK_REFUSED(cuMemExportToShareableHandle(&descriptor, 0, kDescriptor, 0));
  CHECK(descriptor == -1);
  CHECK_REFUSED(import_memory(handle, -1));
  CHECK_REFUSED(import_memory(handle, pipe_ends[0]));
  CHECK_REFUSED(cuMemImportFromShareableHandle(nullptr, nullptr, kDescriptor));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  CHECK_REFUSED(import_memory(handle, pipe_ends[0]));
}

TEST_CASE_METHOD(Gpu, "memory of an imported pool is the exporter's memory", "[contract][share]") {
  constexpr auto kDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  if ((attribute(CU_DEVICE_ATTRIBUTE_MEMPOOL_SUPPORTED_HANDLE_TYPES) & kDescriptor) == 0) SKIP("no shareable pools");
  CUmemPoolProps properties = {};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.handleTypes = kDescriptor;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
  CUmemoryPool pool = nullptr;
  REQUIRE_CUDA(cuMemPoolCreate(&pool, &properties));
  Stream stream;
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemAllocFromPoolAsync(&address, kBytes, pool, stream));
  REQUIRE_CUDA(cuMemsetD32Async(address, 21, kWords, stream));
  stream.synchronize();
  int descriptor = -1;
  CUmemPoolPtrExportData data = {};
  REQUIRE_CUDA(cuMemPoolExportToShareableHandle(&descriptor, pool, kDescriptor, 0));
  REQUIRE_CUDA(cuMemPoolExportPointer(&data, address));
  {
    Peer peer;
    const PeerAnswer imported = peer.ask({.ask = Ask::import_pool}, descriptor);
    close(descriptor);
    REQUIRE(imported.result == CUDA_SUCCESS);
    const PeerAnswer pointer = peer.ask({.ask = Ask::import_pointer, .a = imported.value, .bytes = bytes_of(data)});
    REQUIRE(pointer.result == CUDA_SUCCESS);
    CHECK(peer.ask({.ask = Ask::read, .a = pointer.value}).value == 21);
    CHECK(peer.ask({.ask = Ask::fill, .a = pointer.value, .b = 22, .c = kWords}).result == CUDA_SUCCESS);
    CHECK(read_words(address, kWords) == repeated(kWords, 22));
    CHECK(peer.ask({.ask = Ask::free, .a = pointer.value}).result == CUDA_SUCCESS);
  }
  CHECK_CUDA(cuMemFreeAsync(address, stream));
  stream.synchronize();
  CHECK_CUDA(cuMemPoolDestroy(pool));
}
