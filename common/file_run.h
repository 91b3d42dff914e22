// SPDX-License-Identifier: Apache-2.0
// FileRun: a piece of a file that is somebody's memory. A guest's pages are many such runs of its machine's memory
// file; memory that the daemon or a program made itself is one run of a file of its own. Stateless; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/fd.h"
#include "common/result.h"

namespace vgpu {

// Bytes; both are multiples of the page size.
struct FileRun {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  friend bool operator==(const FileRun&, const FileRun&) = default;
};

// Their sum; 0 when it overflows.
uint64_t total_bytes(std::span<const FileRun> runs);

// `bytes` bytes of the runs, after the first `skip`.
std::vector<FileRun> slice_runs(std::span<const FileRun> runs, uint64_t skip, uint64_t bytes);

// Maps the runs one after another from `address` on, over whatever is there: the caller has reserved it. Shared,
// readable and writable. Returns an errno; then some of it may be mapped.
int map_runs(void* address, int file, std::span<const FileRun> runs);

// A memory file that holds the runs, for another process to read.
Result<UniqueFd> write_run_table(std::span<const FileRun> runs);
// At most `count` are expected; another number is an error.
Result<std::vector<FileRun>> read_run_table(int file, uint64_t count);

}  // namespace vgpu
