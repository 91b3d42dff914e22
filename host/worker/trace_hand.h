// SPDX-License-Identifier: Apache-2.0
// What the messages that are written by hand say, as a trace shows it: launches, copies, code, host functions, graph
// nodes. Messages are a guest's: nothing in them is trusted. Any thread that carries out the call.
#pragma once

#include <span>

#include "host/worker/trace_text.h"

namespace vgpu::host {

// False: this call's message has no description. What is cut short has none of what follows.
bool describe_by_hand(Invocation& invocation, std::span<const std::byte> reply, TracedCall& traced);

}  // namespace vgpu::host
