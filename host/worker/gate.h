// SPDX-License-Identifier: Apache-2.0
// Gate: what a blocking command waits for, as a question that the driver answers at once (cuStreamQuery, cuEventQuery).
// When it is open, the command can be carried out without blocking. The dispatcher's thread only.
#pragma once

#include "host/worker/session.h"

namespace vgpu::host {

enum class GateState {
  open,      // carry the command out now: it will not block
  finished,  // the same, and the driver said that all has gone well
  closed,    // the device still works on it; ask again
  none,      // nobody can say: the command may block
};

// Whether there is such a question. Copies have one up to a size that the dispatcher can afford.
bool has_gate(const CommandCopy& command);
// Asks it; makes the command's context current.
GateState ask_gate(Session& session, const CommandCopy& command);
// Of calls that do nothing but wait for what the device has been given.
bool is_wait(uint16_t opcode);
// The stream that the gate is about, by the guest's handle, when it is about one stream.
std::optional<uint64_t> gate_stream(const CommandCopy& command);
// A call that waits, for which the driver's own would do nothing but wait (sync_debts.h): once its gate has opened
// well, it has been done.
bool only_waits(Session& session, const CommandCopy& command);
// And by the driver's; false when there is none or it is not live.
bool resolve_gate_stream(Session& session, const CommandCopy& command, uint64_t& real);

}  // namespace vgpu::host
