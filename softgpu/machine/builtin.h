// SPDX-License-Identifier: Apache-2.0
// How a function that the machine provides reads its arguments and gives its result, a lane at a time and in order.
// Used by device_runtime.cpp and device_launch_calls.cpp on the thread that runs the warp.
#pragma once

#include <bit>
#include <cstdint>

#include "softgpu/machine/call.h"
#include "softgpu/machine/warp.h"

namespace vgpu::soft {

inline const CallSite& site_of(const Instruction& instruction) {
  return *reinterpret_cast<const CallSite*>(instruction.immediate);
}

template <class T>
T argument(Warp& warp, const CallSite& site, size_t index, unsigned lane) {
  T value{};
  if (index < site.arguments.size()) read_argument(warp, site.arguments[index], lane, &value, sizeof value);
  return value;
}

template <class T>
void set_result(Warp& warp, const CallSite& site, unsigned lane, T value) {
  if (!site.results.empty()) write_result(warp, site.results[0], lane, &value, sizeof value);
}

template <class F>
void for_each_lane_until_fault(Warp& warp, LaneMask mask, F action) {
  for (; mask != 0 && !warp.stopped; mask &= mask - 1) action(static_cast<unsigned>(std::countr_zero(mask)));
}

}  // namespace vgpu::soft
