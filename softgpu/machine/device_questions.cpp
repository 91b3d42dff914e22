// SPDX-License-Identifier: Apache-2.0
// What kernels ask the device runtime about devices and errors (CUDA C++ Programming Guide, Dynamic Parallelism). The
// driver answers.
#include <array>

#include "softgpu/machine/device_calls.h"

namespace vgpu::soft {

namespace {

const DeviceFacts* facts_of(Warp& warp) { return warp.block->launch().environment.facts; }

// cudaError_t (int*)
template <int (DeviceFacts::*question)() const>
void number(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const DeviceFacts* const facts = facts_of(warp);
    if (facts == nullptr) return kInvalidDevice;
    store(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane), int32_t{(facts->*question)()});
    return 0;
  });
}

// cudaError_t (int*, cudaDeviceAttr, int device)
void attribute(Warp& warp, const Instruction& instruction, LaneMask mask) {
  each(warp, mask, site_of(instruction), [&](unsigned lane, const CallSite& site) {
    const DeviceFacts* const facts = facts_of(warp);
    const auto device = argument<int32_t>(warp, site, 2, lane);
    if (facts == nullptr || device < 0 || device >= facts->count()) return kInvalidDevice;
    const std::optional<int> value = facts->attribute(device, argument<int32_t>(warp, site, 1, lane));
    if (!value) return kInvalidValue;
    store(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane), int32_t{*value});
    return 0;
  });
}

// const char* (cudaError_t)
template <uint64_t (DeviceFacts::*question)(int) const>
void text(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = site_of(instruction);
  const DeviceFacts* const facts = facts_of(warp);
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    const auto code = argument<int32_t>(warp, site, 0, lane);
    set_result<uint64_t>(warp, site, lane, facts != nullptr ? (facts->*question)(code) : 0);
  });
}

struct Row {
  std::string_view name;
  Handler handler;
};

constexpr std::array kRows = {
    Row{"GetDevice", number<&DeviceFacts::ordinal>},
    Row{"GetDeviceCount", number<&DeviceFacts::count>},
    Row{"DeviceGetAttribute", attribute},
    Row{"GetErrorName", text<&DeviceFacts::error_name>},
    Row{"GetErrorString", text<&DeviceFacts::error_text>},
};

}  // namespace

Handler find_question_builtin(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.handler;
  return nullptr;
}

}  // namespace vgpu::soft
