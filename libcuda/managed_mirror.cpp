// SPDX-License-Identifier: Apache-2.0
#include "libcuda/managed_mirror.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "common/bits.h"
#include "common/codec/bytes.h"
#include "common/pages.h"
#include "libcuda/context.h"
#include "libcuda/thread.h"

namespace vgpu::guest {
namespace {

std::byte* pages(uint64_t address) { return from_bits<std::byte*>(address); }

// In the range's context, or in the thread's where the variable was found without one.
Message message(uint16_t opcode, uint64_t context, const std::vector<std::byte>& payload) {
  const ThreadState& thread = thread_state();
  const Context* current = thread.current();
  if (context == 0 && current != nullptr && current->alive()) context = current->handle();
  return {opcode, 0, thread.id, context, payload};
}

// The first byte from `at` on that differs, or does not, in two runs of the same size.
size_t next(bool differing, const std::byte* mine, const std::byte* known, size_t at, size_t size) {
  while (at < size && (mine[at] != known[at]) != differing) ++at;
  return at;
}

}  // namespace

CUresult ManagedMirror::read(const Range& owner, uint64_t begin, uint64_t bytes, std::vector<std::byte>& content) {
  std::vector<std::byte> payload;
  codec::Writer writer(payload);
  writer.put(owner.variable);
  writer.put(begin);
  writer.put(bytes);
  const CUresult status = session_.call(message(wire::kManagedRead, owner.context, payload), content);
  return status == CUDA_SUCCESS && content.size() != bytes ? CUDA_ERROR_UNKNOWN : status;
}

CUresult ManagedMirror::add_gap(const Range& owner, uint64_t begin, uint64_t end) {
  Range range = {owner.variable, owner.context, {}};
  if (const CUresult status = read(owner, begin, end - begin, range.shadow); status != CUDA_SUCCESS) return status;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  void* const got = ::mmap(pages(begin), end - begin, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (got == MAP_FAILED) return CUDA_ERROR_OPERATING_SYSTEM;
  // A kernel that does not know the flag maps elsewhere.
  if (got != pages(begin)) {
    ::munmap(got, end - begin);
    return CUDA_ERROR_OPERATING_SYSTEM;
  }
  std::memcpy(got, range.shadow.data(), end - begin);
  ranges_[begin] = std::move(range);
  return CUDA_SUCCESS;
}

CUresult ManagedMirror::add(uint64_t context, uint64_t variable, uint64_t bytes) {
  const uint64_t end = page_up(variable + bytes);
  uint64_t at = page_down(variable);
  const Range owner = {variable, context, {}};
  const std::lock_guard lock(mutex_);
  while (at < end) {
    const auto after = ranges_.upper_bound(at);
    const uint64_t stop = after == ranges_.end() ? end : std::min(end, after->first);
    if (after != ranges_.begin()) {
      auto& [begin, there] = *std::prev(after);
      if (at < begin + there.shadow.size()) {
        // The variable that was here before may be gone.
        there.variable = variable;
        there.context = context;
        at = begin + there.shadow.size();
        continue;
      }
    }
    if (const CUresult status = add_gap(owner, at, stop); status != CUDA_SUCCESS) return status;
    at = stop;
  }
  session_.keep_coherent(*this);
  return CUDA_SUCCESS;
}

bool ManagedMirror::send_changes(uint64_t begin, Range& range) {
  const std::byte* const mine = pages(begin);
  std::byte* const known = range.shadow.data();
  const size_t size = range.shadow.size();
  if (std::memcmp(mine, known, size) == 0) return true;
  std::vector<std::byte> payload;
  codec::Writer writer(payload);
  writer.put(range.variable);
  for (size_t at = next(true, mine, known, 0, size); at < size; at = next(true, mine, known, at, size)) {
    const size_t stop = next(false, mine, known, at, size);
    // Another thread of the program may be writing: what is sent is what is known afterwards.
    std::memcpy(known + at, mine + at, stop - at);
    writer.put(begin + at);
    writer.put(uint64_t{stop - at});
    writer.bytes(known + at, stop - at);
    at = stop;
  }
  return session_.post(message(wire::kManagedWrite, range.context, payload)) == CUDA_SUCCESS;
}

// False: the variable is gone, or the session.
bool ManagedMirror::take_changes(uint64_t begin, Range& range) {
  std::vector<std::byte> theirs;
  if (read(range, begin, range.shadow.size(), theirs) != CUDA_SUCCESS) return false;
  std::byte* const known = range.shadow.data();
  for (size_t at = next(true, theirs.data(), known, 0, theirs.size()); at < theirs.size();
       at = next(true, theirs.data(), known, at, theirs.size())) {
    const size_t stop = next(false, theirs.data(), known, at, theirs.size());
    std::memcpy(known + at, theirs.data() + at, stop - at);
    std::memcpy(pages(begin) + at, theirs.data() + at, stop - at);
    at = stop;
  }
  return true;
}

void ManagedMirror::before_command() {
  const std::lock_guard lock(mutex_);
  for (auto& [begin, range] : ranges_)
    if (!send_changes(begin, range)) return;
}

void ManagedMirror::after_answer() {
  const std::lock_guard lock(mutex_);
  for (auto at = ranges_.begin(); at != ranges_.end();) {
    auto& [begin, range] = *at;
    if (take_changes(begin, range)) {
      ++at;
      continue;
    }
    if (session_.is_lost()) return;
    // As in the driver, the variable's memory goes with its module.
    ::munmap(pages(begin), range.shadow.size());
    at = ranges_.erase(at);
  }
}

}  // namespace vgpu::guest
