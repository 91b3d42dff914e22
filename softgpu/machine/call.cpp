// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/call.h"

#include <algorithm>
#include <bit>

#include "softgpu/machine/block.h"
#include "softgpu/machine/schedule.h"

namespace vgpu::soft {

namespace {

std::byte* area(const Frame& frame, unsigned lane) {
  return frame.rows + frame.function->area_offset() + size_t{frame.function->parameter_stride} * lane;
}

}  // namespace

void read_argument(Warp& warp, const CallValue& value, unsigned lane, void* out, uint32_t size) {
  std::memset(out, 0, size);
  if (value.is_predicate) {
    const uint8_t bit = static_cast<uint8_t>(warp.predicate(value.row) >> lane & 1u);
    std::memcpy(out, &bit, std::min<uint32_t>(size, 1));
  } else if (value.is_row) {
    std::memcpy(out, warp.row<std::byte>(value.row) + size_t{value.width} * lane, std::min(size, value.width));
  } else {
    std::memcpy(out, warp.area + size_t{warp.area_stride} * lane + value.slot.offset, std::min(size, value.slot.size));
  }
}

void write_result(Warp& warp, const CallValue& value, unsigned lane, const void* in, uint32_t size) {
  if (value.is_predicate) {
    uint8_t bit = 0;
    std::memcpy(&bit, in, std::min<uint32_t>(size, 1));
    warp.set_predicate(value.row, bit != 0 ? kAllLanes : 0, LaneMask{1} << lane);
  } else if (value.is_row) {
    std::memcpy(warp.row<std::byte>(value.row) + size_t{value.width} * lane, in, std::min(size, value.width));
  } else {
    std::memcpy(warp.area + size_t{warp.area_stride} * lane + value.slot.offset, in, std::min(size, value.slot.size));
  }
}

void copy_arguments(Warp& warp, const CallSite& site, const Frame& callee, LaneMask mask) {
  const size_t count = std::min(site.arguments.size(), callee.function->parameters.size());
  for (size_t i = 0; i < count; ++i) {
    const ParameterSlot& slot = callee.function->parameters[i];
    for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
      const unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
      read_argument(warp, site.arguments[i], lane, area(callee, lane) + slot.offset, slot.size);
    }
  }
}

void copy_results(Warp& warp, const Frame& callee, LaneMask mask) {
  const CallSite& site = *callee.site;
  const size_t count = std::min(site.results.size(), callee.function->results.size());
  for (size_t i = 0; i < count; ++i) {
    const ParameterSlot& slot = callee.function->results[i];
    for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
      const unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
      write_result(warp, site.results[i], lane, area(callee, lane) + slot.offset, slot.size);
    }
  }
}

namespace {

void enter_function(Warp& warp, const Instruction& instruction, LaneMask mask, const CallSite& site,
                    const Function& callee) {
  if (callee.builtin != nullptr) return callee.builtin(warp, instruction, mask);
  // The others wait behind the call, where lowering has put a reconvergence point.
  if (mask != warp.active) warp.schedule->diverge(warp.active & ~mask, warp.pc, warp.pc);
  if (!warp.schedule->call(site, callee)) {
    warp.fault(CUDA_ERROR_HARDWARE_STACK_ERROR, instruction, static_cast<unsigned>(std::countr_zero(mask)),
               "the call stack is full", 0);
  }
}

}  // namespace

void call_direct(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = *reinterpret_cast<const CallSite*>(instruction.immediate);
  enter_function(warp, instruction, mask, site, *site.callee);
}

void call_indirect(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = *reinterpret_cast<const CallSite*>(instruction.immediate);
  const uint64_t* targets = warp.row<uint64_t>(instruction.operand[0]);
  const unsigned first = static_cast<unsigned>(std::countr_zero(mask));
  LaneMask same = 0;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const unsigned lane = static_cast<unsigned>(std::countr_zero(rest));
    if (targets[lane] == targets[first]) same |= LaneMask{1} << lane;
  }
  const Function* callee = warp.block->find_function(targets[first]);
  if (callee == nullptr || (callee->builtin == nullptr && (callee->parameters.size() != site.arguments.size() ||
                                                           callee->results.size() != site.results.size()))) {
    return warp.fault(CUDA_ERROR_INVALID_PC, instruction, first, "call of an address that is no such function",
                      targets[first]);
  }
  if (same != mask) {
    // The lanes with other targets execute this instruction again.
    if (mask != warp.active) warp.schedule->diverge(warp.active & ~mask, warp.pc, warp.pc);
    warp.schedule->diverge(mask & ~same, &instruction, warp.pc);
  }
  enter_function(warp, instruction, same, site, *callee);
}

void return_from_call(Warp& warp, const Instruction&, LaneMask) { warp.schedule->leave(); }

}  // namespace vgpu::soft
