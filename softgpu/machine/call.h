// SPDX-License-Identifier: Apache-2.0
// Calls: moving arguments and results between frames, and how device functions that the machine provides get at theirs.
// Used by the schedule, the lowering and the device runtime, on the thread that runs the warp.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "softgpu/machine/function.h"

namespace vgpu::soft {

struct Frame;

// What a call takes of the call stack besides the callee's local variables: a return address and saved registers.
inline constexpr uint32_t kCallStackBytes = 16;

// What a thread may have of local memory, of which parameters of device functions are a part (CUDA C++ programming
// guide, "Technical Specifications per Compute Capability"). Kernels' own parameters have less room on a GPU.
inline constexpr uint32_t kMaxLocalBytes = 512 << 10;

// From the caller's frame, which is the warp's current one, into `callee`.
void copy_arguments(Warp& warp, const CallSite& site, const Frame& callee, LaneMask mask);
// From `callee` into the frame it returns to, which is the warp's current one.
void copy_results(Warp& warp, const Frame& callee, LaneMask mask);

// The bytes of argument or result `value` of `lane` in the current frame, read and written by built-in functions.
// `size` bytes; what the caller did not pass reads as zeros.
void read_argument(Warp& warp, const CallValue& value, unsigned lane, void* out, uint32_t size);
void write_result(Warp& warp, const CallValue& value, unsigned lane, const void* in, uint32_t size);

// Handlers. `immediate` points to a CallSite; an indirect call reads the function's address from operand[0].
void call_direct(Warp& warp, const Instruction& instruction, LaneMask mask);
void call_indirect(Warp& warp, const Instruction& instruction, LaneMask mask);
void return_from_call(Warp& warp, const Instruction& instruction, LaneMask mask);

// vprintf, malloc, free, __assertfail and others; nullptr: no such function. See device_runtime.cpp.
Handler find_builtin(std::string_view name);
// Those of them with which kernels launch kernels; see device_launch_calls.cpp.
Handler find_launch_builtin(std::string_view name);

}  // namespace vgpu::soft
