// SPDX-License-Identifier: Apache-2.0
// MemoryMap: which bytes of this process a kernel may touch. The driver adds every device allocation, mapped host
// range and managed range; the machine checks each global access against it, so no address that a kernel makes up
// reaches other memory. A generic address of global memory is the host virtual address.
// Thread-safe. Before a range is removed its owner makes sure that no kernel still uses it (cuMemFree synchronises);
// `epoch` changes with every removal, and the machine then forgets what it has cached.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>

namespace vgpu::soft {

struct Range {
  uint64_t begin = 0;  // address of the first byte
  uint64_t size = 0;   // bytes, not zero
  bool writable = true;

  uint64_t end() const { return begin + size; }
};

class MemoryMap {
 public:
  // Makes [begin, begin + size) accessible. False when it is empty, wraps around, or overlaps a present range.
  bool add(uint64_t begin, uint64_t size, bool writable);

  // Takes the range that begins at `begin` out. False when there is none.
  bool remove(uint64_t begin);

  // The range that contains `address`.
  std::optional<Range> find(uint64_t address) const;

  // Changes whenever a range that was found before may be gone.
  const std::atomic<uint64_t>& epoch() const { return epoch_; }

 private:
  mutable std::shared_mutex mutex_;
  std::map<uint64_t, Range> ranges_;  // by begin; guarded by mutex_
  std::atomic<uint64_t> epoch_{1};
};

}  // namespace vgpu::soft
