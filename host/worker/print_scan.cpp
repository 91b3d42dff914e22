// SPDX-License-Identifier: Apache-2.0
#include "host/worker/print_scan.h"

#include <algorithm>
#include <numeric>
#include <system_error>

#include "host/worker/handle_table.h"
#include "host/worker/own_threads.h"
#include "host/worker/printing.h"

namespace vgpu::host {

PrintScan::~PrintScan() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void PrintScan::add(uint64_t wire, const Images& images) {
  const size_t bytes = std::accumulate(images.begin(), images.end(), size_t{0},
                                       [](size_t sum, const auto& image) { return sum + image.size(); });
  if (images.empty() || bytes > kMostWaiting) return;
  Code code{wire, {}, bytes};
  {
    const std::lock_guard lock(mutex_);
    if (bytes > kMostWaiting - bytes_ || !has_thread()) return;
    bytes_ += bytes;
  }
  for (const auto& image : images) code.images.emplace_back(image.begin(), image.end());
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(code));
  changed_.notify_all();
}

// False where none can be started.
bool PrintScan::has_thread() {
  try {
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void PrintScan::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty(); });
}

void PrintScan::work() {
  count_as_ours();
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (stopping_) return;
    // Elements of a deque stay where they are while others are added behind them.
    const Code& code = waiting_.front();
    lock.unlock();
    if (std::none_of(code.images.begin(), code.images.end(), [](const auto& image) { return may_print(image); }))
      handles_.set_silent(code.wire);
    lock.lock();
    bytes_ -= code.bytes;
    waiting_.pop_front();
    changed_.notify_all();
  }
}

}  // namespace vgpu::host
