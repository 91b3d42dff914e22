// SPDX-License-Identifier: Apache-2.0
// Memory that CUDA has exported as a descriptor, imported as external memory. CUDA driver API: External Resource
// Interoperability.
#include <unistd.h>

#include "tests/contract/kernels.h"
#include "tests/contract/peer.h"

namespace {

// Memory with an address, and its descriptor.
class Exported : public Gpu {
 public:
  Exported() {
    const CUmemAllocationProp properties = shareable_memory(device);
    REQUIRE_CUDA(cuMemGetAllocationGranularity(&size, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    REQUIRE_CUDA(cuMemCreate(&handle, size, &properties, 0));
    REQUIRE_CUDA(map_memory(handle, size, address));
    description.type = CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD;
    description.handle.fd = -1;
    description.size = size;
    REQUIRE_CUDA(
        cuMemExportToShareableHandle(&description.handle.fd, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  }
  ~Exported() {
    cuMemUnmap(address, size);
    cuMemRelease(handle);
    cuMemAddressFree(address, size);
  }

  CUexternalMemory import() const {
    CUexternalMemory memory = nullptr;
    REQUIRE_CUDA(cuImportExternalMemory(&memory, &description));
    return memory;
  }
  CUDA_EXTERNAL_MEMORY_BUFFER_DESC whole() const {
    CUDA_EXTERNAL_MEMORY_BUFFER_DESC buffer = {};
    buffer.size = size;
    return buffer;
  }

  size_t size = 0;
  CUmemGenericAllocationHandle handle = 0;
  CUdeviceptr address = 0;
  CUDA_EXTERNAL_MEMORY_HANDLE_DESC description = {};
};

}  // namespace

TEST_CASE_METHOD(Exported, "a buffer of external memory is the exported memory", "[contract][external]") {
  REQUIRE_CUDA(cuMemsetD32(address, 7, size / 4));
  CUexternalMemory memory = import();
  const CUDA_EXTERNAL_MEMORY_BUFFER_DESC buffer = whole();
  CUdeviceptr mapped = 0;
  REQUIRE_CUDA(cuExternalMemoryGetMappedBuffer(&mapped, memory, &buffer));
  CHECK(mapped != address);
  CHECK(read_words(mapped, 4) == repeated(4, 7));
  REQUIRE_CUDA(cuMemsetD32(mapped, 9, size / 4));
  CHECK(read_words(address + size - 16, 4) == repeated(4, 9));
  CHECK_CUDA(cuMemFree(mapped));
  CHECK_CUDA(cuDestroyExternalMemory(memory));
  CHECK(read_words(address, 4) == repeated(4, 9));
}

TEST_CASE_METHOD(Exported, "external memory outlives what it came from", "[contract][external]") {
  REQUIRE_CUDA(cuMemsetD32(address, 5, size / 4));
  REQUIRE_CUDA(cuCtxSynchronize());
  CUexternalMemory memory = import();
  REQUIRE_CUDA(cuMemUnmap(address, size));
  REQUIRE_CUDA(cuMemRelease(handle));
  const CUDA_EXTERNAL_MEMORY_BUFFER_DESC buffer = whole();
  CUdeviceptr mapped = 0;
  REQUIRE_CUDA(cuExternalMemoryGetMappedBuffer(&mapped, memory, &buffer));
  CHECK(read_words(mapped, 4) == repeated(4, 5));
  CHECK_CUDA(cuMemFree(mapped));
  CHECK_CUDA(cuDestroyExternalMemory(memory));
}

TEST_CASE_METHOD(Exported, "external memory is imported from what stands for memory only", "[contract][external]") {
  CUexternalMemory memory = nullptr;
  CHECK(cuImportExternalMemory(nullptr, &description) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuImportExternalMemory(&memory, nullptr) == CUDA_ERROR_INVALID_VALUE);
  CUDA_EXTERNAL_MEMORY_HANDLE_DESC other = description;
  other.handle.fd = -1;
  CHECK_REFUSED(cuImportExternalMemory(&memory, &other));
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  other.handle.fd = ends[0];
  CHECK_REFUSED(cuImportExternalMemory(&memory, &other));
  close(ends[0]);
  close(ends[1]);
  other = description;
  other.type = static_cast<CUexternalMemoryHandleType>(77);
  CHECK_REFUSED(cuImportExternalMemory(&memory, &other));
  memory = import();
  CUdeviceptr mapped = 0;
  CUDA_EXTERNAL_MEMORY_BUFFER_DESC buffer = whole();
  buffer.offset = size;
  CHECK_REFUSED(cuExternalMemoryGetMappedBuffer(&mapped, memory, &buffer));
  CHECK_CUDA(cuDestroyExternalMemory(memory));
}

TEST_CASE_METHOD(Exported, "external memory is mapped in parts that it has, while it is there",
                 "[contract][external][soft]") {
  const CUDA_EXTERNAL_MEMORY_BUFFER_DESC buffer = whole();
  CUdeviceptr mapped = 0;
  CUexternalMemory memory = import();
  CHECK(cuExternalMemoryGetMappedBuffer(nullptr, memory, &buffer) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuExternalMemoryGetMappedBuffer(&mapped, memory, nullptr) == CUDA_ERROR_INVALID_VALUE);
  CUDA_EXTERNAL_MEMORY_BUFFER_DESC part = {};
  part.offset = part.size = size / 2;
  REQUIRE_CUDA(cuMemsetD32(address + size / 2, 3, 4));
  REQUIRE_CUDA(cuExternalMemoryGetMappedBuffer(&mapped, memory, &part));
  CHECK(read_words(mapped, 4) == repeated(4, 3));
  CHECK(cuIpcCloseMemHandle(mapped) == CUDA_ERROR_INVALID_VALUE);
  CHECK_CUDA(cuMemFree(mapped));
  CHECK(cuMemFree(mapped) == CUDA_ERROR_INVALID_VALUE);
  part.offset = 1;
  CHECK(cuExternalMemoryGetMappedBuffer(&mapped, memory, &part) == CUDA_ERROR_INVALID_VALUE);
  CHECK_CUDA(cuDestroyExternalMemory(memory));
  CHECK(cuExternalMemoryGetMappedBuffer(&mapped, memory, &buffer) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuDestroyExternalMemory(memory) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuDestroyExternalMemory(nullptr) == CUDA_ERROR_INVALID_HANDLE);
}
