// SPDX-License-Identifier: Apache-2.0
#include "host/worker/trace_text.h"

#include "common/api_names.h"
#include "host/worker/session.h"
#include "host/worker/trace_hand.h"
#include "vgpu/api/rows.h"

namespace vgpu::host {
TracedCall describe_call(Invocation& invocation, std::span<const std::byte> reply) {
  TracedCall traced;
  const CommandCopy& command = invocation.command;
  if (describe_by_hand(invocation, reply, traced)) return traced;
  if (command.opcode >= wire::kFirstPrivate) return traced;  // Its name is all that is known.
  const Call* const call = api::find_row(command.opcode);
  const char* const parameters = api::find_parameter_names(command.opcode);
  if (call != nullptr && parameters != nullptr) {
    codec::CallText text(*call, parameters);
    traced.arguments = text.request(command.payload);
    if (!traced.arguments.empty() || command.payload.empty()) traced.results = text.reply(reply);
  }
  if (traced.arguments.empty() && !command.payload.empty())
    traced.arguments.push_back({"message", std::to_string(command.payload.size()) + " bytes"});
  return traced;
}

}  // namespace vgpu::host
