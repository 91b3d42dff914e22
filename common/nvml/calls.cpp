// SPDX-License-Identifier: Apache-2.0
#include "common/nvml/calls.h"

#include <algorithm>
#include <array>

namespace vgpu::nvml {
namespace {

constexpr Call kInOrderOfRows[] = {
#define NVML(name, path, ...) make_call<__VA_ARGS__>(#name, Path::path),
#include "vgpu/nvml/rows.h"
};

constexpr auto sorted() {
  std::array<Call, std::size(kInOrderOfRows)> table = {};
  std::copy(std::begin(kInOrderOfRows), std::end(kInOrderOfRows), table.begin());
  std::sort(table.begin(), table.end(),
            [](const Call& a, const Call& b) { return std::string_view(a.name) < std::string_view(b.name); });
  return table;
}
constexpr auto kCalls = sorted();

}  // namespace

std::span<const Call> calls() { return kCalls; }

const Call* find_call(std::string_view name) {
  const auto at = std::lower_bound(kCalls.begin(), kCalls.end(), name,
                                   [](const Call& call, std::string_view wanted) { return call.name < wanted; });
  return at != kCalls.end() && at->name == name ? &*at : nullptr;
}

}  // namespace vgpu::nvml
