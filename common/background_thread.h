// SPDX-License-Identifier: Apache-2.0
// Threads that a library of ours has in somebody else's program: the program's signals are for the program's own
// threads, and where no thread can be started the program goes on.
#pragma once

#include <pthread.h>

#include <csignal>
#include <memory>
#include <utility>

namespace vgpu {

// Calls work() on a thread that nobody waits for. False where none can be started. `name`: at most 15 letters.
template <class Work>
bool start_background_thread(const char* name, Work work) {
  auto own = std::make_unique<Work>(std::move(work));
  const auto body = [](void* argument) -> void* {
    const std::unique_ptr<Work> mine(static_cast<Work*>(argument));
    (*mine)();
    return nullptr;
  };
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const bool started = pthread_create(&thread, nullptr, body, own.get()) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (!started) return false;
  static_cast<void>(own.release());  // The thread has it.
  pthread_setname_np(thread, name);
  pthread_detach(thread);
  return true;
}

}  // namespace vgpu
