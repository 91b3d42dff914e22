// SPDX-License-Identifier: Apache-2.0
#include "host/worker/unsupported_calls.h"

#include "common/call_name.h"

namespace vgpu::host {

bool UnsupportedCalls::count(std::string_view name) {
  if (!is_call_name(name)) return false;
  const std::lock_guard lock(mutex_);
  auto found = calls_.find(name);
  if (found == calls_.end() && calls_.size() < kMaxCallNames) found = calls_.emplace(name, Times()).first;
  if (found != calls_.end()) ++found->second.now;
  return true;
}

std::vector<std::pair<std::string, uint64_t>> UnsupportedCalls::take_changed() {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, uint64_t>> changed;
  for (auto& [name, times] : calls_)
    if (std::exchange(times.told, times.now) != times.now) changed.emplace_back(name, times.now);
  return changed;
}

}  // namespace vgpu::host
