// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: API synchronization behavior; Event Management.
#include "host/worker/copies_under_way.h"

#include <algorithm>
#include <utility>

#include "common/spin.h"
#include "host/worker/hand/copy.h"

namespace vgpu::host {
namespace {

// A helper would spin in the driver, which takes the same one processor and a wake-up more.
constexpr std::chrono::milliseconds kPatience(50);
constexpr uint64_t kBytesPerMicrosecond = 10'000;  // of a slow bus

// The device's own threads (the software GPU's) may need this processor.
std::chrono::microseconds patience_for(const Session& session, uint64_t bytes) {
  return session.may_stay_awake() ? kPatience + std::chrono::microseconds(bytes / kBytesPerMicrosecond)
                                  : std::chrono::microseconds(4);
}

}  // namespace

bool CopiesUnderWay::suits_late(const CommandCopy& command) {
  constexpr uint16_t kWanted = ring::kHelper | ring::kMayAsk;
  return (command.flags & kWanted) == kWanted && command.reply_slot != ring::kNoReply &&
         hand::may_copy_by_itself(command);
}

bool CopiesUnderWay::suits(const CommandCopy& command) {
  return suits_late(command) && hand::copies_by_itself(command);
}

bool CopiesUnderWay::start(CommandCopy& command, bool held_back) {
  if (make_current(session_, command.context) != CUDA_SUCCESS) return false;
  ask_beside_captures(session_);
  UnderWay copy;
  copy.end = session_.event_pool.take(session_.driver, command.context);
  if (!copy.end) return false;
  std::vector<std::byte> no_reply;
  Invocation invocation(session_, command, no_reply);
  std::optional<CUresult> status = hand::start_copy(invocation, copy.stream);
  if (status == CUDA_SUCCESS) status = VGPU_DRIVER(session_.driver, cuEventRecord)(copy.end.event, copy.stream);
  if (status != CUDA_SUCCESS) {
    session_.event_pool.put_back(copy.end);
    if (status) answer_(command, *status);
    return status.has_value();
  }
  copy.deadline = Clock::now() + patience_for(session_, codec::Reader(command.payload).get<wire::Copy>().bytes);
  copy.commands = held_back ? 0 : session_.counters.own().commands.value();
  copy.command = std::move(command);
  copies_.push_back(std::move(copy));
  return true;
}

void CopiesUnderWay::look() {
  // What one stream has not come to yet, it has not come to for later copies either.
  uint64_t blocked_context = 0;
  CUstream blocked_stream = nullptr;
  const Clock::time_point now = Clock::now();
  if (!copies_.empty()) ask_beside_captures(session_);
  for (size_t i = 0; i < copies_.size();) {
    UnderWay& copy = copies_[i];
    const bool blocked = copy.command.context == blocked_context && copy.stream == blocked_stream;
    const CUresult status = blocked ? CUDA_ERROR_NOT_READY : session_.event_pool.query(session_.driver, copy.end);
    if (status == CUDA_ERROR_NOT_READY) {
      blocked_context = copy.command.context, blocked_stream = copy.stream;
      if (now < copy.deadline) {
        ++i;
        continue;
      }
    }
    UnderWay taken = std::move(copy);
    copies_.erase(copies_.begin() + static_cast<ptrdiff_t>(i));
    if (status == CUDA_ERROR_NOT_READY) {
      leave(std::move(taken));
      continue;
    }
    if (status == CUDA_SUCCESS && is_last_of_stream(taken))
      bring_out_prints(taken, taken.commands == session_.counters.own().commands.value());
    finish(taken, status);
  }
}

void CopiesUnderWay::leave_all() {
  for (UnderWay& copy : copies_) leave(std::move(copy));
  copies_.clear();
}

bool CopiesUnderWay::is_last_of_stream(const UnderWay& copy) const {
  return std::none_of(copies_.begin(), copies_.end(), [&](const UnderWay& other) {
    return other.command.context == copy.command.context && other.stream == copy.stream;
  });
}

// A blocking copy brings out what kernels have printed (CUDA programming guide, Formatted Output), and events do not. A
// stream that has got new work meanwhile is somebody else's to wait for, which brings it out as well.
void CopiesUnderWay::bring_out_prints(const UnderWay& copy, bool stream_is_idle) {
  if (!session_.debts.any() || make_current(session_, copy.command.context) != CUDA_SUCCESS) return;
  if (stream_is_idle || VGPU_DRIVER(session_.driver, cuStreamQuery)(copy.stream) == CUDA_SUCCESS)
    static_cast<void>(VGPU_DRIVER(session_.driver, cuStreamSynchronize)(copy.stream));
}

void CopiesUnderWay::finish(const UnderWay& copy, CUresult status) {
  if (status == CUDA_SUCCESS) session_.event_pool.put_back(copy.end);
  answer_(copy.command, status);
}

void CopiesUnderWay::leave(UnderWay copy) {
  const uint32_t guest_thread = copy.command.thread;
  leave_(guest_thread, [this, left = std::move(copy)] {
    CUresult status = make_current(session_, left.command.context);
    ask_beside_captures(session_);
    if (status == CUDA_SUCCESS) status = session_.event_pool.wait(session_.driver, left.end);
    if (status == CUDA_SUCCESS) bring_out_prints(left, false);
    finish(left, status);
  });
}

}  // namespace vgpu::host
