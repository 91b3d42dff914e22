// SPDX-License-Identifier: Apache-2.0
// SessionMemory: one side's mapping of a session's shared memory, with the command ring mapped twice in a row so that
// a command never wraps. Both the guest library and the worker use it; the constants are ring.h's, so nothing that
// the other side could change decides where an access goes. Immutable after create, usable from any thread.
#pragma once

#include "common/fd.h"
#include "common/file_run.h"
#include "vgpu/ring.h"

namespace vgpu {

class SessionMemory {
 public:
  // Maps a memory file of ring::kTotalBytes. Fails when it is smaller.
  static Result<SessionMemory> map(int fd);
  // Maps runs of `fd` that are ring::kTotalBytes in all.
  static Result<SessionMemory> map(int fd, std::span<const FileRun> runs);
  // Maps through a device's file, whose offset 0 is the session's memory.
  static Result<SessionMemory> map_device(int fd);

  // Writes a fresh header. For whoever creates the memory.
  void initialise() const;
  // Whether the header says what this build understands.
  Result<void> check() const;

  ring::Header& header() const;
  ring::ReplySlot& slot(uint32_t index) const;  // index < kReplySlots
  std::byte* chunk(uint32_t index) const;       // index < kChunks; kChunkBytes long
  // Memory of the command at a ring position; kRingUnits units from there are contiguous.
  std::byte* units(uint64_t position) const;
  // A page of the ring, or of its second view.
  std::byte* ring_page(uint64_t index) const;  // index < 2 * kRingBytes / kPage

 private:
  explicit SessionMemory(Mapping mapping) : mapping_(std::move(mapping)) {}
  Mapping mapping_;
};

}  // namespace vgpu
