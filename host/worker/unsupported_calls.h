// SPDX-License-Identifier: Apache-2.0
// UnsupportedCalls: which calls the program asked for that nobody carries, by name, and how often. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vgpu::host {

class UnsupportedCalls {
 public:
  // False when that is no name of a call. The guest says the names: their number is limited, and others are dropped.
  bool count(std::string_view name);
  // Those that were counted since the last time, with their whole number.
  std::vector<std::pair<std::string, uint64_t>> take_changed();

 private:
  struct Times {
    uint64_t now = 0, told = 0;
  };
  std::mutex mutex_;  // guards calls_
  std::map<std::string, Times, std::less<>> calls_;
};

}  // namespace vgpu::host
