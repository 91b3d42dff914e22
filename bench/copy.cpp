// SPDX-License-Identifier: Apache-2.0
// Synchronous copies between host and device: both directions, ordinary and pinned host memory, six sizes.
#include <algorithm>
#include <cstring>
#include <memory>

#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

constexpr size_t kKiB = 1024, kMiB = 1024 * kKiB;
constexpr size_t kBandwidthFrom = kMiB;  // smaller copies are told as times
constexpr size_t kLarge = 256 * kMiB;

struct Copy {
  size_t bytes;
  bool to_device;
  bool pinned;
};

Measured<double> time_copies(const Copy& copy, void* host, CUdeviceptr device) {
  const int count = static_cast<int>(std::clamp<size_t>(64 * kMiB / copy.bytes, 2, 2000));
  const auto once = [&]() -> Measured<void> {
    if (copy.to_device) CUDA_TRY(cuMemcpyHtoD(device, host, copy.bytes));
    else CUDA_TRY(cuMemcpyDtoH(host, device, copy.bytes));
    return {};
  };
  // The first one touches pages that nobody has touched.
  TRY(once());
  return median_time(count, once);
}

Measured<double> measure(const Copy& copy) {
  CUdeviceptr device = 0;
  CUDA_TRY(cuMemAlloc(&device, copy.bytes));
  void* pinned = nullptr;
  std::unique_ptr<std::byte[]> pageable;
  if (copy.pinned) CUDA_TRY(cuMemHostAlloc(&pinned, copy.bytes, 0));
  else pageable = std::make_unique<std::byte[]>(copy.bytes);
  void* const host = copy.pinned ? pinned : pageable.get();
  std::memset(host, 1, copy.bytes);
  const double seconds = TRY(time_copies(copy, host, device));
  if (copy.pinned) CUDA_TRY(cuMemFreeHost(pinned));
  CUDA_TRY(cuMemFree(device));
  return copy.bytes < kBandwidthFrom ? seconds : static_cast<double>(copy.bytes) / seconds;
}

}  // namespace

Family copy_family() {
  Family family = {"copy", {}};
  const std::pair<size_t, const char*> sizes[] = {{4, "4 B"},      {kKiB, "1 KiB"},       {64 * kKiB, "64 KiB"},
                                                  {kMiB, "1 MiB"}, {16 * kMiB, "16 MiB"}, {kLarge, "256 MiB"}};
  for (const bool pinned : {false, true})
    for (const bool to_device : {true, false})
      for (const auto& [bytes, size] : sizes) {
        const Copy copy = {bytes, to_device, pinned};
        family.rows.push_back(
            {std::string("copy ") + (to_device ? "H2D " : "D2H ") + (pinned ? "pinned " : "pageable ") + size,
             bytes < kBandwidthFrom ? Unit::seconds : Unit::bytes_per_second,
             [copy](const Gpu&) { return measure(copy); }, bytes == kLarge ? 3 : kEveryRound});
      }
  return family;
}

}  // namespace vgpu::bench
