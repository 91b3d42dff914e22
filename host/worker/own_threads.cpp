// SPDX-License-Identifier: Apache-2.0
#include "host/worker/own_threads.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

namespace vgpu::host {
namespace {

struct Ours {
  std::mutex mutex;  // guards the rest
  std::vector<clockid_t> clocks;
  uint64_t most = 0;
};

Ours& ours() {
  static Ours* const all = std::make_unique<Ours>().release();  // Threads outlive static objects.
  return *all;
}

uint64_t read_clock(clockid_t clock) {
  timespec time = {};
  if (::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

}  // namespace

void count_as_ours() {
  clockid_t clock = {};
  if (::pthread_getcpuclockid(::pthread_self(), &clock) != 0) return;
  Ours& all = ours();
  const std::lock_guard lock(all.mutex);
  all.clocks.push_back(clock);
}

uint64_t time_of_others() {
  Ours& all = ours();
  const std::lock_guard lock(all.mutex);
  // The whole first: what is read later is larger, and the difference must not be.
  const uint64_t whole = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  uint64_t own = 0;
  for (const clockid_t clock : all.clocks) own += read_clock(clock);
  all.most = std::max(all.most, whole - std::min(whole, own));
  return all.most;
}

}  // namespace vgpu::host
