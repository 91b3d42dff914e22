// SPDX-License-Identifier: Apache-2.0
#include "libcuda/session.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <thread>

#include "common/codec/bytes.h"
#include "common/futex.h"
#include "common/log.h"
#include "common/spin.h"
#include "libcuda/known_strangers.h"

namespace vgpu::guest {
namespace {

using std::chrono::milliseconds;
// A sleeper that nobody wakes looks around this often for a worker or daemon that vanished.
constexpr milliseconds kLookAround(500);

}  // namespace

bool Session::check_lost() {
  if (is_lost()) return true;
  if (ring::session_state(header()) == ring::SessionState::open && !transport_->lost()) return false;
  if (!lost_.exchange(true)) VGPU_ERROR("the GPU worker of this process is gone; every CUDA call fails from now on");
  return true;
}

uint32_t Session::acquire_slot() {
  // Threads start at different words, so that they seldom meet.
  static thread_local const size_t first = std::hash<std::thread::id>()(std::this_thread::get_id());
  for (size_t round = 0;; ++round) {
    const size_t word = (first + round) % busy_slots_.size();
    uint64_t busy = busy_slots_[word].load(std::memory_order_relaxed);
    while (busy != ~uint64_t{0}) {
      const int bit = std::countr_one(busy);
      if (busy_slots_[word].compare_exchange_weak(busy, busy | uint64_t{1} << bit, std::memory_order_acquire))
        return static_cast<uint32_t>(word * 64 + static_cast<size_t>(bit));
    }
    if (round >= busy_slots_.size()) std::this_thread::yield();
  }
}

void Session::release_slot(uint32_t slot) {
  busy_slots_[slot / 64].fetch_and(~(uint64_t{1} << (slot % 64)), std::memory_order_release);
}

uint32_t Session::acquire_chunk() {
  for (uint32_t i = 0;; i = (i + 1) % ring::kChunks) {
    uint32_t free = 0;
    if (header().chunk_busy[i].compare_exchange_strong(free, 1, std::memory_order_acquire)) return i;
    if (i == ring::kChunks - 1) {
      std::this_thread::yield();
      if (check_lost()) return 0;  // Any chunk will do: nothing is read from it any more.
    }
  }
}

void Session::release_chunk(uint32_t chunk) { header().chunk_busy[chunk].store(0, std::memory_order_release); }

// A head that another thread has seen orders what the worker did before as well as one's own look.
bool Session::wait_for_space(uint64_t end) {
  if (end - known_head_.load(std::memory_order_acquire) <= ring::kRingUnits) return true;
  ring::Header& h = header();
  Spinner spinner;
  uint64_t head = ring::load_head(h);
  for (; end - head > ring::kRingUnits; head = ring::load_head(h)) {
    if (ring::session_state(h) != ring::SessionState::open) return false;
    if (spinner.spin()) continue;
    h.space_waiters.fetch_add(1, std::memory_order_seq_cst);
    const uint32_t seen = h.head_word.load(std::memory_order_seq_cst);
    if (end - ring::load_head(h) > ring::kRingUnits) transport_->wait(h.head_word, seen, kLookAround);
    h.space_waiters.fetch_sub(1, std::memory_order_relaxed);
    if (end - ring::load_head(h) > ring::kRingUnits && check_lost()) return false;
  }
  known_head_.store(head, std::memory_order_release);
  return true;
}

// The worker has written to the units that come next. A burst of commands takes its lines faster than they come from
// another processor, so they are asked for some commands ahead; the nearest ones once more, but for the one
// that the worker is looking at. Where the ring is nearly full they are commands that the worker is about to read.
void Session::prefetch_units(uint64_t end, uint32_t units) const {
  constexpr uint32_t kNear = 3, kAhead = 12, kMost = 4;
  if (end + kAhead + kMost - known_head_.load(std::memory_order_relaxed) > ring::kRingUnits) return;
  for (uint32_t unit = 1; unit < kNear; ++unit) ring::prefetch_to_write(memory_.units(end + unit));
  for (uint32_t unit = 0; unit < std::min(units, kMost); ++unit)
    ring::prefetch_to_write(memory_.units(end + kAhead + unit));
}

Session::Sent Session::send(const Message& message, uint32_t slot, uint64_t blob) {
  const size_t inline_bytes = blob == 0 ? message.payload.size() : 0;
  const auto units = static_cast<uint32_t>(ring::units_for(sizeof(ring::Command) + inline_bytes));
  const uint64_t position = header().tail.fetch_add(units, std::memory_order_relaxed);
  if (message.extent != nullptr) *message.extent = {position, position + units};
  if (!wait_for_space(position + units)) return {kLostError, false};
  std::byte* at = memory_.units(position);
  // SAFETY: kRingUnits units from any position are mapped and these are reserved for this thread.
  auto& command = *reinterpret_cast<ring::Command*>(at);
  command.opcode = message.opcode;
  command.flags = static_cast<uint16_t>(message.flags | (blob != 0 ? ring::kBlobPayload : 0));
  command.thread = message.thread;
  command.reply_slot = slot;
  command.context = message.context;
  command.payload_bytes = message.payload.size();
  command.blob = blob;
  if (inline_bytes != 0) std::memcpy(at + sizeof(ring::Command), message.payload.data(), inline_bytes);
  ring::publish(command, units);
  prefetch_units(position + units, units);
  const bool woke_worker = ring::must_ring(header());
  if (woke_worker) transport_->ring_doorbell();
  return {CUDA_SUCCESS, woke_worker};
}

bool Session::send_blob(const Message& message, uint64_t& blob) {
  blob = next_blob_.fetch_add(1, std::memory_order_relaxed);
  const uint64_t total = message.payload.size();
  for (uint64_t offset = 0; offset < total;) {
    const uint64_t bytes = std::min<uint64_t>(total - offset, ring::kChunkBytes);
    const uint32_t staging = acquire_chunk();
    std::memcpy(chunk(staging), message.payload.data() + offset, static_cast<size_t>(bytes));
    std::vector<std::byte> payload;
    codec::Writer writer(payload);
    writer.put(blob);
    writer.put(total);
    writer.put(staging);
    writer.put(bytes);
    if (send({wire::kBlobAppend, 0, message.thread, 0, payload}, ring::kNoReply, 0).status != CUDA_SUCCESS)
      return false;
    offset += bytes;
  }
  return true;
}

// Whether the answer is to be observed as well.
bool Session::before_command(const Message& message) {
  Coherence* const coherence = coherence_.load(std::memory_order_acquire);
  if (coherence == nullptr) return false;
  if (message.opcode >= wire::kFirstPrivate && message.opcode != wire::kCapturedLaunch &&
      message.opcode != wire::kMarkedRecord && message.opcode != wire::kMarkedCopy)
    return false;
  coherence->before_command();
  return true;
}

CUresult Session::post(const Message& message) {
  if (is_lost()) return kLostError;
  if (!leaves_addresses(message.opcode)) address_changes_.fetch_add(1, std::memory_order_acq_rel);
  before_command(message);
  uint64_t blob = 0;
  if (message.payload.size() > ring::kMaxInline && !send_blob(message, blob)) return kLostError;
  return send(message, ring::kNoReply, blob).status;
}

Session::Pending Session::begin(const Message& message) {
  if (is_lost()) return {.failure = kLostError};
  const bool changes = !leaves_addresses(message.opcode);
  if (changes) address_changes_.fetch_add(1, std::memory_order_acq_rel);
  const bool observed = before_command(message);
  uint64_t blob = 0;
  if (message.payload.size() > ring::kMaxInline && !send_blob(message, blob)) return {.failure = kLostError};
  const uint32_t index = acquire_slot();
  ring::ReplySlot& slot = memory_.slot(index);
  slot.waiting.store(0, std::memory_order_relaxed);
  slot.state.store(static_cast<uint32_t>(ring::SlotState::pending), std::memory_order_relaxed);
  const Sent sent = send(message, index, blob);
  if (sent.status == CUDA_SUCCESS)
    return {.slot = index,
            .for_device = (message.flags & ring::kHelper) != 0,
            .woke_worker = sent.woke_worker,
            .changes_addresses = changes,
            .observed = observed,
            .expected = message.expected};
  release_slot(index);
  return {.failure = sent.status};
}

// A worker that has to wake takes longer than a short spin lasts, and to fall asleep meanwhile would mean to wait for
// another waking, one's own.
bool Session::wait_for_reply(ring::ReplySlot& slot, const Pending& pending) {
  Spinner spinner = pending.for_device || pending.woke_worker ? Spinner::for_device(pending.expected) : Spinner();
  for (unsigned looks = 0; !ring::is_done(slot); ++looks) {
    if (ring::session_state(header()) != ring::SessionState::open) break;
    use_wait(looks);
    if (spinner.spin() || ring_pages_.map_next(position())) continue;
    ring::sleep_announce(slot);
    if (ring::is_done(slot) || ring::session_state(header()) != ring::SessionState::open) break;
    transport_->wait(slot.state, static_cast<uint32_t>(ring::SlotState::pending), kLookAround);
    if (!ring::is_done(slot) && check_lost()) break;
  }
  return ring::is_done(slot);
}

CUresult Session::finish(const Pending& pending, std::vector<std::byte>& reply) {
  reply.clear();
  if (pending.slot == ring::kNoReply) return pending.failure;
  ring::ReplySlot& slot = memory_.slot(pending.slot);
  if (!wait_for_reply(slot, pending)) {
    check_lost();
    // The worker might still write to the slot of a lost session: it is never used again.
    return kLostError;
  }
  const uint32_t bytes = slot.bytes;
  const uint32_t flags = slot.flags;
  const uint64_t blob = slot.blob;
  auto result = static_cast<CUresult>(slot.result);
  const auto posted_error = static_cast<CUresult>(slot.posted_error);
  const bool in_blob = (flags & ring::kReplyInBlob) != 0;
  if (!in_blob && bytes <= sizeof slot.data) reply.assign(slot.data, slot.data + bytes);
  // It is the first that this thread's next call takes, and the worker has just written there.
  ring::prefetch_to_write(&slot);
  release_slot(pending.slot);
  if (in_blob) {
    reply.resize(bytes);
    if (const CUresult status = fetch_blob(blob, reply); status != CUDA_SUCCESS) return status;
  }
  if ((flags & ring::kOutputPending) != 0) print_device_output();
  if (pending.changes_addresses) address_changes_.fetch_add(1, std::memory_order_acq_rel);
  if (pending.observed) coherence_.load(std::memory_order_acquire)->after_answer();
  // CUDA: a call "may also return error codes from previous, asynchronous launches".
  return result == CUDA_SUCCESS ? posted_error : result;
}

std::optional<ring::CallbackRequest> Session::next_callback() {
  ring::Header& h = header();
  const uint32_t done = h.callbacks_done.load(std::memory_order_relaxed);
  while (h.callbacks_given.load(std::memory_order_acquire) == done) {
    if (ring::session_state(h) != ring::SessionState::open || check_lost()) return std::nullopt;
    transport_->wait(h.callbacks_given, done, kLookAround);
  }
  const ring::CallbackRequest request = h.callback;
  // That the stream has come so far is news of the device.
  if (Coherence* const coherence = coherence_.load(std::memory_order_acquire)) coherence->after_answer();
  return request;
}

void Session::callback_done() {
  ring::Header& h = header();
  h.callbacks_done.store(h.callbacks_done.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  futex::wake_all(h.callbacks_done);  // a worker on the same kernel; one beyond a VM's border looks now and then
}

CUresult Session::fetch_blob(uint64_t blob, std::vector<std::byte>& reply) {
  std::vector<std::byte> payload, empty;
  CUresult status = CUDA_SUCCESS;
  for (uint64_t offset = 0; offset < reply.size() && status == CUDA_SUCCESS;) {
    const uint64_t bytes = std::min<uint64_t>(reply.size() - offset, ring::kChunkBytes);
    const uint32_t staging = acquire_chunk();
    payload.clear();
    codec::Writer writer(payload);
    writer.put(blob);
    writer.put(offset);
    writer.put(staging);
    writer.put(bytes);
    status = call({wire::kBlobRead, 0, 0, 0, payload}, empty);
    if (status == CUDA_SUCCESS) std::memcpy(reply.data() + offset, chunk(staging), static_cast<size_t>(bytes));
    release_chunk(staging);
    offset += bytes;
  }
  payload.clear();
  codec::Writer(payload).put(blob);
  static_cast<void>(post({wire::kBlobDrop, 0, 0, 0, payload}));
  return status;
}

void Session::print_device_output() {
  constexpr uint32_t kCapacity = 8192;
  std::vector<std::byte> payload, text;
  codec::Writer(payload).put(kCapacity);
  // Through stdio, as the driver does, so that the order with the program's own output is right.
  while (call({wire::kTakeOutput, 0, 0, 0, payload}, text) == CUDA_SUCCESS && !text.empty())
    std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace vgpu::guest
