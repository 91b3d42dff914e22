// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Stream Management, Event Management; API synchronization behavior.
#include "host/worker/gate.h"

#include "common/bits.h"
#include "host/worker/hand/copy.h"

namespace vgpu::host {
namespace {

namespace op = api::opcode;

// cuCtxSynchronize waits for all streams of the context; with more of them, asking costs more than a helper.
constexpr size_t kMaxStreams = 8;

GateState state_of(CUresult answer) {
  if (answer == CUDA_ERROR_NOT_READY) return GateState::closed;
  return answer == CUDA_SUCCESS ? GateState::finished : GateState::open;
}

GateState ask_stream(Session& session, uint64_t real) {
  return state_of(VGPU_DRIVER(session.driver, cuStreamQuery)(from_bits<CUstream>(real)));
}

// Copies that carry a wire::Copy.
bool is_copy(uint16_t opcode) {
  return opcode == op::cuMemcpy || opcode == op::cuMemcpyDtoH_v2 || opcode == op::cuMemcpyDtoHAsync_v2 ||
         opcode == op::cuMemcpyHtoD_v2;
}

GateState ask_context(Session& session, const CommandCopy& command) {
  const std::optional<std::vector<uint64_t>> streams = session.streams_of(command.context, kMaxStreams);
  if (!streams) return GateState::none;
  // The legacy stream stands for all that synchronise with it, and for work without a stream.
  if (ask_stream(session, 0) == GateState::closed) return GateState::closed;
  for (const uint64_t stream : *streams)
    if (ask_stream(session, stream) == GateState::closed) return GateState::closed;
  return GateState::open;  // work without a stream of ours may be left
}

GateState ask_event(Session& session, uint64_t wire) {
  uint64_t real = 0;
  if (!session.handles.resolve(Kind::event, wire, real)) return GateState::open;
  return state_of(VGPU_DRIVER(session.driver, cuEventQuery)(from_bits<CUevent>(real)));
}

}  // namespace

std::optional<uint64_t> gate_stream(const CommandCopy& command) {
  codec::Reader request(command.payload);
  if (is_copy(command.opcode)) return request.get<wire::Copy>().stream;
  switch (command.opcode) {
    case op::cuStreamSynchronize: return request.get<uint64_t>();
    case op::cuMemcpyDtoD_v2:
    case op::cuMemsetD8_v2:
    case op::cuMemsetD16_v2:
    case op::cuMemsetD32_v2: return 0;
    default: return std::nullopt;
  }
}

bool resolve_gate_stream(Session& session, const CommandCopy& command, uint64_t& real) {
  const std::optional<uint64_t> stream = gate_stream(command);
  std::vector<std::byte> unused;
  return stream && Invocation(session, command, unused).resolve(Kind::stream, *stream, real);
}

bool is_wait(uint16_t opcode) {
  return opcode == op::cuStreamSynchronize || opcode == op::cuEventSynchronize || opcode == op::cuCtxSynchronize;
}

bool has_gate(const CommandCopy& command) {
  if ((command.flags & ring::kMayAsk) == 0) return false;
  if (is_copy(command.opcode))
    return codec::Reader(command.payload).get<wire::Copy>().bytes <= hand::kMaxCopyOfDispatcher;
  return gate_stream(command) || command.opcode == op::cuEventSynchronize || command.opcode == op::cuCtxSynchronize;
}

GateState ask_gate(Session& session, const CommandCopy& command) {
  if (!has_gate(command)) return GateState::none;
  // What is wrong with the context is for the command itself to find.
  if (make_current(session, command.context) != CUDA_SUCCESS) return GateState::open;
  ask_beside_captures(session);
  if (gate_stream(command)) {
    uint64_t real = 0;
    // A handle that is not live needs no wait.
    return resolve_gate_stream(session, command, real) ? ask_stream(session, real) : GateState::open;
  }
  if (command.opcode == op::cuCtxSynchronize) return ask_context(session, command);
  return ask_event(session, codec::Reader(command.payload).get<uint64_t>());
}

bool only_waits(Session& session, const CommandCopy& command) {
  if (session.debts.any()) return false;
  if (command.opcode == op::cuEventSynchronize) return true;
  if (command.opcode != op::cuStreamSynchronize) return false;
  // To wait for the legacy stream may mean more than to ask about it, where there are streams that it waits for.
  uint64_t real = 0;
  return resolve_gate_stream(session, command, real) && (real > 1 || session.streams_of(command.context, 0));
}

}  // namespace vgpu::host
