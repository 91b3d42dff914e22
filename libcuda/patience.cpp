// SPDX-License-Identifier: Apache-2.0
#include "libcuda/patience.h"

#include "libcuda/invoke.h"

namespace vgpu::guest {

std::chrono::microseconds patience(const Admitted& admitted) {
  // As long as the worker stays awake for who waits (host/worker/guest_wait.h). Of what takes longer, to wake up is a
  // small part.
  constexpr std::chrono::milliseconds kPatience(50);
  const Context* const current = admitted.thread->current();
  const bool blocks =
      current == nullptr || (current->flags.load(std::memory_order_relaxed) & CU_CTX_SCHED_BLOCKING_SYNC) != 0;
  return blocks || admitted.process->computes_on_processors() ? std::chrono::microseconds(0) : kPatience;
}

}  // namespace vgpu::guest
