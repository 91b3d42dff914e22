// SPDX-License-Identifier: Apache-2.0
#include "host/worker/waiting_room.h"

#include <algorithm>
#include <thread>

#include "common/bits.h"

namespace vgpu::host {

// On a machine with few processors the device's own threads (the software GPU's) may need this one.
std::chrono::microseconds WaitingRoom::patience() {
  static const std::chrono::microseconds value(std::thread::hardware_concurrency() > 3 ? 500 : 4);
  return value;
}

bool WaitingRoom::has(uint32_t guest_thread) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const Waiting& waiting) { return waiting.command.thread == guest_thread; });
}

bool WaitingRoom::is_first(size_t index) const {
  return std::none_of(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(index),
                      [&](const Waiting& earlier) { return earlier.command.thread == waiting_[index].command.thread; });
}

bool WaitingRoom::admit(CommandCopy& command) {
  // Behind another one of its thread it waits, whatever it is.
  if (!has(command.thread) && !has_gate(command)) return false;
  waiting_.push_back({std::move(command), Clock::now() + patience(), {}});
  return true;
}

// Sets, and copies on the device, return before they are done.
bool WaitingRoom::leaves_idle(uint16_t opcode) {
  namespace op = api::opcode;
  return opcode == op::cuStreamSynchronize || opcode == op::cuMemcpyDtoH_v2 || opcode == op::cuMemcpyDtoHAsync_v2 ||
         opcode == op::cuMemcpyHtoD_v2;
}

WaitingRoom::Quiet WaitingRoom::stream_of(const CommandCopy& command) {
  const std::optional<uint64_t> stream = gate_stream(command);
  return stream ? Quiet{command.context, *stream, command.thread, true} : Quiet{};
}

// Asking the driver costs a third of a launch each time, so the second time the device is asked to say it itself. The
// software GPU says everything at once.
GateState WaitingRoom::ask(Waiting& waiting) {
  const CommandCopy& command = waiting.command;
  if (waiting.marker.value != 0)
    return session_.markers.is_written(waiting.marker) ? GateState::open : GateState::closed;
  if (quiet_.known && quiet_ == stream_of(command)) return GateState::open;
  const GateState gate = ask_gate(session_, command);
  uint64_t stream = 0;
  if (gate == GateState::closed && !session_.config.plain_managed_memory &&
      resolve_gate_stream(session_, command, stream))
    waiting.marker = session_.markers.place(session_.driver, command.context, from_bits<CUstream>(stream));
  return gate;
}

}  // namespace vgpu::host
