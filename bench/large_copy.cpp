// SPDX-License-Identifier: Apache-2.0
// Copies to the device of up to 16 GiB: what a byte costs, in multiples of what it costs in a copy of 256 MiB. Sizes
// that the machine's or the device's memory has no room for are skipped.
#include <sys/mman.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

constexpr size_t kMiB = size_t{1} << 20, kGiB = 1024 * kMiB;
constexpr size_t kBase = 256 * kMiB;

// Of the machine, for new programs; 0 when that cannot be read.
size_t available_memory() {
  std::FILE* const file = std::fopen("/proc/meminfo", "re");
  if (file == nullptr) return 0;
  size_t kilobytes = 0;
  char line[128];
  while (std::fgets(line, sizeof line, file) != nullptr)
    if (std::sscanf(line, "MemAvailable: %zu kB", &kilobytes) == 1) break;
  std::fclose(file);
  return kilobytes * 1024;
}

// The software GPU's memory is the machine's as well, and others want to live, too.
Measured<bool> has_room(size_t bytes) {
  size_t free = 0, total = 0;
  CUDA_TRY(cuMemGetInfo(&free, &total));
  return bytes <= free / 2 && bytes <= available_memory() / 4;
}

// Ordinary memory comes from the kernel directly and goes back to it.
struct HostMemory {
  size_t bytes;
  bool pinned;
  void* data = nullptr;

  Measured<void> allocate() {
    if (pinned) CUDA_TRY(cuMemHostAlloc(&data, bytes, 0));
    else data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) return Failure{"mmap of host memory", CUDA_ERROR_OUT_OF_MEMORY};
    std::memset(data, 1, bytes);
    return {};
  }
  Measured<void> release() const {
    if (pinned) CUDA_TRY(cuMemFreeHost(data));
    else ::munmap(data, bytes);
    return {};
  }
};

Measured<double> cost_of_byte(size_t bytes, bool pinned) {
  if (!TRY(has_room(bytes))) return Failure::skip("not enough memory to spare");
  CUdeviceptr device = 0;
  CUDA_TRY(cuMemAlloc(&device, bytes));
  HostMemory host = {bytes, pinned};
  TRY(host.allocate());
  const auto once = [&]() -> Measured<void> {
    CUDA_TRY(cuMemcpyHtoD(device, host.data, bytes));
    return {};
  };
  TRY(once());
  const double seconds = TRY(median_time(bytes == kBase ? 5 : 1, once));
  TRY(host.release());
  CUDA_TRY(cuMemFree(device));
  return seconds / static_cast<double>(bytes);
}

}  // namespace

Family large_copy_family() {
  Family family = {.name = "large copy", .rows = {}, .takes_long = true};
  for (const bool pinned : {false, true}) {
    // The rows of one process share it.
    const auto base = std::make_shared<std::optional<double>>();
    for (const size_t size : {size_t{1}, size_t{4}, size_t{16}})
      family.rows.push_back(
          {std::string("cost of a byte, H2D ") + (pinned ? "pinned " : "pageable ") + std::to_string(size) + " GiB",
           Unit::multiples,
           [size, pinned, base](const Gpu&) -> Measured<double> {
             if (!*base) *base = TRY(cost_of_byte(kBase, pinned));
             return TRY(cost_of_byte(size * kGiB, pinned)) / **base;
           },
           1});
  }
  return family;
}

}  // namespace vgpu::bench
