// SPDX-License-Identifier: Apache-2.0
#include "common/file_run.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace vgpu {
namespace {

// More than a process can have mappings anyway (vm.max_map_count).
constexpr uint64_t kMaxRuns = 1 << 20;

}  // namespace

uint64_t total_bytes(std::span<const FileRun> runs) {
  uint64_t sum = 0;
  for (const FileRun& run : runs)
    if (__builtin_add_overflow(sum, run.bytes, &sum)) return 0;
  return sum;
}

std::vector<FileRun> slice_runs(std::span<const FileRun> runs, uint64_t skip, uint64_t bytes) {
  std::vector<FileRun> slice;
  for (const FileRun& run : runs) {
    if (bytes == 0) break;
    const uint64_t before = std::min(skip, run.bytes);
    skip -= before;
    const uint64_t taken = std::min(run.bytes - before, bytes);
    if (taken == 0) continue;
    slice.push_back({run.offset + before, taken});
    bytes -= taken;
  }
  return slice;
}

int map_runs(void* address, int file, std::span<const FileRun> runs) {
  auto* at = static_cast<std::byte*>(address);
  for (const FileRun& run : runs) {
    const int flags = MAP_SHARED | MAP_FIXED;
    if (::mmap(at, run.bytes, PROT_READ | PROT_WRITE, flags, file, static_cast<off_t>(run.offset)) == MAP_FAILED)
      return errno;
    at += run.bytes;
  }
  return 0;
}

Result<UniqueFd> write_run_table(std::span<const FileRun> runs) {
  UniqueFd file = TRY(create_memory_file("vgpu-runs", runs.size_bytes()));
  const Mapping table = TRY(Mapping::shared(file.get(), runs.size_bytes()));
  std::memcpy(table.data(), runs.data(), runs.size_bytes());
  return file;
}

Result<std::vector<FileRun>> read_run_table(int file, uint64_t count) {
  if (count == 0 || count > kMaxRuns) return Error{"a table of runs has an impossible length"};
  std::vector<FileRun> runs(static_cast<size_t>(count));
  const size_t bytes = runs.size() * sizeof(FileRun);
  // A mapping of our own copy, because a sandboxed worker may read no files.
  const Mapping table = TRY(Mapping::shared(file, bytes));
  std::memcpy(runs.data(), table.data(), bytes);
  return runs;
}

}  // namespace vgpu
