// SPDX-License-Identifier: Apache-2.0
#include "host/worker/exports.h"

#include <cerrno>
#include <cstring>

namespace vgpu::host {

int Exports::offer(wire::SharedObject object, int file, uint64_t key, wire::SharedName& name) {
  const std::lock_guard lock(mutex_);
  name = {wire::kSharedNameMagic, {}, object.kind, 0};
  const auto known = key == 0 ? keyed_.end() : keyed_.find({object.kind, key});
  if (known != keyed_.end()) {
    name.token = known->second.token;
    if (std::memcmp(known->second.bytes, object.bytes, sizeof object.bytes) == 0) return 0;
    // Something else is there now: its name is another one.
    broker_.withdraw(known->second.token);
    keyed_.erase(known);
  }
  if (const int error = broker_.offer(object, file); error != 0) return error;
  name.token = object.token;
  if (key == 0) unkeyed_.insert(object.token);
  else keyed_[{object.kind, key}] = object;
  keyed_count_.store(keyed_.size(), std::memory_order_relaxed);
  return 0;
}

int Exports::claim(const wire::SharedName& name, wire::ShareKind kind, wire::SharedObject& object, UniqueFd& file) {
  if (name.magic != wire::kSharedNameMagic || name.kind != kind || name.reserved != 0) return EINVAL;
  object = {};
  object.token = name.token;
  object.kind = kind;
  return broker_.claim(object, file);
}

void Exports::forget(wire::ShareKind kind, uint64_t key) {
  if (keyed_count_.load(std::memory_order_relaxed) == 0) return;
  const std::lock_guard lock(mutex_);
  const auto known = keyed_.find({kind, key});
  if (known == keyed_.end()) return;
  broker_.withdraw(known->second.token);
  keyed_.erase(known);
  keyed_count_.store(keyed_.size(), std::memory_order_relaxed);
}

void Exports::withdraw(const wire::Token& token) {
  const std::lock_guard lock(mutex_);
  if (unkeyed_.erase(token) != 0) broker_.withdraw(token);
}

}  // namespace vgpu::host
