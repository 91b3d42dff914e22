// SPDX-License-Identifier: Apache-2.0
#include "host/worker/ring_server.h"

#include <poll.h>
#include <unistd.h>

#include <chrono>

#include "common/log.h"
#include "common/spin.h"

namespace vgpu::host {

RingServer::Taken RingServer::take(CommandCopy& command) {
  std::byte* at = session_.memory.units(position_);
  // SAFETY: a command starts on a unit, and kRingUnits units from there are mapped (the ring is mapped twice).
  const auto& shared = *reinterpret_cast<const ring::Command*>(at);
  const uint32_t units = ring::load_commit(shared);
  if (units == 0) return Taken::nothing;
  // One copy of the header; every check is on the copy.
  struct {
    uint16_t opcode, flags;
    uint32_t thread, reply_slot;
    uint64_t context, payload_bytes, blob;
  } const header = {shared.opcode,  shared.flags,         shared.thread, shared.reply_slot,
                    shared.context, shared.payload_bytes, shared.blob};
  const bool in_blob = (header.flags & ring::kBlobPayload) != 0;
  const uint64_t inline_bytes = in_blob ? 0 : header.payload_bytes;
  if (inline_bytes > ring::kMaxInline || units != ring::units_for(sizeof(ring::Command) + inline_bytes) ||
      (header.reply_slot != ring::kNoReply && header.reply_slot >= ring::kReplySlots) ||
      header.opcode >= wire::kOpcodeEnd)
    return Taken::broken;

  command = {header.opcode, header.flags, header.thread, header.reply_slot, header.context, {}};
  const std::byte* payload = at + sizeof(ring::Command);
  command.payload.assign(payload, payload + inline_bytes);
  release(units);
  session_.counters.bytes_inline.fetch_add(inline_bytes, std::memory_order_relaxed);
  return !in_blob || collect_blob(command, header.blob) ? Taken::command : Taken::broken;
}

void RingServer::release(uint64_t units) {
  for (uint64_t i = 0; i < units; ++i) {
    // SAFETY: units are 64-byte aligned memory of the ring; their first word is the commit word of a later command.
    auto* word = reinterpret_cast<std::atomic<uint32_t>*>(session_.memory.units(position_ + i));
    word->store(0, std::memory_order_relaxed);
  }
  position_ += units;
  ring::Header& header = session_.memory.header();
  ring::advance_head(header, position_);
  if (header.space_waiters.load(std::memory_order_seq_cst) != 0) {
    header.head_word.fetch_add(1, std::memory_order_seq_cst);
    session_.waker.wake(header.head_word);
  }
}

bool RingServer::collect_blob(CommandCopy& command, uint64_t blob) {
  std::optional<std::vector<std::byte>> payload = session_.blobs.take(blob);
  if (!payload) return false;
  command.payload = std::move(*payload);
  return true;
}

void RingServer::answer(const CommandCopy& command, CUresult result, std::vector<std::byte>& bytes, uint32_t flags) {
  ring::ReplySlot& slot = session_.memory.slot(command.reply_slot);
  slot.bytes = static_cast<uint32_t>(bytes.size());
  if (bytes.size() > sizeof slot.data) {
    slot.blob = session_.blobs.keep(std::move(bytes));
    if (slot.blob == 0) result = CUDA_ERROR_OUT_OF_MEMORY;
    else flags |= ring::kReplyInBlob;
  } else if (!bytes.empty()) {
    std::memcpy(slot.data, bytes.data(), bytes.size());
  }
  slot.result = static_cast<int32_t>(result);
  slot.flags = flags;
  slot.posted_error = session_.posted_error.exchange(0, std::memory_order_relaxed);
  session_.counters.replies.fetch_add(1, std::memory_order_relaxed);
  if (ring::complete(slot)) {
    session_.counters.wakeups.fetch_add(1, std::memory_order_relaxed);
    session_.waker.wake(slot.state);
  }
}

void RingServer::run_command(const CommandCopy& command) {
  // One buffer per thread, so that a steady state allocates nothing.
  thread_local std::vector<std::byte> bytes;
  bytes.clear();
  Invocation invocation(session_, command, bytes);
  const CUresult result = execute(invocation);
  if (command.reply_slot == ring::kNoReply) {
    session_.counters.posted.fetch_add(1, std::memory_order_relaxed);
    int32_t none = 0;
    if (result != CUDA_SUCCESS) session_.posted_error.compare_exchange_strong(none, static_cast<int32_t>(result));
    return;
  }
  uint32_t flags = invocation.malformed ? static_cast<uint32_t>(ring::kMalformed) : 0;
  // Only calls that may have waited for the device can have made the driver print.
  if ((command.flags & ring::kHelper) != 0 && session_.output.pending()) flags |= ring::kOutputPending;
  answer(command, result, bytes, flags);
}

void RingServer::handle(CommandCopy command) {
  session_.counters.commands.fetch_add(1, std::memory_order_relaxed);
  if ((command.flags & ring::kHelper) == 0) {
    run_command(command);
    return;
  }
  session_.counters.helper_calls.fetch_add(1, std::memory_order_relaxed);
  const uint32_t thread = command.thread;
  helpers_.submit(thread, [this, owned = std::move(command)] { run_command(owned); });
}

void RingServer::sleep() {
  ring::Header& header = session_.memory.header();
  ring::park_announce(header);
  // SAFETY: as in take().
  const auto& next = *reinterpret_cast<const ring::Command*>(session_.memory.units(position_));
  if (ring::load_commit(next) == 0 && ring::session_state(header) == ring::SessionState::open) {
    session_.counters.parks.fetch_add(1, std::memory_order_relaxed);
    pollfd doorbell = {session_.config.doorbell_fd, POLLIN, 0};
    static_cast<void>(::poll(&doorbell, 1, -1));
    uint64_t rings = 0;
    static_cast<void>(!::read(session_.config.doorbell_fd, &rings, sizeof rings));
  }
  ring::park_withdraw(header);
}

void RingServer::run() {
  const ring::Header& header = session_.memory.header();
  Spinner spinner;
  while (ring::session_state(header) == ring::SessionState::open) {
    CommandCopy command;
    switch (take(command)) {
      case Taken::command:
        handle(std::move(command));
        spinner.reset();
        break;
      case Taken::nothing:
        if (!spinner.spin()) {
          sleep();
          spinner.reset();
        }
        break;
      case Taken::broken: VGPU_ERROR("the guest process sent a malformed command; its session ends"); return;
    }
  }
}

}  // namespace vgpu::host
