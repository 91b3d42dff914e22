// SPDX-License-Identifier: Apache-2.0
#include "host/worker/kept_modules.h"

#include <algorithm>

namespace vgpu::host {

void KeptModules::loaded(uint64_t context, uint64_t module, std::span<const std::byte> image) {
  const std::lock_guard lock(mutex_);
  if (image.size() > kMostBytes || live_.size() >= kMostLive) return;
  live_[module] = {context, module, {image.begin(), image.end()}, {}};
}

void KeptModules::found(uint64_t module, std::string_view name, uint64_t function) {
  const std::lock_guard lock(mutex_);
  const auto live = live_.find(module);
  if (live == live_.end()) return;
  live->second.functions.try_emplace(std::string(name), Function{function, {}});
  functions_[function] = {module, std::string(name)};
}

void KeptModules::told(uint64_t function, std::span<const std::byte> facts) {
  const std::lock_guard lock(mutex_);
  const auto owner = functions_.find(function);
  if (owner == functions_.end()) return;
  live_.at(owner->second.first).functions.at(owner->second.second).facts.assign(facts.begin(), facts.end());
}

void KeptModules::changed(uint64_t module) {
  const std::lock_guard lock(mutex_);
  if (live_.erase(module) == 0) return;
  std::erase_if(functions_, [&](const auto& entry) { return entry.second.first == module; });
}

uint64_t KeptModules::find(uint64_t module, std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto live = live_.find(module);
  if (live == live_.end()) return 0;
  const auto function = live->second.functions.find(name);
  return function == live->second.functions.end() ? 0 : function->second.real;
}

std::optional<std::vector<std::byte>> KeptModules::facts_of(uint64_t function) const {
  const std::lock_guard lock(mutex_);
  const auto owner = functions_.find(function);
  if (owner == functions_.end()) return std::nullopt;
  const std::vector<std::byte>& facts = live_.at(owner->second.first).functions.at(owner->second.second).facts;
  return facts.empty() ? std::nullopt : std::optional(facts);
}

uint64_t KeptModules::unload(uint64_t module, bool may_keep) {
  const std::lock_guard lock(mutex_);
  const auto live = live_.find(module);
  if (live == live_.end()) return module;
  std::erase_if(functions_, [&](const auto& entry) { return entry.second.first == module; });
  Module unloaded = std::move(live->second);
  live_.erase(live);
  if (!may_keep) return module;
  uint64_t leaves = 0;
  if (kept_.size() == kMostKept) {
    // Modules are unloaded in their own context, which is current.
    if (kept_.front().context != unloaded.context) return module;
    leaves = kept_.front().real;
    kept_.pop_front();
  }
  kept_.push_back(std::move(unloaded));
  return leaves;
}

bool KeptModules::unloads_nothing(uint64_t module) const {
  const std::lock_guard lock(mutex_);
  return live_.contains(module) && kept_.size() < kMostKept;
}

std::deque<KeptModules::Module>::const_iterator KeptModules::find_kept(uint64_t context,
                                                                       std::span<const std::byte> image) const {
  return std::find_if(kept_.begin(), kept_.end(), [&](const Module& module) {
    return module.context == context &&
           std::equal(image.begin(), image.end(), module.image.begin(), module.image.end());
  });
}

uint64_t KeptModules::revive(uint64_t context, std::span<const std::byte> image) {
  const std::lock_guard lock(mutex_);
  const auto found = find_kept(context, image);
  if (found == kept_.end()) return 0;
  Module module = *found;
  kept_.erase(found);
  for (const auto& [name, function] : module.functions) functions_[function.real] = {module.real, name};
  const uint64_t real = module.real;
  live_[real] = std::move(module);
  return real;
}

bool KeptModules::has(uint64_t context, std::span<const std::byte> image) const {
  const std::lock_guard lock(mutex_);
  return find_kept(context, image) != kept_.end();
}

std::vector<uint64_t> KeptModules::take_all(uint64_t context) {
  const std::lock_guard lock(mutex_);
  std::vector<uint64_t> modules;
  std::erase_if(kept_, [&](const Module& module) {
    if (module.context != context) return false;
    modules.push_back(module.real);
    return true;
  });
  return modules;
}

void KeptModules::forget_context(uint64_t context) {
  const std::lock_guard lock(mutex_);
  const auto is_dead = [&](const Module& module) { return module.context == context; };
  std::erase_if(kept_, is_dead);
  std::erase_if(functions_, [&](const auto& entry) { return is_dead(live_.at(entry.second.first)); });
  std::erase_if(live_, [&](const auto& entry) { return is_dead(entry.second); });
}

}  // namespace vgpu::host
