// SPDX-License-Identifier: Apache-2.0
// A call as a trace shows it: by its row, or, where its message is written by hand, by what that says (trace_hand.h).
// Any thread that carries out the call.
#pragma once

#include <span>
#include <vector>

#include "common/codec/call_text.h"

namespace vgpu::host {

class Invocation;

struct TracedCall {
  std::vector<codec::NamedText> arguments, results;
};

// `reply` is of a call that was a success, else empty.
TracedCall describe_call(Invocation& invocation, std::span<const std::byte> reply);

}  // namespace vgpu::host
