// SPDX-License-Identifier: Apache-2.0
#include "host/worker/waiting_room.h"

#include <algorithm>

#include "common/bits.h"
#include "common/spin.h"

namespace vgpu::host {

// On a machine with few processors the device's own threads (the software GPU's) may need this one.
std::chrono::microseconds WaitingRoom::patience() const {
  return std::chrono::microseconds(session_.processors_to_spare ? 500 : 4);
}

// A helper would spin in the driver, and the dispatcher fall asleep: whoever then lets the stream go on, or sends more,
// has to wake it. To watch a marker or to ask instead takes the same one processor, which natively the waiting thread
// takes. A copy that stayed would let others overtake it.
WaitingRoom::Clock::time_point WaitingRoom::last_moment(const Waiting& waiting) const {
  constexpr std::chrono::milliseconds kMorePatience(50);
  const bool may_stay = is_wait(waiting.command.opcode) && (waiting.is_marked() || may_be_asked_late(waiting));
  return may_stay && session_.may_stay_awake() ? waiting.deadline + kMorePatience : waiting.deadline;
}

// Only about an event, which stands for nothing else: to ask about a context or its legacy stream spoils a capture that
// another thread has begun meanwhile. And not when anything was sent, which may have been its next record.
bool WaitingRoom::may_be_asked_late(const Waiting& waiting) const {
  return waiting.command.opcode == api::opcode::cuEventSynchronize && waiting.sent_before == sent_;
}

bool WaitingRoom::has(uint32_t guest_thread) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const Waiting& waiting) { return waiting.command.thread == guest_thread; });
}

bool WaitingRoom::is_first(size_t index) const {
  return std::none_of(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(index),
                      [&](const Waiting& earlier) { return earlier.command.thread == waiting_[index].command.thread; });
}

void WaitingRoom::let_in(CommandCopy& command) {
  session_.hardware_queues.count_wait();
  const auto now = Clock::now();
  waiting_.push_back({std::move(command), now, now + patience(), sent_});
}

CommandCopy WaitingRoom::leave_room(size_t index) {
  const auto at = waiting_.begin() + static_cast<ptrdiff_t>(index);
  if (at->end) session_.event_pool.put_back(at->end);
  CommandCopy command = std::move(at->command);
  waiting_.erase(at);
  return command;
}

bool WaitingRoom::copies_on_device(uint16_t opcode) {
  namespace op = api::opcode;
  return opcode == op::cuMemcpyDtoDAsync_v2 || opcode == op::cuMemcpyAsync || opcode == op::cuMemcpyHtoDAsync_v2 ||
         opcode == op::cuMemcpyPeerAsync || opcode == op::cuMemcpy2DAsync_v2 || opcode == op::cuMemcpy3DAsync_v2;
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

GateState WaitingRoom::ask(Waiting& waiting) {
  const CommandCopy& command = waiting.command;
  if (waiting.marker.value != 0)
    return session_.markers.is_written(waiting.marker) ? GateState::finished : GateState::closed;
  if (is_quiet(command)) return GateState::finished;
  const auto now = Clock::now();
  if (waiting.end) return now < waiting.next_question ? GateState::closed : ask_end(waiting);
  if (now < waiting.next_question) return GateState::closed;
  if (now >= waiting.deadline) {
    if (!may_be_asked_late(waiting)) return GateState::closed;
    waiting.next_question = now + kBetweenQuestions;
  }
  const GateState gate = ask_gate(session_, command);
  if (gate == GateState::closed && wants_marker(waiting)) mark(waiting);
  return gate;
}

GateState WaitingRoom::ask_end(Waiting& waiting) {
  waiting.next_question = Clock::now() + kBetweenQuestions;
  if (make_current(session_, waiting.command.context) != CUDA_SUCCESS) return GateState::open;
  ask_beside_captures(session_);
  const CUresult answer = session_.event_pool.query(session_.driver, waiting.end);
  if (answer == CUDA_ERROR_NOT_READY) return GateState::closed;
  return answer == CUDA_SUCCESS ? GateState::finished : GateState::open;
}

bool WaitingRoom::wants_marker(const Waiting& waiting) const {
  if (!after_copy_ && only_waits(session_, waiting.command)) return true;
  return Clock::now() - waiting.since > (after_copy_ ? kAskedOnlyOfCopies : kAskedOnly);
}

// Asking the driver costs a tenth of a launch each time, so for what takes longer the device is asked to say it itself.
// The software GPU says everything at once.
void WaitingRoom::mark(Waiting& waiting) {
  const CommandCopy& command = waiting.command;
  const std::optional<uint64_t> wire = gate_stream(command);
  uint64_t real = 0;
  if (!wire || session_.config.software_gpu || !resolve_gate_stream(session_, command, real) ||
      !session_.may_mark(command.context, *wire, real))
    return;
  const auto stream = from_bits<CUstream>(real);
  waiting.marker = session_.markers.place(session_.driver, command.context, stream);
  if (waiting.marker.value == 0 && Clock::now() - waiting.since > kAskedOnly)
    waiting.end = session_.event_pool.record(session_.driver, command.context, stream);
  waiting.sent = held_back_ ? kUnknown : sent_;
}

}  // namespace vgpu::host
