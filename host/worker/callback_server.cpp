// SPDX-License-Identifier: Apache-2.0
#include "host/worker/callback_server.h"

#include <algorithm>
#include <system_error>

#include "common/spin.h"
#include "host/worker/own_threads.h"

namespace vgpu::host {
namespace {

// A guest in a VM wakes nobody when its function has run.
constexpr std::chrono::microseconds kFirstLook{50}, kLastLook{1000};

}  // namespace

CallbackServer::~CallbackServer() {
  if (thread_.joinable()) thread_.join();
}

bool CallbackServer::start() {
  const std::lock_guard lock(mutex_);
  try {
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void CallbackServer::work() {
  count_as_ours();
  // The guest's counter is its own to write, so the number is kept here.
  uint32_t number = header_.callbacks_given.load(std::memory_order_relaxed);
  while (const std::optional<Callbacks::Request> next = callbacks_.next()) {
    header_.callback = next->request;
    header_.callbacks_given.store(++number, std::memory_order_release);
    waker_.wake(header_.callbacks_given);
    wait_until_done(number);
    callbacks_.done(next->id);
  }
}

void CallbackServer::wait_until_done(uint32_t number) const {
  Spinner spinner;
  std::chrono::microseconds look = kFirstLook;
  for (;;) {
    const uint32_t done = header_.callbacks_done.load(std::memory_order_acquire);
    if (done == number || callbacks_.is_closed()) return;
    if (spinner.spin()) continue;
    futex::wait(header_.callbacks_done, done, look);
    look = std::min(look * 2, kLastLook);
  }
}

}  // namespace vgpu::host
