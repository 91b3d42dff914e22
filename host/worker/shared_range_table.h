// SPDX-License-Identifier: Apache-2.0
// SharedRangeTable: the address ranges that guest and worker both map at the same address, as the control channel
// mapped them. The core asks it before it lets the driver touch a host pointer that a guest named. Thread-safe.
#pragma once

#include <map>
#include <set>
#include <shared_mutex>
#include <span>

#include "common/file_run.h"
#include "host/worker/core.h"

namespace vgpu::host {

class SharedRangeTable final : public SharedRanges {
 public:
  // Whether every byte is shared; adjacent ranges count as one. An empty range is contained nowhere.
  bool contains(uint64_t address, uint64_t size) const override;

  // Maps `runs` of `file`, in all `size` bytes, at exactly `address`. Returns an errno: EEXIST when something is there.
  int map(int file, std::span<const FileRun> runs, uint64_t address, uint64_t size);
  // The same over pages that are there and were permitted; their content goes into the file first.
  int adopt(int file, std::span<const FileRun> runs, uint64_t address, uint64_t size);
  void permit_adoption(uint64_t address, uint64_t size) override;
  // Takes away a range as it was mapped. Returns an errno: EPERM for adopted pages, which are the driver's own.
  int unmap(uint64_t address, uint64_t size);

 private:
  mutable std::shared_mutex mutex_;         // guards all below
  std::map<uint64_t, uint64_t> sizes_;      // by address; never overlapping
  std::map<uint64_t, uint64_t> permitted_;  // by address: pages that may be adopted
  std::set<uint64_t> adopted_;              // addresses of sizes_ that were
};

}  // namespace vgpu::host
