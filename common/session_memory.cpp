// SPDX-License-Identifier: Apache-2.0
#include "common/session_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

namespace vgpu {

Result<SessionMemory> SessionMemory::map(int fd) {
  struct stat about = {};
  if (::fstat(fd, &about) != 0) return Error::from_errno("cannot look at the session's memory");
  if (static_cast<uint64_t>(about.st_size) < ring::kTotalBytes)
    return Error{"the session's memory is smaller than its format needs"};

  return map_device(fd);
}

Result<SessionMemory> SessionMemory::map_device(int fd) {
  const FileRun whole = {0, ring::kTotalBytes};
  return map(fd, {&whole, 1});
}

Result<SessionMemory> SessionMemory::map(int fd, std::span<const FileRun> runs) {
  if (total_bytes(runs) != ring::kTotalBytes) return Error{"the session's memory has not the size of its format"};
  // Reserve room for everything plus the ring's second view, then place the two views.
  const size_t span = ring::kTotalBytes + ring::kRingBytes;
  void* base = ::mmap(nullptr, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return Error::from_errno("cannot reserve address space for the session");
  Mapping mapping(base, span);
  int error = map_runs(mapping.data(), fd, runs);
  if (error == 0)
    error = map_runs(mapping.data() + ring::kTotalBytes, fd, slice_runs(runs, ring::kRingOffset, ring::kRingBytes));
  if (error != 0) return Error::from_errno("cannot map the session's memory", error);
  // A forked child must not share its parent's ring.
  static_cast<void>(::madvise(mapping.data(), span, MADV_DONTFORK));
  return SessionMemory(std::move(mapping));
}

void SessionMemory::initialise() const {
  ring::Header& h = header();
  h.magic = ring::kMagic;
  h.format = ring::kFormat;
  h.total_bytes = ring::kTotalBytes;
  h.slots_offset = ring::kSlotsOffset;
  h.window_offset = ring::kWindowOffset;
  h.ring_offset = ring::kRingOffset;
  h.ring_bytes = ring::kRingBytes;
  h.slot_count = ring::kReplySlots;
  h.chunk_count = ring::kChunks;
}

Result<void> SessionMemory::check() const {
  const ring::Header& h = header();
  if (h.magic != ring::kMagic || h.format != ring::kFormat || h.total_bytes != ring::kTotalBytes)
    return Error{"the other side speaks ring format " + std::to_string(h.format) + ", this one speaks " +
                 std::to_string(ring::kFormat) + ": install the same version on both sides"};
  return {};
}

// SAFETY (all casts below): the mapping is kTotalBytes + kRingBytes long, page-aligned, and the offsets are constants.
ring::Header& SessionMemory::header() const { return *reinterpret_cast<ring::Header*>(mapping_.data()); }

ring::ReplySlot& SessionMemory::slot(uint32_t index) const {
  return *reinterpret_cast<ring::ReplySlot*>(mapping_.data() + ring::kSlotsOffset + index * ring::kSlotBytes);
}

std::byte* SessionMemory::chunk(uint32_t index) const {
  return mapping_.data() + ring::kWindowOffset + index * ring::kChunkBytes;
}

std::byte* SessionMemory::units(uint64_t position) const {
  return mapping_.data() + ring::kRingOffset + (position % ring::kRingUnits) * ring::kUnit;
}

std::byte* SessionMemory::ring_page(uint64_t index) const {
  return mapping_.data() + ring::kRingOffset + index * ring::kPage;
}

}  // namespace vgpu
