// SPDX-License-Identifier: Apache-2.0
// Managed memory handed between host and kernels, and the hints about it. CUDA driver API: Unified addressing, memory
// advice and prefetching.
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

constexpr unsigned kCount = 4096;

class Managed : public Gpu {
 public:
  Managed() {
    supported = attribute(CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY) != 0;
    concurrent = attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS) != 0;
    if (supported) REQUIRE_CUDA(cuMemAllocManaged(&address, kCount * 4, CU_MEM_ATTACH_GLOBAL));
    here.type = CU_MEM_LOCATION_TYPE_DEVICE;
    here.id = device;
  }
  ~Managed() { cuMemFree(address); }

  unsigned* words() const { return reinterpret_cast<unsigned*>(address); }

  bool supported = false, concurrent = false;
  CUdeviceptr address = 0;
  CUmemLocation here = {};
};

}  // namespace

TEST_CASE_METHOD(Managed, "kernel and host take turns with managed memory", "[contract][managed]") {
  if (!supported) SKIP("no managed memory");
  Module module(kBasicPtx);
  const CUfunction add = module.function("add");
  for (unsigned i = 0; i < kCount; ++i) words()[i] = i;
  for (unsigned round = 0; round < 5; ++round) {
    REQUIRE_CUDA(launch(add, kCount / 128, 128, nullptr, address, 10u, kCount));
    REQUIRE_CUDA(cuCtxSynchronize());
    for (unsigned i = 0; i < kCount; ++i) words()[i] += 1;
  }
  size_t wrong = 0;
  for (unsigned i = 0; i < kCount; ++i) wrong += words()[i] != i + 55;
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Managed, "managed memory is copied like any other", "[contract][managed]") {
  if (!supported) SKIP("no managed memory");
  const auto bytes = pattern(kCount * 4);
  REQUIRE_CUDA(cuMemcpyHtoD(address, bytes.data(), bytes.size()));
  REQUIRE_CUDA(cuCtxSynchronize());
  CHECK(std::memcmp(words(), bytes.data(), bytes.size()) == 0);
  DeviceBuffer memory(kCount * 4);
  REQUIRE_CUDA(cuMemcpyDtoD(memory, address, kCount * 4));
  CHECK((read_bytes(memory, bytes.size()) == bytes));
}

TEST_CASE_METHOD(Managed, "managed memory can be attached to a stream and to all", "[contract][managed]") {
  if (!supported) SKIP("no managed memory");
  Stream stream;
  CHECK_CUDA(cuStreamAttachMemAsync(stream, address, 0, CU_MEM_ATTACH_SINGLE));
  CHECK_CUDA(cuStreamSynchronize(stream));
  words()[0] = 5;
  CHECK_CUDA(cuStreamAttachMemAsync(stream, address, 0, CU_MEM_ATTACH_GLOBAL));
  CHECK_CUDA(cuStreamSynchronize(stream));
  CHECK(words()[0] == 5);
}

TEST_CASE_METHOD(Managed, "a prefetch keeps the content", "[contract][managed]") {
  if (!supported || !concurrent) SKIP("no concurrent managed access");
  Stream stream;
  CUmemLocation host = {};
  host.type = CU_MEM_LOCATION_TYPE_HOST;
  for (unsigned i = 0; i < kCount; ++i) words()[i] = 3 * i;
  CHECK_CUDA(cuMemPrefetchAsync(address, kCount * 4, here, 0, stream));
  CHECK_CUDA(cuMemPrefetchAsync(address, kCount * 4, host, 0, stream));
  stream.synchronize();
  size_t wrong = 0;
  for (unsigned i = 0; i < kCount; ++i) wrong += words()[i] != 3 * i;
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Managed, "advice can be given and asked", "[contract][managed]") {
  if (!supported || !concurrent) SKIP("no concurrent managed access");
  int read_mostly = -1;
  CHECK_CUDA(cuMemAdvise(address, kCount * 4, CU_MEM_ADVISE_SET_READ_MOSTLY, here));
  CHECK_CUDA(cuMemRangeGetAttribute(&read_mostly, sizeof read_mostly, CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, address,
                                    kCount * 4));
  CHECK(read_mostly == 1);
  CHECK_CUDA(cuMemAdvise(address, kCount * 4, CU_MEM_ADVISE_UNSET_READ_MOSTLY, here));
}

TEST_CASE_METHOD(Managed, "hints about memory that is not managed are refused", "[contract][managed]") {
  if (!supported || !concurrent) SKIP("no concurrent managed access");
  DeviceBuffer memory(4096);
  CHECK_REFUSED(cuMemPrefetchAsync(memory, 4096, here, 0, nullptr));
  CHECK_REFUSED(cuMemAdvise(memory, 4096, CU_MEM_ADVISE_SET_READ_MOSTLY, here));
}
