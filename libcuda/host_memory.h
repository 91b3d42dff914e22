// SPDX-License-Identifier: Apache-2.0
// HostMemory: host pages of this program that both sides map at the same address: cuMemHostAlloc, cuMemHostRegister,
// cuMemAllocManaged. Knows which addresses they are, so that copies and pointer queries need not ask. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "libcuda/transport.h"

namespace vgpu::guest {

enum class HostKind { allocated, registered, managed };

struct HostRange {
  uint64_t address = 0;
  uint64_t bytes = 0;  // as the program asked
  HostKind kind = HostKind::allocated;
  unsigned flags = 0;  // as the program gave them
};

class HostMemory {
 public:
  explicit HostMemory(Transport& transport) : transport_(transport) {}

  // New pages; the address, which the program gets.
  Result<uint64_t> allocate(uint64_t bytes, HostKind kind, unsigned flags);
  // Shares the pages around [address, address + bytes). A range that begins where a live one does is refused.
  Result<void> share(uint64_t address, uint64_t bytes, HostKind kind, unsigned flags);
  // Shares the pages around [address, address + bytes) for a graph's copies. Nobody says when the program gives the
  // memory back, so it goes on counting as ordinary memory, and is shared anew when it is asked for again.
  Result<void> stage(uint64_t address, uint64_t bytes);
  // Pages of the worker that it has permitted to be taken over become this program's as well, for good.
  Result<void> adopt(uint64_t address, uint64_t bytes);
  // The driver uses these addresses for something new: managed variables there went with their module or context. Their
  // pages stay shared, for the driver keeps them where they are.
  void forget_managed(uint64_t address, uint64_t bytes);
  // Gives up the range that begins at `address`.
  void release(uint64_t address);

  // The range that begins at `address`, or contains [address, address + bytes).
  std::optional<HostRange> starting_at(uint64_t address) const;
  std::optional<HostRange> containing(uint64_t address, uint64_t bytes) const;
  bool overlaps(uint64_t address, uint64_t bytes) const;

 private:
  // Pages shared in place, as runs that registrations use together: two of them may meet on one page.
  struct Run {
    uint64_t end = 0;
    int users = 0;
    bool staged = false;  // for graphs alone
  };
  struct Span {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  enum class How { share, stage, adopt };
  Result<void> share_pages(uint64_t begin, uint64_t end, How how);
  Result<void> share_runs(uint64_t begin, uint64_t end, How how);
  void unshare_pages(uint64_t begin, uint64_t end);
  // What was staged of these pages is forgotten where the program has other memory there by now, or may have. A run
  // goes as a whole; `left` gets what of it lies outside and may still be in use by a graph.
  void drop_staged(uint64_t begin, uint64_t end, std::vector<Span>& left);

  Transport& transport_;
  mutable std::shared_mutex mutex_;  // guards all below
  std::map<uint64_t, HostRange> ranges_;
  std::map<uint64_t, Run> runs_;
};

}  // namespace vgpu::guest
