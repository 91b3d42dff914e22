// SPDX-License-Identifier: Apache-2.0
// Batches of prefetches and discards of managed memory. CUDA driver API: Unified Addressing, Memory Management.
#include "tests/contract/fixture.h"

namespace {

constexpr size_t kBytes = size_t{1} << 16;

// Two ranges of managed memory, and a stream that batches may use.
class Batches : public Gpu {
 public:
  Batches() {
    if (attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS) == 0) return;
    for (CUdeviceptr& range : ranges) {
      REQUIRE_CUDA(cuMemAllocManaged(&range, kBytes, CU_MEM_ATTACH_GLOBAL));
      std::memset(bytes_of(range), 1, kBytes);
    }
    supported = cuMemDiscardBatchAsync(ranges, sizes, 2, 0, stream) != CUDA_ERROR_NOT_SUPPORTED;
    stream.synchronize();
    for (const CUdeviceptr range : ranges) std::memset(bytes_of(range), 1, kBytes);
  }
  ~Batches() {
    for (const CUdeviceptr range : ranges) cuMemFree(range);
  }
  Batches(const Batches&) = delete;
  Batches& operator=(const Batches&) = delete;

  static void* bytes_of(CUdeviceptr range) { return reinterpret_cast<void*>(range); }
  static int last_place(CUdeviceptr range) {
    int place = -7;
    REQUIRE_CUDA(
        cuMemRangeGetAttribute(&place, sizeof place, CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION, range, kBytes));
    return place;
  }
  CUresult prefetch(size_t places = 2) {
    return cuMemPrefetchBatchAsync(ranges, sizes, 2, locations, first_ranges, places, 0, stream);
  }
  CUresult discard_and_prefetch(size_t places = 2) {
    return cuMemDiscardAndPrefetchBatchAsync(ranges, sizes, 2, locations, first_ranges, places, 0, stream);
  }

  bool supported = false;
  Stream stream;
  CUdeviceptr ranges[2] = {};
  size_t sizes[2] = {kBytes, kBytes};
  CUmemLocation locations[2] = {{CU_MEM_LOCATION_TYPE_DEVICE, 0}, {CU_MEM_LOCATION_TYPE_HOST, 0}};
  size_t first_ranges[2] = {0, 1};
};

}  // namespace

TEST_CASE_METHOD(Batches, "what is written after a discard stays", "[contract][managed]") {
  if (!supported) SKIP("no batches of managed memory");
  REQUIRE_CUDA(cuMemDiscardBatchAsync(ranges, sizes, 2, 0, stream));
  stream.synchronize();
  for (const CUdeviceptr range : ranges) std::memset(bytes_of(range), 9, kBytes);
  CHECK((read_bytes(ranges[0], kBytes) == std::vector<unsigned char>(kBytes, 9)));
  CHECK((read_bytes(ranges[1], kBytes) == std::vector<unsigned char>(kBytes, 9)));
}

TEST_CASE_METHOD(Batches, "a batch of prefetches goes to a place for each range", "[contract][managed]") {
  if (!supported) SKIP("no batches of managed memory");
  REQUIRE_CUDA(prefetch());
  stream.synchronize();
  CHECK(last_place(ranges[0]) == 0);
  CHECK(last_place(ranges[1]) == CU_DEVICE_CPU);
  CHECK((read_bytes(ranges[0], kBytes) == std::vector<unsigned char>(kBytes, 1)));
}

TEST_CASE_METHOD(Batches, "memory is discarded and prefetched at once", "[contract][managed]") {
  if (!supported) SKIP("no batches of managed memory");
  REQUIRE_CUDA(discard_and_prefetch());
  stream.synchronize();
  CHECK(last_place(ranges[0]) == 0);
  CHECK(last_place(ranges[1]) == CU_DEVICE_CPU);
  for (const CUdeviceptr range : ranges) REQUIRE_CUDA(cuMemsetD8(range, 4, kBytes));
  CHECK((read_bytes(ranges[1], kBytes) == std::vector<unsigned char>(kBytes, 4)));
}

TEST_CASE_METHOD(Batches, "a batch must be whole", "[contract][managed]") {
  if (!supported) SKIP("no batches of managed memory");
  CHECK_REFUSED(cuMemDiscardBatchAsync(nullptr, sizes, 2, 0, stream));
  CHECK_REFUSED(cuMemDiscardBatchAsync(ranges, nullptr, 2, 0, stream));
  CHECK_REFUSED(cuMemDiscardBatchAsync(ranges, sizes, 0, 0, stream));
  CHECK_REFUSED(cuMemDiscardBatchAsync(ranges, sizes, 2, 1, stream));
  CHECK_REFUSED(discard_and_prefetch(0));
  CHECK_REFUSED(discard_and_prefetch(3));
  first_ranges[0] = 1;
  CHECK_REFUSED(discard_and_prefetch(1));
  CHECK_REFUSED(prefetch(1));
}

// As NVIDIA's driver (580) takes it: it looks for the next place's beginning from the second range on, so that the
// second place is left without a range.
TEST_CASE_METHOD(Batches, "two places of a batch may begin with the same range", "[contract][managed]") {
  if (!supported) SKIP("no batches of managed memory");
  first_ranges[0] = first_ranges[1] = 0;
  CHECK_CUDA(prefetch());
  stream.synchronize();
  CHECK(last_place(ranges[0]) == 0);
  CHECK(last_place(ranges[1]) == 0);
  CHECK((read_bytes(ranges[1], kBytes) == std::vector<unsigned char>(kBytes, 1)));
  CHECK_CUDA(discard_and_prefetch());
  stream.synchronize();
}

TEST_CASE_METHOD(Batches, "places of a batch that begin out of order are taken in their own order",
                 "[contract][managed]") {
  if (!supported) SKIP("no batches of managed memory");
  const CUdeviceptr third = [] {
    CUdeviceptr range = 0;
    REQUIRE_CUDA(cuMemAllocManaged(&range, kBytes, CU_MEM_ATTACH_GLOBAL));
    return range;
  }();
  CUdeviceptr three[] = {ranges[0], ranges[1], third};
  size_t bytes[] = {kBytes, kBytes, kBytes}, begins[] = {0, 2, 1};
  CUmemLocation places[] = {locations[0], locations[1], locations[0]};
  CHECK_CUDA(cuMemPrefetchBatchAsync(three, bytes, 3, places, begins, 3, 0, stream));
  stream.synchronize();
  CHECK(last_place(ranges[0]) == 0);
  CHECK(last_place(ranges[1]) == 0);
  CHECK(last_place(third) == CU_DEVICE_CPU);
  CHECK_CUDA(cuMemFree(third));
}

TEST_CASE_METHOD(Batches, "a batch is of managed memory and not for the legacy stream", "[contract][managed]") {
  if (!supported) SKIP("no batches of managed memory");
  CHECK_REFUSED(cuMemDiscardBatchAsync(ranges, sizes, 2, 0, nullptr));
  CHECK_REFUSED(cuMemDiscardBatchAsync(ranges, sizes, 2, 0, CU_STREAM_LEGACY));
  CHECK_REFUSED(cuMemPrefetchBatchAsync(ranges, sizes, 2, locations, first_ranges, 2, 0, nullptr));
  DeviceBuffer other(kBytes);
  CUdeviceptr mixed[2] = {ranges[0], other};
  CHECK_REFUSED(cuMemDiscardBatchAsync(mixed, sizes, 2, 0, stream));
  CHECK_REFUSED(cuMemDiscardAndPrefetchBatchAsync(mixed, sizes, 2, locations, first_ranges, 2, 0, stream));
}
