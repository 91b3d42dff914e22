// SPDX-License-Identifier: Apache-2.0
// ThreadState: what the library keeps for one thread of the program: its number on the wire, its stack of current
// contexts, reused buffers. Belongs to its thread. The pointer to it is trivially destructible, because runtimes call
// in from exit handlers, after a thread's own destructors have run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "common/face/cuda_api.h"
#include "libcuda/idle_streams.h"
#include "libcuda/known_strangers.h"

namespace vgpu::guest {

class Context;

struct ThreadState {
  uint32_t id = 0;
  std::vector<Context*> contexts;  // the stack; the last one is current
  bool in_callback = false;        // inside a host function: CUDA calls are not permitted
  bool per_thread_stream = false;  // inside a _ptds or _ptsz entry point
  CUstreamCaptureMode capture_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  int captures = 0;                       // begun by this thread and not relaxed
  std::vector<uint64_t> global_captures;  // the streams of those in global mode
  uint32_t answered_here = 0;             // calls that needed no worker, and that it has not been told of
  IdleStreams idle;
  KnownStrangers strangers;
  std::vector<std::byte> request, reply;  // buffers; valid until the next call of this thread

  Context* current() const { return contexts.empty() ? nullptr : contexts.back(); }
  // For Session::count_answered.
  uint32_t take_answered() { return std::exchange(answered_here, 0); }
};

// The calling thread's state, made on first use.
ThreadState& thread_state();

// Marks the calling thread as being inside a per-thread-stream entry point.
class FlavourScope {
 public:
  explicit FlavourScope(bool per_thread) : state_(thread_state()), before_(state_.per_thread_stream) {
    state_.per_thread_stream = per_thread;
  }
  ~FlavourScope() { state_.per_thread_stream = before_; }
  FlavourScope(const FlavourScope&) = delete;
  FlavourScope& operator=(const FlavourScope&) = delete;

 private:
  ThreadState& state_;
  const bool before_;
};

}  // namespace vgpu::guest
