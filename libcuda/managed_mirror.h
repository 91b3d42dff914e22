// SPDX-License-Identifier: Apache-2.0
// ManagedMirror: managed variables of a driver whose managed memory no other process can map. The program has pages of
// its own at the same addresses. What it wrote there goes to the worker before the next command does; what the device
// wrote comes back after every answer, for an answer may be all that a program waits for. Both are told from a shadow
// of what both sides knew last, byte by byte, so neither undoes the other's. Its cost is paid by programs that have
// such variables. CUDA programming guide: Unified Memory Programming. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "libcuda/session.h"

namespace vgpu::guest {

class ManagedMirror final : public Coherence {
 public:
  explicit ManagedMirror(Session& session) : session_(session) {}

  // Mirrors the pages of [variable, variable + bytes), which `context` (a wire handle) sees. CUDA_ERROR_NOT_SUPPORTED:
  // the worker's pages can be taken over instead; CUDA_ERROR_OPERATING_SYSTEM: something else is at that address here.
  CUresult add(uint64_t context, uint64_t variable, uint64_t bytes);

  void before_command() override;
  void after_answer() override;

 private:
  struct Range {
    uint64_t variable = 0;  // a managed variable in these pages: while the driver knows it, they can be read
    uint64_t context = 0;   // 0: it was found without one
    std::vector<std::byte> shadow;
  };

  CUresult add_gap(const Range& owner, uint64_t begin, uint64_t end);
  CUresult read(const Range& owner, uint64_t begin, uint64_t bytes, std::vector<std::byte>& content);
  bool send_changes(uint64_t begin, Range& range);
  bool take_changes(uint64_t begin, Range& range);

  Session& session_;
  std::mutex mutex_;                  // guards the following
  std::map<uint64_t, Range> ranges_;  // by address of the first page; never overlapping
};

}  // namespace vgpu::guest
