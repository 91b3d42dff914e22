// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/thread_state.h"

#include <atomic>

namespace vgpu::soft {
namespace {

thread_local bool per_thread_null_stream = false;
thread_local bool in_host_function = false;

}  // namespace

ThreadState::ThreadState() {
  static std::atomic<uint64_t> next{1};
  id = next.fetch_add(1, std::memory_order_relaxed);
}

ThreadState::~ThreadState() {
  for (const Ref<Context>& context : streams_in) context->forget_thread(id);
}

ThreadState& thread_state() noexcept {
  static thread_local ThreadState state;
  return state;
}

bool null_stream_is_per_thread() noexcept { return per_thread_null_stream; }

PerThreadDefaultStream::PerThreadDefaultStream() noexcept : before_(per_thread_null_stream) {
  per_thread_null_stream = true;
}
PerThreadDefaultStream::~PerThreadDefaultStream() { per_thread_null_stream = before_; }

bool inside_host_function() noexcept { return in_host_function; }
HostFunctionScope::HostFunctionScope() noexcept { in_host_function = true; }
HostFunctionScope::~HostFunctionScope() { in_host_function = false; }

}  // namespace vgpu::soft
