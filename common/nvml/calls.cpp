// SPDX-License-Identifier: Apache-2.0
#include "common/nvml/calls.h"

#include <algorithm>
#include <iterator>

namespace vgpu::nvml {
namespace {

constexpr Call kCalls[] = {
#define NVML(name, path, ...) make_call<__VA_ARGS__>(#name, Path::path),
#include "vgpu/nvml/rows.h"
};

}  // namespace

std::span<const Call> calls() { return kCalls; }

// A few hundred short comparisons: nothing beside the message that the name came with.
const Call* find_call(std::string_view name) {
  const auto at =
      std::find_if(std::begin(kCalls), std::end(kCalls), [name](const Call& call) { return name == call.name; });
  return at == std::end(kCalls) ? nullptr : at;
}

}  // namespace vgpu::nvml
