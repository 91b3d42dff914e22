// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/thread_state.h"

#include <pthread.h>
#include <atomic>

namespace vgpu::soft {
namespace {

thread_local bool per_thread_null_stream = false;
thread_local bool in_host_function = false;

// A pointer without a destructor, and a key that deletes what it points to. A thread_local object would be gone when
// the main thread's exit handlers run, and runtimes call the driver from those; a key's destructor runs for threads
// that end, not for a process that does.
thread_local ThreadState* own_state = nullptr;

pthread_key_t state_key() {
  static const pthread_key_t key = [] {
    pthread_key_t made{};
    pthread_key_create(&made, [](void* state) {
      delete static_cast<ThreadState*>(state);
      own_state = nullptr;  // Another key's destructor may call the driver and gets a new one.
    });
    return made;
  }();
  return key;
}

}  // namespace

ThreadState::ThreadState() {
  static std::atomic<uint64_t> next{1};
  id = next.fetch_add(1, std::memory_order_relaxed);
}

ThreadState::~ThreadState() {
  for (const Ref<Context>& context : streams_in) context->forget_thread(id);
}

ThreadState& thread_state() noexcept {
  if (own_state == nullptr) {
    own_state = new ThreadState;
    pthread_setspecific(state_key(), own_state);
  }
  return *own_state;
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
