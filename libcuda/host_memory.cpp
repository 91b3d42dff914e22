// SPDX-License-Identifier: Apache-2.0
#include "libcuda/host_memory.h"

#include <algorithm>
#include <vector>

#include "common/bits.h"
#include "common/pages.h"

namespace vgpu::guest {

Result<uint64_t> HostMemory::allocate(uint64_t bytes, HostKind kind, unsigned flags) {
  void* pages = TRY(transport_.allocate_shared(page_up(bytes)));
  const uint64_t address = bits_of(pages);
  const std::unique_lock lock(mutex_);
  ranges_[address] = {address, bytes, kind, flags};
  return address;
}

Result<void> HostMemory::share(uint64_t address, uint64_t bytes, HostKind kind, unsigned flags) {
  const std::unique_lock lock(mutex_);
  if (ranges_.contains(address)) return Error{"a registered range begins at this address already"};
  TRY(share_pages(page_down(address), page_up(address + bytes), How::share));
  ranges_[address] = {address, bytes, kind, flags};
  return {};
}

Result<void> HostMemory::stage(uint64_t address, uint64_t bytes) {
  const std::unique_lock lock(mutex_);
  return share_pages(page_down(address), page_up(address + bytes), How::stage);
}

Result<void> HostMemory::adopt(uint64_t address, uint64_t bytes) {
  const std::unique_lock lock(mutex_);
  if (ranges_.contains(address)) return {};
  TRY(share_pages(page_down(address), page_up(address + bytes), How::adopt));
  ranges_[address] = {address, bytes, HostKind::managed, 0};
  return {};
}

void HostMemory::forget_managed(uint64_t address, uint64_t bytes) {
  const std::unique_lock lock(mutex_);
  auto range = ranges_.upper_bound(address);
  if (range != ranges_.begin()) --range;
  while (range != ranges_.end() && range->first < address + bytes) {
    const bool gone = range->second.kind == HostKind::managed && range->first + range->second.bytes > address;
    range = gone ? ranges_.erase(range) : std::next(range);
  }
}

// Two buffers of graphs may meet on a page, so of a run that goes the rest is staged again.
Result<void> HostMemory::share_pages(uint64_t begin, uint64_t end, How how) {
  std::vector<Span> left;
  drop_staged(begin, end, left);
  Result<void> shared = share_runs(begin, end, how);
  // Where that fails the memory is gone, and no graph can use it any more.
  for (const Span& rest : left) static_cast<void>(share_runs(rest.begin, rest.end, How::stage).ok());
  return shared;
}

Result<void> HostMemory::share_runs(uint64_t begin, uint64_t end, How how) {
  std::vector<uint64_t> added;
  std::vector<uint64_t> joined;
  uint64_t at = begin;
  const auto undo = [&] {
    for (const uint64_t run : added) {
      transport_.unshare_in_place(from_bits<void*>(run), runs_[run].end - run);
      runs_.erase(run);
    }
    for (const uint64_t run : joined) --runs_[run].users;
  };
  while (at < end) {
    // A run that covers `at` is used together; otherwise everything up to the next run is new.
    auto next = runs_.upper_bound(at);
    if (next != runs_.begin()) {
      auto& [first, run] = *std::prev(next);
      if (run.end > at) {
        // Graphs together are one user.
        if (how != How::stage || !run.staged) {
          ++run.users;
          joined.push_back(first);
        }
        at = run.end;
        continue;
      }
    }
    const uint64_t stop = next == runs_.end() ? end : std::min(end, next->first);
    void* const first = from_bits<void*>(at);
    Result<void> shared =
        how == How::adopt ? transport_.adopt(first, stop - at) : transport_.share_in_place(first, stop - at);
    if (!shared.ok()) {
      undo();
      return shared.error();
    }
    runs_[at] = {stop, 1, how == How::stage};
    added.push_back(at);
    at = stop;
  }
  return {};
}

// The memory may be gone, and another's now: only the worker is told.
void HostMemory::drop_staged(uint64_t begin, uint64_t end, std::vector<Span>& left) {
  auto run = runs_.upper_bound(begin);
  if (run != runs_.begin()) --run;
  while (run != runs_.end() && run->first < end) {
    const Span span = {run->first, run->second.end};
    // Memory that is registered as well is the program's until it says otherwise.
    const bool droppable = span.end > begin && run->second.staged && run->second.users == 1;
    if (!droppable || transport_.are_in_place(from_bits<void*>(span.begin), span.end - span.begin).value_or(false)) {
      ++run;
      continue;
    }
    for (const Span& rest : {Span{span.begin, begin}, Span{end, span.end}}) {
      if (rest.begin >= rest.end) continue;
      if (transport_.are_in_place(from_bits<void*>(rest.begin), rest.end - rest.begin).value_or(true))
        left.push_back(rest);
    }
    transport_.forget_shared(from_bits<void*>(span.begin), span.end - span.begin);
    run = runs_.erase(run);
  }
}

void HostMemory::unshare_pages(uint64_t begin, uint64_t end) {
  auto run = runs_.upper_bound(begin);
  if (run != runs_.begin()) --run;
  while (run != runs_.end() && run->first < end) {
    if (run->second.end <= begin || --run->second.users > 0) {
      ++run;
      continue;
    }
    transport_.unshare_in_place(from_bits<void*>(run->first), run->second.end - run->first);
    run = runs_.erase(run);
  }
}

void HostMemory::release(uint64_t address) {
  const std::unique_lock lock(mutex_);
  const auto found = ranges_.find(address);
  if (found == ranges_.end()) return;
  const HostRange range = found->second;
  ranges_.erase(found);
  if (range.kind == HostKind::registered) unshare_pages(page_down(range.address), page_up(range.address + range.bytes));
  else transport_.release_shared(from_bits<void*>(range.address), page_up(range.bytes));
}

std::optional<HostRange> HostMemory::starting_at(uint64_t address) const {
  const std::shared_lock lock(mutex_);
  const auto found = ranges_.find(address);
  return found == ranges_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<HostRange> HostMemory::containing(uint64_t address, uint64_t bytes) const {
  const std::shared_lock lock(mutex_);
  auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) return std::nullopt;
  const HostRange& range = std::prev(after)->second;
  const uint64_t skip = address - range.address;
  if (skip >= range.bytes || bytes > range.bytes - skip) return std::nullopt;
  return range;
}

bool HostMemory::overlaps(uint64_t address, uint64_t bytes) const {
  const std::shared_lock lock(mutex_);
  const auto after = ranges_.lower_bound(address + bytes);
  if (after == ranges_.begin()) return false;
  const HostRange& range = std::prev(after)->second;
  return range.address + range.bytes > address;
}

}  // namespace vgpu::guest
