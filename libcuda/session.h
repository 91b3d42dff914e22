// SPDX-License-Identifier: Apache-2.0
// Session: the guest's end of the command ring. Any thread posts commands or makes calls at any time; there is no lock
// on the way. Once the worker is lost every call returns the same sticky error.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/face/cuda_api.h"
#include "common/ring_pages.h"
#include "libcuda/idle_streams.h"
#include "libcuda/transport.h"
#include "vgpu/wire.h"

namespace vgpu::guest {

struct Message {
  uint16_t opcode = 0;
  uint16_t flags = 0;  // ring::CommandFlag
  uint32_t thread = 0;
  uint64_t context = 0;
  std::span<const std::byte> payload;
  std::chrono::microseconds expected{0};  // with kHelper: how long the device itself may well take
  Extent* extent = nullptr;               // told where the message stands, if the sender wants to know
};

// What a program is told when its worker is gone: like a failed launch, the process must be restarted.
constexpr CUresult kLostError = CUDA_ERROR_LAUNCH_FAILED;

// What has to reach the device's side before a command does, and to come back after an answer. Any thread.
class Coherence {
 public:
  virtual ~Coherence() = default;
  virtual void before_command() = 0;
  virtual void after_answer() = 0;
};

class Session {
 public:
  // A call under way.
  struct Pending {
    uint32_t slot = ring::kNoReply;
    bool for_device = false;          // the answer comes when the device has done something
    bool woke_worker = false;         // the answer comes when the worker is awake
    bool changes_addresses = false;   // the driver may know more addresses when it has been answered
    bool observed = false;            // the answer may be news of what the device did
    CUresult failure = CUDA_SUCCESS;  // set when the call could not be sent
    std::chrono::microseconds expected{0};
  };

  explicit Session(std::unique_ptr<Transport> transport)
      : transport_(std::move(transport)), memory_(transport_->memory()), ring_pages_(memory_, kPagesAhead) {}

  Transport& transport() { return *transport_; }
  // Moves with every message that is sent.
  uint64_t position() const { return header().tail.load(std::memory_order_relaxed); }
  // Counts calls that the worker had no part in, for its statistics.
  void count_answered(uint32_t calls) {
    if (calls != 0) header().answered_in_guest.fetch_add(calls, std::memory_order_relaxed);
  }
  // Moves when something is sent, and when it is answered, after which the driver may know addresses that it did not.
  uint64_t address_changes() const { return address_changes_.load(std::memory_order_acquire); }
  bool is_lost() const { return lost_.load(std::memory_order_relaxed); }

  // From now on, and for good: asked around every command that is not a message of ours.
  void keep_coherent(Coherence& coherence) { coherence_.store(&coherence, std::memory_order_release); }

  bool is_kept_coherent() const { return coherence_.load(std::memory_order_relaxed) != nullptr; }

  // Sends a command that is not answered.
  CUresult post(const Message& message);
  // Sends a command; finish() waits for the answer and puts its data into `reply`.
  Pending begin(const Message& message);
  CUresult finish(const Pending& pending, std::vector<std::byte>& reply);
  CUresult call(const Message& message, std::vector<std::byte>& reply) { return finish(begin(message), reply); }

  // The program's host functions, fetched by one thread: the next, none when the session is over; and that it has run.
  std::optional<ring::CallbackRequest> next_callback();
  void callback_done();

  // For who waits for the worker or the device, after each look: what can be done beforehand for later commands.
  void use_wait(unsigned looks) {
    constexpr unsigned kShort = 256, kLooksPerPage = 32;  // shorter waits count each microsecond
    if (looks >= kShort && looks % kLooksPerPage == 0) ring_pages_.map_next(position());
  }

  // A staging chunk of the window, ours until it is released here or by the worker.
  uint32_t acquire_chunk();
  void release_chunk(uint32_t chunk);
  std::byte* chunk(uint32_t chunk) const { return memory_.chunk(chunk); }

 private:
  // Of some two thousand launches; a program that sends little need not have all.
  static constexpr uint32_t kPagesAhead = 64;

  bool before_command(const Message& message);
  // A command in the ring; `woke_worker`: the worker slept, and was rung for.
  struct Sent {
    CUresult status;
    bool woke_worker;
  };
  Sent send(const Message& message, uint32_t slot, uint64_t blob);
  bool send_blob(const Message& message, uint64_t& blob);
  bool wait_for_space(uint64_t end);
  void prefetch_units(uint64_t end, uint32_t units) const;
  bool wait_for_reply(ring::ReplySlot& slot, const Pending& pending);
  CUresult fetch_blob(uint64_t blob, std::vector<std::byte>& reply);
  void print_device_output();
  bool check_lost();
  uint32_t acquire_slot();
  void release_slot(uint32_t slot);
  ring::Header& header() const { return memory_.header(); }

  const std::unique_ptr<Transport> transport_;
  const SessionMemory& memory_;  // the transport's
  RingPages ring_pages_;
  std::atomic<bool> lost_{false};
  std::atomic<Coherence*> coherence_{nullptr};
  std::atomic<uint64_t> next_blob_{1};
  std::atomic<uint64_t> address_changes_{0};
  // Where `head` was when somebody last looked. It only grows, and its line is the worker's.
  std::atomic<uint64_t> known_head_{0};
  std::array<std::atomic<uint64_t>, ring::kReplySlots / 64> busy_slots_ = {};
};

}  // namespace vgpu::guest
