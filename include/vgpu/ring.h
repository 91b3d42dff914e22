// SPDX-License-Identifier: Apache-2.0
// The shared memory of one session: header, reply slots, staging window, command ring (docs/wire.md).
//
// Many guest threads produce, one dispatcher of the worker consumes, in ring order. All lock-free code of
// the product is in this file. Positions are in units of 64 bytes and never wrap; the ring is mapped twice in a row,
// so a command that crosses the end is contiguous for both sides.
// Either side may be hostile to the other: nothing here trusts a value the other side can change.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace vgpu::ring {

constexpr uint32_t kMagic = 0x55504756;  // "VGPU"
// Raised when the meaning of existing bytes changes. Everything else is negotiated by the bitmap of served calls.
constexpr uint32_t kFormat = 4;

constexpr size_t kUnit = 64;
constexpr size_t kPage = 4096;
constexpr uint32_t kReplySlots = 256;
constexpr uint32_t kChunks = 32;    // staging chunks in the window
constexpr uint32_t kMarkers = 512;  // words of the header
constexpr size_t kChunkBytes = 256 << 10;
constexpr size_t kRingBytes = 1 << 20;
constexpr size_t kRingUnits = kRingBytes / kUnit;
constexpr size_t kMaxInline = 16 << 10;  // payload bytes of a command; larger ones travel as a blob

enum class SessionState : uint32_t { open = 0, worker_lost = 1, closed = 2 };

// First page of the session's memory. Each field that one side writes often has a cache line of its own.
// A host function that the driver wants to run now, and that is the program's.
struct CallbackRequest {
  uint64_t function;
  uint64_t user_data;
  uint64_t stream;  // guest's stream handle, for CUstreamCallback
  int32_t status;
  uint32_t is_stream_callback;
};
static_assert(sizeof(CallbackRequest) == 32);

struct Header {
  uint32_t magic;
  uint32_t format;
  uint64_t total_bytes;
  uint64_t slots_offset;
  uint64_t window_offset;
  uint64_t ring_offset;
  uint64_t ring_bytes;
  uint32_t slot_count;
  uint32_t chunk_count;
  alignas(64) std::atomic<uint64_t> tail;                 // units reserved; producers
  alignas(64) std::atomic<uint64_t> head;                 // units consumed; consumer
  alignas(64) std::atomic<uint32_t> worker_parked;        // 1: ring the doorbell after publishing
  alignas(64) std::atomic<uint32_t> space_waiters;        // producers asleep on `head_word`
  std::atomic<uint32_t> head_word;                        // changes when `head` moved while someone slept
  alignas(64) std::atomic<uint32_t> state;                // SessionState
  alignas(64) std::atomic<uint32_t> chunk_busy[kChunks];  // guest takes 0 -> 1, worker (or guest) gives back
  alignas(64) std::atomic<uint64_t> answered_in_guest;    // calls that the library answered itself; for statistics
  // Words that the device writes when a stream has come to a point (wire::Marker). The guest says which and reads them;
  // the worker never does, so whoever writes here deceives himself.
  alignas(64) std::atomic<uint32_t> marker[kMarkers];
  // Host functions, one at a time: `callback` is the one with the number `callbacks_given`, which the worker counts;
  // the guest counts those that have run. They do not go through the ring: its dispatcher may be in a call of the
  // driver that goes on only when the host function has run.
  alignas(64) std::atomic<uint32_t> callbacks_given;
  CallbackRequest callback;
  alignas(64) std::atomic<uint32_t> callbacks_done;
};
static_assert(sizeof(Header) <= kPage);
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);

// A command starts on a unit. `commit` is stored last; zero means "not published yet", and the consumer zeroes the
// first word of every unit it has consumed, so old bytes never look like a new command.
struct Command {
  std::atomic<uint32_t> commit;  // units of this command, header included
  uint16_t opcode;
  uint16_t flags;       // CommandFlag
  uint32_t thread;      // which guest thread: commands of one thread stay in order
  uint32_t reply_slot;  // kNoReply for a posted command
  uint64_t context;     // handle of the thread's current context, 0 when none
  uint64_t payload_bytes;
  uint64_t blob;  // with kBlobPayload: which blob holds the payload
  uint64_t reserved;
};
static_assert(sizeof(Command) == 48);

constexpr uint32_t kNoReply = 0xffffffff;

enum CommandFlag : uint16_t {
  kPerThreadStream = 1,  // the call's NULL stream is the calling thread's own (_ptds, _ptsz)
  kBlobPayload = 2,
  kHelper = 4,  // run it on the thread's helper: the call may block
  // The calling thread's stream capture mode, a CUstreamCaptureMode (cuThreadExchangeStreamCaptureMode).
  kCaptureModeShift = 6,
  kCaptureModeMask = 3 << kCaptureModeShift,
  kMayAsk = 8,  // nothing is being captured: the driver may be asked whether a call would block
};

enum class SlotState : uint32_t { free = 0, pending = 1, done = 2 };

constexpr size_t kSlotBytes = 1024;
struct ReplySlot {
  std::atomic<uint32_t> state;    // SlotState
  std::atomic<uint32_t> waiting;  // 1: a guest thread sleeps on `state`
  int32_t result;                 // CUresult
  uint32_t flags;                 // ReplyFlag
  uint32_t bytes;                 // of `data`, or of the blob
  int32_t posted_error;           // first failure of a posted command since the last reply, 0 when none
  uint64_t blob;
  uint64_t reserved[4];
  std::byte data[kSlotBytes - 64];
};
static_assert(sizeof(ReplySlot) == kSlotBytes);

enum ReplyFlag : uint32_t {
  kReplyInBlob = 1,
  kOutputPending = 2,  // device printf text waits to be taken
  kMalformed = 4,      // the worker could not decode the command; `result` says what the caller sees
};

constexpr size_t kSlotsOffset = kPage;
constexpr size_t kWindowOffset = kSlotsOffset + kReplySlots * kSlotBytes;
constexpr size_t kRingOffset = kWindowOffset + kChunks * kChunkBytes;
constexpr size_t kTotalBytes = kRingOffset + kRingBytes;
static_assert(kRingOffset % kPage == 0 && kWindowOffset % kPage == 0);

// A store reaches memory within a microsecond, unless its processor stops, which drains it.
constexpr std::chrono::microseconds kParkGrace(5);
constexpr std::chrono::milliseconds kFirstSleep(20);

constexpr uint64_t units_for(size_t bytes) { return (bytes + kUnit - 1) / kUnit; }

// Asks for a cache line that is about to be written, where another processor may have it. Compilers make a request to
// read of their own prefetch unless they may assume a newer processor; all 64-bit ones take this instruction.
inline void prefetch_to_write(const void* line) {
#if defined(__x86_64__)
  __asm__ volatile("prefetchw %0" : : "m"(*static_cast<const char*>(line)));
#else
  __builtin_prefetch(line, 1);
#endif
}

// --- Memory order: each function says which other it pairs with. ---

// Producer: the command's bytes become visible before its commit word. Pairs with load_commit.
inline void publish(Command& command, uint32_t units) { command.commit.store(units, std::memory_order_release); }

// Consumer: a non-zero word means that the bytes of the command are there. Pairs with publish.
inline uint32_t load_commit(const Command& command) { return command.commit.load(std::memory_order_acquire); }

// Consumer: the units are zeroed and free. Pairs with load_head.
inline void advance_head(Header& header, uint64_t head) { header.head.store(head, std::memory_order_release); }
inline uint64_t load_head(const Header& header) { return header.head.load(std::memory_order_acquire); }

// Producer, after publish: is the consumer asleep? There is no fence between the commit store and this load: it would
// cost the producer more than all the rest of a launch (bench/NOTES.md). So the consumer, which has announced itself,
// goes on looking for as long as a store can be on its way (kParkGrace), and its first sleep has an end (kFirstSleep).
// Only one producer gets to ring.
inline bool must_ring(Header& header) {
  return header.worker_parked.load(std::memory_order_relaxed) != 0 &&
         header.worker_parked.exchange(0, std::memory_order_relaxed) != 0;
}

// Consumer, before it sleeps: announce it, then look at the ring for kParkGrace; sleep for kFirstSleep, look, sleep on.
inline void park_announce(Header& header) {
  header.worker_parked.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
inline void park_withdraw(Header& header) { header.worker_parked.store(0, std::memory_order_relaxed); }

// Worker: the reply's bytes become visible before `done`. Returns whether a guest thread sleeps on the slot. The
// fence pairs with the one in sleep_announce.
inline bool complete(ReplySlot& slot) {
  slot.state.store(static_cast<uint32_t>(SlotState::done), std::memory_order_release);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return slot.waiting.load(std::memory_order_relaxed) != 0;
}

// Guest: about to sleep on the slot; re-check the state after this. Pairs with complete.
inline void sleep_announce(ReplySlot& slot) {
  slot.waiting.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

inline bool is_done(const ReplySlot& slot) {
  return slot.state.load(std::memory_order_acquire) == static_cast<uint32_t>(SlotState::done);
}

inline SessionState session_state(const Header& header) {
  return static_cast<SessionState>(header.state.load(std::memory_order_acquire));
}

}  // namespace vgpu::ring
