// SPDX-License-Identifier: Apache-2.0
#include "common/nvml/calls.h"

#include <algorithm>

namespace vgpu::nvml {
namespace {

constexpr Call kCalls[] = {
#define NVML(name, path, ...) make_call<__VA_ARGS__>(#name, Path::path),
#include "vgpu/nvml/rows.h"
};
constexpr Call kInnerCalls[] = {
#define NVML(name, path, ...) make_call<__VA_ARGS__>(#name, Path::path),
#include "vgpu/nvml/inner.rows.h"
};

const Call* find_in(std::span<const Call> calls, std::string_view name) {
  const auto at = std::find_if(calls.begin(), calls.end(), [name](const Call& call) { return name == call.name; });
  return at == calls.end() ? nullptr : &*at;
}

}  // namespace

std::span<const Call> calls() { return kCalls; }
std::span<const Call> inner_calls() { return kInnerCalls; }

// A few hundred short comparisons: nothing beside the message that the name came with.
const Call* find_call(std::string_view name) {
  const Call* const exported = find_in(kCalls, name);
  return exported != nullptr ? exported : find_in(kInnerCalls, name);
}

}  // namespace vgpu::nvml
