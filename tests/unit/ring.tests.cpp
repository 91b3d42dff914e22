// SPDX-License-Identifier: Apache-2.0
// The command ring between the guest's Session and a consumer that plays the worker, over a real memory file.
#include "vgpu/ring.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include "common/futex.h"
#include "libcuda/session.h"
#include "tests/support/test.h"

using namespace vgpu;

namespace {

// A transport whose other side is a thread of this process.
class FakeTransport final : public guest::Transport {
 public:
  FakeTransport(int file, int doorbell) : memory_(SessionMemory::map(file).value()), doorbell_(doorbell) {}
  const SessionMemory& memory() const override { return memory_; }
  void ring_doorbell() override {
    rings.fetch_add(1);
    const uint64_t one = 1;
    REQUIRE(::write(doorbell_, &one, sizeof one) == sizeof one);
  }
  void wait(const std::atomic<uint32_t>& word, uint32_t seen, std::chrono::nanoseconds timeout) override {
    futex::wait(word, seen, timeout);
  }
  bool lost() override { return is_lost.load(); }
  Result<void*> allocate_shared(size_t) override { return Error{"none"}; }
  Result<void> share_in_place(void*, size_t) override { return Error{"none"}; }
  void release_shared(void*, size_t) override {}
  Result<void> adopt(void*, size_t) override { return {}; }
  void unshare_in_place(void*, size_t) override {}
  void forget_shared(void*, size_t) override {}
  Result<UniqueFd> keep_export(const wire::Token&, int) override { return UniqueFd(); }
  std::optional<bool> are_in_place(const void*, size_t) override { return std::nullopt; }

  std::atomic<uint64_t> rings{0};
  std::atomic<bool> is_lost{false};

 private:
  SessionMemory memory_;
  int doorbell_;
};

struct Taken {
  uint16_t opcode;
  uint32_t thread, slot;
  std::vector<std::byte> payload;
};

// The worker's side: takes commands in order and gives each to `handle`; stops at opcode 0.
class Consumer {
 public:
  using Handle = std::function<void(const Taken&)>;
  Consumer(int file, int doorbell, Handle handle)
      : memory_(SessionMemory::map(file).value()), doorbell_(doorbell), handle_(std::move(handle)) {
    memory_.initialise();
  }
  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void join() { thread_.join(); }
  // Sleep whenever there is nothing to do, so that every gap is a chance to lose a wake-up.
  bool never_spin = false;
  std::atomic<uint64_t> parks{0}, overdue{0};

  void answer(uint32_t index, std::span<const std::byte> data) {
    ring::ReplySlot& slot = memory_.slot(index);
    slot.bytes = static_cast<uint32_t>(data.size());
    std::memcpy(slot.data, data.data(), data.size());
    slot.result = 0, slot.flags = 0, slot.posted_error = 0;
    if (ring::complete(slot)) futex::wake_all(slot.state);
  }

 private:
  void run() {
    for (;;) {
      std::byte* at = memory_.units(position_);
      auto& command = *reinterpret_cast<ring::Command*>(at);
      const uint32_t units = ring::load_commit(command);
      if (units == 0) {
        park(command);
        continue;
      }
      const std::byte* payload = at + sizeof(ring::Command);
      const Taken taken = {
          command.opcode, command.thread, command.reply_slot, {payload, payload + command.payload_bytes}};
      release(units);
      if (taken.opcode == 0) return;
      handle_(taken);
    }
  }

  void release(uint64_t units) {
    for (uint64_t i = 0; i < units; ++i)
      reinterpret_cast<std::atomic<uint32_t>*>(memory_.units(position_ + i))->store(0, std::memory_order_relaxed);
    position_ += units;
    ring::Header& header = memory_.header();
    ring::advance_head(header, position_);
    if (header.space_waiters.load() == 0) return;
    header.head_word.fetch_add(1);
    futex::wake_all(header.head_word);
  }

  // A store may be on its way for as long as this (ring::must_ring).
  static bool comes_soon(const ring::Command& next) {
    const auto until = std::chrono::steady_clock::now() + ring::kParkGrace;
    do {
      if (ring::load_commit(next) != 0) return true;
    } while (std::chrono::steady_clock::now() < until);
    return false;
  }

  void park(const ring::Command& next) {
    if (!never_spin)
      for (int i = 0; i < 1000; ++i)
        if (ring::load_commit(next) != 0) return;
    ring::Header& header = memory_.header();
    ring::park_announce(header);
    if (!comes_soon(next)) {
      parks.fetch_add(1);
      pollfd bell = {doorbell_, POLLIN, 0};
      // A wake-up that got lost shows as this long wait, with a command there at its end.
      if (::poll(&bell, 1, 10'000) == 0 && ring::load_commit(next) != 0) overdue.fetch_add(1);
      uint64_t rings = 0;
      static_cast<void>(!::read(doorbell_, &rings, sizeof rings));
    }
    ring::park_withdraw(header);
  }

  SessionMemory memory_;
  int doorbell_;
  Handle handle_;
  uint64_t position_ = 0;
  std::thread thread_;
};

struct Pair {
  UniqueFd file = create_memory_file("ring", ring::kTotalBytes).value();
  UniqueFd doorbell = UniqueFd(::eventfd(0, EFD_NONBLOCK));
  Consumer consumer;
  FakeTransport* transport;
  guest::Session session;

  explicit Pair(std::function<void(Pair&, const Taken&)> handle)
      : consumer(file.get(), doorbell.get(), [this, handle](const Taken& taken) { handle(*this, taken); }),
        transport(new FakeTransport(file.get(), doorbell.get())),
        session(std::unique_ptr<guest::Transport>(transport)) {}
  ~Pair() = default;
  void stop() {
    static_cast<void>(session.post({0, 0, 0, 0, {}}));
    consumer.join();
  }
};

std::vector<std::byte> pattern(uint32_t thread, uint32_t number, size_t size) {
  std::vector<std::byte> bytes(std::max<size_t>(size, 8));
  std::memcpy(bytes.data(), &thread, 4);
  std::memcpy(bytes.data() + 4, &number, 4);
  for (size_t i = 8; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(thread * 31 + number + i);
  return bytes;
}

// What the consumer saw: per guest thread the next number it expects, and what was wrong.
struct Ledger {
  std::map<uint32_t, uint32_t> next;
  uint64_t wrong = 0;
  void check(const Taken& taken) {
    uint32_t thread = 0, number = 0;
    std::memcpy(&thread, taken.payload.data(), 4);
    std::memcpy(&number, taken.payload.data() + 4, 4);
    if (thread != taken.thread || number != next[thread]++ ||
        taken.payload != pattern(thread, number, taken.payload.size()))
      ++wrong;
  }
};

}  // namespace

TEST_CASE("commands of several threads arrive whole and in each thread's order, round after round", "[unit][ring]") {
  constexpr uint32_t kThreads = 4, kEach = 6000;
  Ledger ledger;
  Pair pair([&](Pair&, const Taken& taken) { ledger.check(taken); });
  pair.consumer.start();
  std::vector<std::thread> producers;
  // Sizes from one unit to many: about 40 times around the ring.
  for (uint32_t thread = 0; thread < kThreads; ++thread)
    producers.emplace_back([&, thread] {
      for (uint32_t i = 0; i < kEach; ++i) {
        const auto payload = pattern(thread, i, 8 + (i * 7919 + thread * 104729) % 3500);
        if (pair.session.post({5, 0, thread, 0, payload}) != CUDA_SUCCESS) return;
      }
    });
  for (std::thread& producer : producers) producer.join();
  pair.stop();
  CHECK(ledger.wrong == 0);
  for (uint32_t thread = 0; thread < kThreads; ++thread) CHECK(ledger.next[thread] == kEach);
}

TEST_CASE("the largest inline payloads cross the ring's end unharmed", "[unit][ring]") {
  Ledger ledger;
  Pair pair([&](Pair&, const Taken& taken) { ledger.check(taken); });
  pair.consumer.start();
  for (uint32_t i = 0; i < 300; ++i)
    REQUIRE(pair.session.post({5, 0, 1, 0, pattern(1, i, ring::kMaxInline)}) == CUDA_SUCCESS);
  pair.stop();
  CHECK(ledger.wrong == 0);
  CHECK(ledger.next[1] == 300);
}

TEST_CASE("producers wait while the ring is full and go on when the consumer does", "[unit][ring]") {
  Ledger ledger;
  Pair pair([&](Pair&, const Taken& taken) { ledger.check(taken); });
  std::atomic<uint32_t> sent{0};
  std::thread producer([&] {
    for (uint32_t i = 0; i < 200; ++i, ++sent)
      static_cast<void>(pair.session.post({5, 0, 0, 0, pattern(0, i, ring::kMaxInline)}));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const uint32_t before = sent.load();
  CHECK(before <= ring::kRingBytes / ring::kMaxInline);  // no more than fits
  CHECK(before >= 60);
  pair.consumer.start();
  producer.join();
  pair.stop();
  CHECK(ledger.wrong == 0);
  CHECK(ledger.next[0] == 200);
}

TEST_CASE("a producer that waits for space learns that the worker is gone", "[unit][ring]") {
  Pair pair([](Pair&, const Taken&) {});  // never started
  std::atomic<CUresult> last{CUDA_SUCCESS};
  std::thread producer([&] {
    while (last == CUDA_SUCCESS) last = pair.session.post({5, 0, 0, 0, pattern(0, 0, ring::kMaxInline)});
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  pair.transport->is_lost = true;
  producer.join();
  CHECK(last.load() == guest::kLostError);
}

TEST_CASE("no wake-up is lost in many rounds with both sides asleep in between", "[unit][ring]") {
  Pair pair([](Pair& self, const Taken& taken) { self.consumer.answer(taken.slot, taken.payload); });
  pair.consumer.never_spin = true;
  pair.consumer.start();
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> callers;
  for (uint32_t thread = 0; thread < 3; ++thread)
    callers.emplace_back([&, thread] {
      std::vector<std::byte> reply;
      for (uint32_t i = 0; i < 4000; ++i) {
        const auto payload = pattern(thread, i, 16);
        if (pair.session.call({5, 0, thread, 0, payload}, reply) != CUDA_SUCCESS || reply != payload)
          wrong.fetch_add(1);
      }
    });
  for (std::thread& caller : callers) caller.join();
  pair.stop();
  CHECK(wrong.load() == 0);
  CHECK(pair.consumer.overdue.load() == 0);
  CHECK(pair.consumer.parks.load() > 0);
}

TEST_CASE("a consumer that is awake is not rung for", "[unit][ring]") {
  Pair pair([](Pair&, const Taken&) {});
  for (int i = 0; i < 100; ++i) REQUIRE(pair.session.post({5, 0, 0, 0, {}}) == CUDA_SUCCESS);
  CHECK(pair.transport->rings.load() == 0);
  ring::park_announce(pair.transport->memory().header());
  for (int i = 0; i < 100; ++i) REQUIRE(pair.session.post({5, 0, 0, 0, {}}) == CUDA_SUCCESS);
  CHECK(pair.transport->rings.load() == 1);  // only the first of many rings
}

TEST_CASE("more callers than reply slots all get their own answers", "[unit][ring]") {
  constexpr uint32_t kCallers = ring::kReplySlots + 40;
  Pair pair([](Pair& self, const Taken& taken) { self.consumer.answer(taken.slot, taken.payload); });
  pair.consumer.start();
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> callers;
  for (uint32_t thread = 0; thread < kCallers; ++thread)
    callers.emplace_back([&, thread] {
      std::vector<std::byte> reply;
      for (uint32_t i = 0; i < 5; ++i) {
        const auto payload = pattern(thread, i, 16);
        if (pair.session.call({5, 0, thread, 0, payload}, reply) != CUDA_SUCCESS || reply != payload)
          wrong.fetch_add(1);
      }
    });
  for (std::thread& caller : callers) caller.join();
  pair.stop();
  CHECK(wrong.load() == 0);
}

TEST_CASE("a caller whose worker dies gets the sticky error, and so does every later call", "[unit][ring]") {
  Pair pair([](Pair&, const Taken&) {});  // takes commands and never answers
  pair.consumer.start();
  std::vector<std::byte> reply;
  std::thread killer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    pair.transport->memory().header().state.store(static_cast<uint32_t>(ring::SessionState::worker_lost));
  });
  CHECK(pair.session.call({5, 0, 0, 0, {}}, reply) == guest::kLostError);
  CHECK(pair.session.call({5, 0, 0, 0, {}}, reply) == guest::kLostError);
  CHECK(pair.session.post({5, 0, 0, 0, {}}) == guest::kLostError);
  CHECK(pair.session.is_lost());
  killer.join();
  // The session sends no more: the consumer is told directly.
  pair.transport->memory().header().state.store(static_cast<uint32_t>(ring::SessionState::open));
  guest::Session other(std::make_unique<FakeTransport>(pair.file.get(), pair.doorbell.get()));
  CHECK(other.post({0, 0, 0, 0, {}}) == CUDA_SUCCESS);
  pair.consumer.join();
}

TEST_CASE("a reply that claims more bytes than a slot has brings none", "[unit][ring]") {
  Pair pair([](Pair& self, const Taken& taken) {
    ring::ReplySlot& slot = self.transport->memory().slot(taken.slot);
    slot.bytes = 0x7fffffff;
    slot.flags = 0, slot.result = 0, slot.posted_error = 0;
    if (ring::complete(slot)) futex::wake_all(slot.state);
  });
  pair.consumer.start();
  std::vector<std::byte> reply;
  CHECK(pair.session.call({5, 0, 0, 0, {}}, reply) == CUDA_SUCCESS);
  CHECK(reply.empty());
  pair.stop();
}
