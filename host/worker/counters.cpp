// SPDX-License-Identifier: Apache-2.0
#include "host/worker/counters.h"

namespace vgpu::host {
namespace {

std::atomic<uint64_t> next_identity{1};

}  // namespace

thread_local constinit Counters::Mine Counters::mine_;

Counters::Counters() : identity_(next_identity.fetch_add(1, std::memory_order_relaxed)) {}

ThreadCounters& Counters::enter() {
  const std::lock_guard lock(mutex_);
  mine_ = {identity_, &all_.emplace_back()};
  return *mine_.counters;
}

uint64_t Counters::sum(Counter ThreadCounters::*which) const {
  const std::lock_guard lock(mutex_);
  uint64_t total = 0;
  for (const ThreadCounters& counters : all_) total += (counters.*which).value();
  return total;
}

}  // namespace vgpu::host
