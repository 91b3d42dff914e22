// SPDX-License-Identifier: Apache-2.0
// Waker: how the worker wakes guest threads that sleep on a word of the session's memory: a futex where guest and
// worker share a kernel, the wake event (which the daemon turns into an interrupt) where the guest is in a VM. There
// the guest's kernel module looks itself at what its sleepers wait for. Thread-safe.
#pragma once

#include <unistd.h>

#include <atomic>

#include "common/futex.h"

namespace vgpu::host {

class Waker {
 public:
  static Waker local() { return Waker(-1); }
  // `event`: an eventfd, borrowed.
  static Waker remote(int event) { return Waker(event); }

  void wake(const std::atomic<uint32_t>& word) const {
    if (event_ < 0) return futex::wake_all(word);
    const uint64_t one = 1;
    static_cast<void>(!::write(event_, &one, sizeof one));
  }

 private:
  explicit Waker(int event) : event_(event) {}
  int event_;
};

}  // namespace vgpu::host
