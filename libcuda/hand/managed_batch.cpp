// SPDX-License-Identifier: Apache-2.0
// Batches of prefetches and discards. Managed memory is pages that both sides map: a prefetch is remembered, and what
// is discarded stays as it was, which is one of the values that CUDA allows a reader to find there.
// CUDA driver API: Unified Addressing, Memory Management.
#include <cstdint>

#include "common/bits.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

struct Ranges {
  const CUdeviceptr* addresses;
  const size_t* sizes;
  size_t count;
};

struct Places {
  const CUmemLocation* locations;
  const size_t* first_ranges;  // of each location
  size_t count;
};

bool is_managed(const Admitted& admitted, CUdeviceptr address, size_t bytes) {
  const std::optional<HostRange> range = admitted.process->host_memory().containing(address, bytes);
  return bytes != 0 && range && range->kind == HostKind::managed;
}

// Every batch is refused where a device cannot use managed memory while the host does.
CUresult check_devices(const Process& process, const char* call) {
  for (int i = 0; i < process.device_count(); ++i)
    if (process.device(i)->attribute[CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS] == 0) return refuse(call);
  return CUDA_SUCCESS;
}

CUresult check_stream(const Admitted& admitted, CUstream stream) {
  if (stream == CU_STREAM_LEGACY || (stream == nullptr && !admitted.thread->per_thread_stream))
    return CUDA_ERROR_INVALID_VALUE;
  const uint64_t handle = bits_of(stream);
  return handle <= 2 || admitted.process->handles().is_live(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult check_ranges(const Admitted& admitted, const Ranges& ranges) {
  if (ranges.addresses == nullptr || ranges.sizes == nullptr || ranges.count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < ranges.count; ++i)
    if (!is_managed(admitted, ranges.addresses[i], ranges.sizes[i])) return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

// The first place begins with the first range. NVIDIA's driver does not look at the order of the others.
CUresult check_places(const Places& places, size_t ranges) {
  if (places.locations == nullptr || places.first_ranges == nullptr || places.count == 0 || places.count > ranges ||
      places.first_ranges[0] != 0)
    return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 1; i < places.count; ++i)
    if (places.first_ranges[i] >= ranges) return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

// As NVIDIA's driver does it: each range but the first is the next place's if that begins there, else its
// predecessor's. So a place that begins no later than the one before it is never reached, nor is one behind it.
CUresult prefetch(const Ranges& ranges, const Places& places, CUstream stream) {
  size_t place = 0;
  for (size_t i = 0; i < ranges.count; ++i) {
    if (i > 0 && place + 1 < places.count && places.first_ranges[place + 1] == i) ++place;
    VGPU_CHECK(
        by_hand::cuMemPrefetchAsync_v2(ranges.addresses[i], ranges.sizes[i], places.locations[place], 0, stream));
  }
  return CUDA_SUCCESS;
}

}  // namespace

namespace by_hand {

CUresult cuMemPrefetchBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, CUmemLocation* prefetchLocs,
                                 size_t* prefetchLocIdxs, size_t numPrefetchLocs, unsigned long long flags,
                                 CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const Ranges ranges = {dptrs, sizes, count};
  const Places places = {prefetchLocs, prefetchLocIdxs, numPrefetchLocs};
  if (dptrs == nullptr || sizes == nullptr || count == 0 || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_places(places, count));
  VGPU_CHECK(check_stream(admitted, hStream));
  return prefetch(ranges, places, hStream);
}

CUresult cuMemDiscardBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, unsigned long long flags,
                                CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_devices(*admitted.process, "cuMemDiscardBatchAsync"));
  VGPU_CHECK(check_ranges(admitted, {dptrs, sizes, count}));
  return check_stream(admitted, hStream);
}

CUresult cuMemDiscardAndPrefetchBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, CUmemLocation* prefetchLocs,
                                           size_t* prefetchLocIdxs, size_t numPrefetchLocs, unsigned long long flags,
                                           CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const Ranges ranges = {dptrs, sizes, count};
  const Places places = {prefetchLocs, prefetchLocIdxs, numPrefetchLocs};
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_devices(*admitted.process, "cuMemDiscardAndPrefetchBatchAsync"));
  VGPU_CHECK(check_ranges(admitted, ranges));
  VGPU_CHECK(check_places(places, count));
  VGPU_CHECK(check_stream(admitted, hStream));
  return prefetch(ranges, places, hStream);
}

}  // namespace by_hand
}  // namespace vgpu::guest
