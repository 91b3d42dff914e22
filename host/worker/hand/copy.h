// SPDX-License-Identifier: Apache-2.0
// One-dimensional copies in two steps, for the dispatcher: which copies the device carries out by itself, and how they
// begin (host/worker/copies_under_way.h).
#pragma once

#include <optional>

#include "host/worker/session.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host::hand {

// A copy that the dispatcher makes itself keeps everybody's next command waiting for as long as it takes.
constexpr uint64_t kMaxCopyOfDispatcher = 256 << 10;

// Whether its bytes lie where the device may take or put them while nobody stands by; and whether they are so many that
// this is the shorter way. Hints, from the message alone.
bool may_copy_by_itself(const CommandCopy& command);
bool copies_by_itself(const CommandCopy& command);

// Gives such a copy to its stream. Nothing when it has to be made as others are; else what the driver says. It is done
// when the stream has come so far.
std::optional<CUresult> start_copy(Invocation& invocation, CUstream& stream);

// Whether `call` is a synchronous copy, and nothing of it is staged (wire::MarkedCopy).
bool may_be_marked(uint64_t call, const wire::Copy& copy);
// Gives such a copy to the stream.
CUresult start_marked_copy(Invocation& invocation, uint16_t call, const wire::Copy& copy, CUstream stream);

}  // namespace vgpu::host::hand
