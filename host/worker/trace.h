// SPDX-License-Identifier: Apache-2.0
// Trace: writes a record of each CUDA call into a pipe while somebody at its other end reads (vgpu/trace.h). What the
// pipe has no room for is left out, and the gap shows in the numbers: a program never waits for the one who watches.
// Thread-safe. While it is off, on() is all that it costs.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>

#include "common/face/cuda_api.h"
#include "common/fd.h"

namespace vgpu::host {

class Invocation;

class Trace {
 public:
  bool on() const { return on_.load(std::memory_order_relaxed); }
  // Now, in the same nanoseconds as `taken` below; never 0.
  static uint64_t now();

  // `pipe`: its writing end, which does not block. Replaces the one before.
  void start(UniqueFd pipe);
  // A call that was carried out; `taken`: when the worker got it. Private commands are no calls.
  void record(Invocation& invocation, uint64_t taken, CUresult result, std::span<const std::byte> reply);

 private:
  std::atomic<bool> on_{false};
  std::mutex mutex_;  // guards what follows
  UniqueFd pipe_;
  uint64_t begin_ = 0;
  uint64_t next_number_ = 0;
};

}  // namespace vgpu::host
