// SPDX-License-Identifier: Apache-2.0
// What CUDA keeps per thread: the context stack, the meaning of the NULL stream during a call, whether a host
// callback runs, and the stream-capture mode. Used by every entry point; only ever touched by its own thread.
#pragma once

#include <vector>

#include "softgpu/driver/context.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

struct ThreadState {
  std::vector<Ref<Context>> contexts;  // top of the stack is the current one
  CUstreamCaptureMode capture_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  // Identifies this thread in the contexts' tables of per-thread default streams.
  uint64_t id = 0;
  std::vector<Ref<Context>> streams_in;  // contexts in which this thread has a default stream of its own

  ThreadState();
  ~ThreadState();
};

ThreadState& thread_state() noexcept;

// True while a _ptds or _ptsz entry point runs: the NULL stream is then the thread's own default stream.
bool null_stream_is_per_thread() noexcept;

class PerThreadDefaultStream {
 public:
  PerThreadDefaultStream() noexcept;
  ~PerThreadDefaultStream();
  PerThreadDefaultStream(const PerThreadDefaultStream&) = delete;
  PerThreadDefaultStream& operator=(const PerThreadDefaultStream&) = delete;

 private:
  const bool before_;
};

// True while this thread runs a function given to cuLaunchHostFunc: calls that need a context are then refused.
bool inside_host_function() noexcept;

class HostFunctionScope {
 public:
  HostFunctionScope() noexcept;
  ~HostFunctionScope();
  HostFunctionScope(const HostFunctionScope&) = delete;
  HostFunctionScope& operator=(const HostFunctionScope&) = delete;
};

}  // namespace vgpu::soft
