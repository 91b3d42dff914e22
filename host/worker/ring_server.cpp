// SPDX-License-Identifier: Apache-2.0
#include "host/worker/ring_server.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "common/log.h"
#include "common/spin.h"
#include "common/sticky.h"
#include "host/worker/hand/calls.h"
#include "host/worker/private_calls.h"

namespace vgpu::host {
namespace {

constexpr uint64_t kUnitsPerHead = 64;
// A launch of eight parameters is two or three.
constexpr uint64_t kUnitsForLanes = 64, kUnitsForSequence = 16;
constexpr uint32_t kFewUnits = 8;
constexpr unsigned kManyInARow = 16;
static_assert(kUnitsPerHead < ring::kRingUnits / 4);

// What goes wrong with a message of the guest library's own is nothing to tell the program of.
bool is_programs_own(uint16_t opcode) { return call_of(opcode) < wire::kFirstPrivate; }

bool may_end_context(uint16_t opcode) {
  namespace op = api::opcode;
  return opcode == op::cuCtxDestroy_v2 || opcode == op::cuDevicePrimaryCtxRelease_v2 ||
         opcode == op::cuDevicePrimaryCtxReset_v2 || opcode == op::cuGreenCtxDestroy;
}

}  // namespace

RingServer::Taken RingServer::take(CommandCopy& command, uint32_t& units) {
  std::byte* at = session_.memory.units(position_);
  // SAFETY: a command starts on a unit, and kRingUnits units from there are mapped (the ring is mapped twice).
  const auto& shared = *reinterpret_cast<const ring::Command*>(at);
  units = ring::load_commit(shared);
  if (units == 0) return Taken::nothing;
  // One copy of the header; every check is on the copy.
  struct {
    uint16_t opcode, flags;
    uint32_t thread, reply_slot;
    uint64_t context, payload_bytes, blob;
  } const header = {shared.opcode,  shared.flags,         shared.thread, shared.reply_slot,
                    shared.context, shared.payload_bytes, shared.blob};
  // Nor may the compiler look at the shared one again, instead of keeping what it has read.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  const bool in_blob = (header.flags & ring::kBlobPayload) != 0;
  const uint64_t inline_bytes = in_blob ? 0 : header.payload_bytes;
  if (inline_bytes > ring::kMaxInline || units != ring::units_for(sizeof(ring::Command) + inline_bytes) ||
      (header.reply_slot != ring::kNoReply && header.reply_slot >= ring::kReplySlots) ||
      header.opcode >= wire::kOpcodeEnd)
    return Taken::broken;

  command.opcode = header.opcode;
  command.flags = header.flags;
  command.thread = header.thread;
  command.reply_slot = header.reply_slot;
  command.context = header.context;
  command.traced_since = session_.trace.on() ? Trace::now() : 0;
  const std::byte* payload = at + sizeof(ring::Command);
  // A blob's buffer is not kept: it would wander into a lane with the next launch.
  if (command.payload.capacity() > 2 * ring::kMaxInline) command.payload = {};
  command.payload.assign(payload, payload + inline_bytes);
  if (in_a_row_ != 0 || command.reply_slot == ring::kNoReply) prefetch_after(units);
  session_.counters.own().bytes_inline.add(inline_bytes);
  return !in_blob || collect_blob(command, header.blob) ? Taken::command : Taken::broken;
}

// While this command is carried out, the next one comes from its producer's cache. Of a ring that has been empty until
// now, its lines are still to be written if somebody waits for this one, and looking at them would keep him waiting. Of
// one that has long not been, they are asked for as release() needs them.
void RingServer::prefetch_after(uint32_t units) const {
  for (uint32_t unit = units; unit < units + 3; ++unit) {
    const std::byte* const line = session_.memory.units(position_ + unit);
    if (in_a_row_ >= kManyInARow) ring::prefetch_to_write(line);
    else __builtin_prefetch(line);
  }
}

void RingServer::release(uint64_t units) {
  for (uint64_t i = 0; i < units; ++i) {
    // SAFETY: units are 64-byte aligned memory of the ring; their first word is the commit word of a later command.
    auto* word = reinterpret_cast<std::atomic<uint32_t>*>(session_.memory.units(position_ + i));
    word->store(0, std::memory_order_relaxed);
  }
  position_ += units;
  if (position_ - published_ >= kUnitsPerHead) publish_head();
}

// Every producer reads `head` for each command, so it moves in steps. Those that sleep for space are woken when there
// is enough for all of them: one command's room, many times over, would cost a call of the kernel each.
void RingServer::publish_head() {
  ring::Header& header = session_.memory.header();
  ring::advance_head(header, position_);
  published_ = position_;
  if (header.space_waiters.load(std::memory_order_relaxed) == 0) return;
  // The guest's word is a hint here: a wrong one wakes its own threads too early or too late.
  const uint64_t reserved = header.tail.load(std::memory_order_relaxed) - position_;
  if (reserved <= ring::kRingUnits - ring::kRingUnits / 4) wake_producers();
}

// There is nothing to do: whoever waits for space is told of all there is. Once for each place where that happens; the
// fence pairs with the producer's count of itself, before it looks at `head` for the last time.
void RingServer::catch_up() {
  if (caught_up_ == position_) return;
  caught_up_ = published_ = position_;
  ring::Header& header = session_.memory.header();
  ring::advance_head(header, position_);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (header.space_waiters.load(std::memory_order_relaxed) != 0) wake_producers();
}

void RingServer::wake_producers() {
  ring::Header& header = session_.memory.header();
  header.head_word.fetch_add(1, std::memory_order_seq_cst);
  session_.waker.wake(header.head_word);
}

// Only a hint: the guest can write what it likes there.
bool RingServer::has_backlog(uint64_t units) const {
  return session_.memory.header().tail.load(std::memory_order_relaxed) - position_ >= units;
}

bool RingServer::collect_blob(CommandCopy& command, uint64_t blob) {
  std::optional<std::vector<std::byte>> payload = session_.blobs.take(blob);
  if (!payload) return false;
  command.payload = std::move(*payload);
  return true;
}

void RingServer::answer(const CommandCopy& command, CUresult result, std::vector<std::byte>& bytes, uint32_t flags) {
  ring::ReplySlot& slot = session_.memory.slot(command.reply_slot);
  // Only a program's own call may tell it. An exchange waits for all stores before it, so there is none for nothing.
  int32_t posted_error = 0;
  if (command.opcode < wire::kFirstPrivate && session_.posted_error.load(std::memory_order_relaxed) != 0) [[unlikely]]
    posted_error = session_.posted_error.exchange(0, std::memory_order_relaxed);
  const auto size = static_cast<uint32_t>(bytes.size());
  if (size > sizeof slot.data) {
    slot.blob = session_.blobs.keep(std::move(bytes));
    if (slot.blob == 0) result = CUDA_ERROR_OUT_OF_MEMORY;
    else flags |= ring::kReplyInBlob;
  } else if (size != 0) {
    std::memcpy(slot.data, bytes.data(), size);
  }
  // The guest looks at this line all the time: what is written here is written at once, `state` with it.
  slot.bytes = size;
  slot.result = static_cast<int32_t>(result);
  slot.flags = flags;
  slot.posted_error = posted_error;
  const bool sleeps = ring::complete(slot);
  session_.counters.own().replies.add(1);
  if (!sleeps) return;
  session_.counters.own().wakeups.add(1);
  session_.waker.wake(slot.state);
}

CUresult RingServer::run_command(const CommandCopy& command) {
  // One buffer per thread, so that a steady state allocates nothing.
  thread_local std::vector<std::byte> bytes;
  bytes.clear();
  Invocation invocation(session_, command, bytes);
  const CUresult result = execute(invocation);
  if (result != CUDA_SUCCESS && is_sticky(result)) [[unlikely]]
    session_.faults.note(session_.driver, command.context, result);
  // Before the answer, so that a program that has got all its answers has all its calls in the trace.
  if (command.traced_since != 0) [[unlikely]]
    session_.trace.record(invocation, command.traced_since, result, bytes);
  if (command.reply_slot == ring::kNoReply) {
    note_posted(command, invocation.told_later ? CUDA_SUCCESS : result);
    return result;
  }
  uint32_t flags = invocation.malformed ? static_cast<uint32_t>(ring::kMalformed) : 0;
  // Only calls that may have waited for the device can have made the driver print.
  if ((command.flags & ring::kHelper) != 0) flags |= text_flag(result);
  helpers_.finishing();
  answer(command, result, bytes, flags);
  return result;
}

void RingServer::note_posted(const CommandCopy& command, CUresult result) {
  session_.counters.own().posted.add(1);
  int32_t none = 0;
  if (result != CUDA_SUCCESS && is_programs_own(command.opcode))
    session_.posted_error.compare_exchange_strong(none, static_cast<int32_t>(result));
}

// A command that was not carried out.
void RingServer::refuse(const CommandCopy& command, CUresult result) {
  if (command.reply_slot == ring::kNoReply) return note_posted(command, result);
  std::vector<std::byte> nothing;
  answer(command, result, nothing, 0);
}

// Whether there is text of kernels, or of an assertion, after a wait that ended so; a look is two calls of the kernel.
uint32_t RingServer::text_flag(CUresult result) {
  const bool may_bring_text = session_.debts.may_have_printed() || result != CUDA_SUCCESS;
  return may_bring_text && session_.output.pending() ? static_cast<uint32_t>(ring::kOutputPending) : 0;
}

// A copy that the device has made by itself.
void RingServer::answer_copy(const CommandCopy& command, CUresult result) {
  std::vector<std::byte> bytes;
  if (result != CUDA_SUCCESS && is_sticky(result)) [[unlikely]] {
    static_cast<void>(make_current(session_, command.context));
    session_.faults.note(session_.driver, command.context, result);
  }
  if (command.traced_since != 0) [[unlikely]] {
    Invocation invocation(session_, command, bytes);
    session_.trace.record(invocation, command.traced_since, result, bytes);
  }
  answer(command, result, bytes, text_flag(result));
}

// A call that only waits (gate.h), and nothing is left to wait for: the driver's own call is not made.
void RingServer::answer_done(const CommandCopy& command) {
  if (command.traced_since != 0) [[unlikely]]
    return static_cast<void>(run_command(command));
  std::vector<std::byte> nothing;
  answer(command, CUDA_SUCCESS, nothing, 0);
}

// Whether the guest thinks so, and is right. What comes behind a blocking command of its thread waits for that.
bool RingServer::blocks(const CommandCopy& command) {
  if ((command.flags & ring::kHelper) == 0) return false;
  return !hand::is_at_hand(session_, command) || helpers_.busy(command.thread) || waiting_.has(command.thread);
}

void RingServer::handle(CommandCopy& command) {
  session_.counters.own().commands.add(1);
  const uint16_t opcode = command.opcode;
  session_.hardware_queues.note_launch(command);
  if (sequences_->go_on_with(command)) return waiting_.disturb(opcode);
  sequences_->end_before(command);
  if (!copies_.empty() && may_end_context(opcode)) copies_.leave_all();
  if (!lanes_.hold_launches() && sequences_->begin_with(command, [this] { return has_backlog(kUnitsForSequence); }))
    return waiting_.disturb(opcode);
  if (lanes_.take(command, [this] { return has_backlog(kUnitsForLanes); })) return waiting_.disturb(opcode);
  lanes_.drain();
  sequences_->notice(opcode);
  lanes_.notice(opcode);
  if (!blocks(command)) {
    run_command(command);
    waiting_.disturb(opcode);
    return;
  }
  // A guest thread has several of these under way only as pieces of one copy, whose order means nothing.
  if (CopiesUnderWay::suits(command) && copies_.start(command)) return waiting_.disturb(opcode);
  if (!helpers_.busy(command.thread) && admit(command)) return;
  waiting_.disturb(opcode);
  to_helper(std::move(command));
}

std::unique_ptr<LaunchSequences> RingServer::make_sequences(bool may_make_graphs,
                                                            const LaunchSequences::Limits& limits) {
  return std::make_unique<LaunchSequences>(session_.driver, session_.handles, launches_,
                                           may_make_graphs && session_.config.launch_graphs, limits);
}

bool RingServer::admit(CommandCopy& command) {
  return waiting_.admit(
      command, [this](const CommandCopy& done) { answer_done(done); },
      [this](const CommandCopy& open) { run_command(open); });
}

void RingServer::look_after_waiting() {
  // A stream that is found idle may be that of launches which the driver has not got yet.
  const bool held_back = sequences_->keeps() || lanes_.hold_launches();
  waiting_.look(
      held_back, [this](const CommandCopy& command) { answer_done(command); },
      [this](const CommandCopy& command) { run_command(command); },
      [this, held_back](CommandCopy command) {
        if (!CopiesUnderWay::suits_late(command) || !copies_.start(command, held_back)) to_helper(std::move(command));
      });
}

void RingServer::to_helper(CommandCopy command) {
  if (!helpers_.make_ready(command.thread)) return refuse(command, CUDA_ERROR_OUT_OF_MEMORY);
  session_.counters.own().helper_calls.add(1);
  const uint32_t thread = command.thread;
  const bool last = command.opcode == wire::kThreadExit;
  // Of the library's own commands, one waits for a callback that may never come.
  const bool is_call = is_programs_own(command.opcode);
  if (is_call) answers_due_.add(is_wait(command.opcode) && session_.may_stay_awake());
  helpers_.submit(thread, [this, is_call, owned = std::move(command)] {
    run_command(owned);
    if (is_call) answers_due_.remove();
  });
  if (last) helpers_.retire(thread);
}

// Producers write this line all the time: looking at it costs them and us.
void RingServer::measure_depth() {
  const uint64_t tail = session_.memory.header().tail.load(std::memory_order_relaxed);
  const uint64_t units = std::min<uint64_t>(tail > position_ ? tail - position_ : 0, ring::kRingUnits);
  session_.counters.own().ring_depth.raise_to(units * ring::kUnit);
}

// Whether the next command is there, or the session has ended.
bool RingServer::has_news() const {
  // SAFETY: as in take().
  const auto& next = *reinterpret_cast<const ring::Command*>(session_.memory.units(position_));
  return ring::load_commit(next) != 0 || ring::session_state(session_.memory.header()) != ring::SessionState::open;
}

// Producers do not wait for their stores to arrive before they look whether we sleep (ring::must_ring).
bool RingServer::has_news_soon() const {
  const auto until = std::chrono::steady_clock::now() + ring::kParkGrace;
  do {
    if (has_news()) return true;
    cpu_relax();
  } while (std::chrono::steady_clock::now() < until);
  return false;
}

void RingServer::sleep() {
  catch_up();
  ring::Header& header = session_.memory.header();
  ring::park_announce(header);
  // A guest that waits for a chunk cannot ring.
  const bool chunks_busy = session_.window.busy();
  if (chunks_busy && !has_news_soon()) ::poll(nullptr, 0, 1);
  const auto first = static_cast<int>(ring::kFirstSleep.count());
  for (int timeout = first; !chunks_busy && !has_news_soon(); timeout = -1) {
    session_.counters.own().parks.add(1);
    pollfd doorbell = {session_.config.doorbell_fd, POLLIN, 0};
    if (::poll(&doorbell, 1, timeout) == 0) continue;
    uint64_t rings = 0;
    static_cast<void>(!::read(session_.config.doorbell_fd, &rings, sizeof rings));
    break;
  }
  ring::park_withdraw(header);
}

// Its units are given back when the answer is out: until those stores have arrived, the first lock on the way would
// wait for them. Only a long command's room may be what producers wait for.
void RingServer::carry_out(CommandCopy& command, uint32_t units) {
  if (units > kFewUnits) release(units);
  handle(command);
  if (units <= kFewUnits) release(units);
  ++in_a_row_;
  looked_ = 0;
}

// Asking the driver costs a third of a launch: not after every one of them.
void RingServer::look_around(unsigned taken) {
  if (taken % 4 != 0) return;
  // Of threads that do not go on.
  if (sequences_->keeps()) sequences_->look();
  if (!waiting_.empty()) look_after_waiting();
  if (!copies_.empty()) copies_.look();
  if (session_.window.busy()) session_.window.look();
  if (taken % 64 == 0) measure_depth();
}

// Who waits for an answer sends the next command as soon as he has it: it comes before what others may be told.
void RingServer::idle(Spinner& spinner) {
  constexpr unsigned kLooks = 16;
  if (sequences_->keeps()) return sequences_->look();
  in_a_row_ = 0;
  if (looked_++ == kLooks) catch_up();
  lanes_.rest();
  if (session_.window.busy()) session_.window.look();
  if (!copies_.empty()) copies_.look();
  if (!waiting_.empty()) return look_after_waiting();
  if (!copies_.empty()) return;
  if (session_.processors_to_spare && (session_.guest_wait.is_under_way() || answers_due_.come_soon())) {
    cpu_relax();
    spinner.reset();
  } else if (!spinner.spin() && !ring_pages_.map_next(position_)) {
    sleep();
    spinner.slept();
  }
}

void RingServer::run() {
  const ring::Header& header = session_.memory.header();
  Spinner spinner = Spinner::adaptive();
  CommandCopy command;  // kept, so that its buffer is
  uint32_t units = 0;
  for (unsigned taken = 0; ring::session_state(header) == ring::SessionState::open;) {
    switch (take(command, units)) {
      case Taken::command:
        carry_out(command, units);
        look_around(++taken);
        spinner.reset();
        break;
      case Taken::nothing: idle(spinner); break;
      case Taken::broken: VGPU_ERROR("the guest process sent a malformed command; its session ends"); return;
    }
  }
  sequences_->end();
}

}  // namespace vgpu::host
