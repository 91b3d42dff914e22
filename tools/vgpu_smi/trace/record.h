// SPDX-License-Identifier: Apache-2.0
// TracedCall: a record of a trace (vgpu/trace.h), read and checked. Its texts come from a program, by way of its
// worker: they are made fit to print here. RecordStream puts together what arrives in pieces. One owner, not
// thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vgpu::smi {

struct TracedCall {
  using Values = std::vector<std::pair<std::string, std::string>>;

  uint64_t number = 0;
  uint32_t thread = 0;
  uint64_t start = 0, duration = 0;  // nanoseconds; since the trace's begin
  int result = 0;
  bool posted = false;
  std::string name, result_name;
  Values arguments, results;
};

class RecordStream {
 public:
  void add(std::span<const std::byte> bytes);
  // The next whole record. Nothing: more must arrive first, or, when broken(), what came makes no sense.
  std::optional<TracedCall> next();
  bool broken() const { return broken_; }

 private:
  std::vector<std::byte> bytes_;
  size_t at_ = 0;
  bool broken_ = false;
};

}  // namespace vgpu::smi
