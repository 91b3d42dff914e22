// SPDX-License-Identifier: Apache-2.0
// Rows name exported symbols, not the header macros that rename them.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "host/worker/launch_lanes.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "common/handle.h"
#include "tests/support/test.h"
#include "vgpu/hand_wire.h"

using vgpu::Kind;
using vgpu::host::CommandCopy;
using vgpu::host::LaunchLanes;
using vgpu::host::LaunchSequences;

namespace {

uint64_t stream(uint32_t number) { return vgpu::handle::make(Kind::stream, 100 + number, 1); }

// The context field, which lanes do not read, carries the launch's place in the ring.
CommandCopy launch(uint32_t thread, uint64_t on, uint64_t place) {
  CommandCopy command;
  command.opcode = vgpu::api::opcode::cuLaunchKernel;
  command.thread = thread;
  command.context = place;
  vgpu::wire::Launch body = {};
  body.stream = on;
  vgpu::codec::Writer(command.payload).put(body);
  return command;
}

// What ran, in the order in which it ran; by guest thread and by stream.
class Record {
 public:
  void add(const CommandCopy& command) {
    const std::lock_guard lock(mutex_);
    by_thread_[command.thread].push_back(command.context);
    by_stream_[vgpu::codec::Reader(command.payload).get<vgpu::wire::Launch>().stream].push_back(command.context);
    threads_.insert(std::this_thread::get_id());
    ++count_;
  }
  size_t count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  size_t threads() const { return threads_.size(); }
  bool in_order() const { return ascending(by_thread_) && ascending(by_stream_); }

 private:
  template <class Map>
  static bool ascending(const Map& map) {
    return std::all_of(map.begin(), map.end(),
                       [](const auto& entry) { return std::is_sorted(entry.second.begin(), entry.second.end()); });
  }
  mutable std::mutex mutex_;  // guards the rest while lanes run
  std::map<uint32_t, std::vector<uint64_t>> by_thread_;
  std::map<uint64_t, std::vector<uint64_t>> by_stream_;
  std::set<std::thread::id> threads_;
  size_t count_ = 0;
};

// Lanes that make each launch by itself, with this.
class Alone final : public LaunchSequences::Maker {
 public:
  explicit Alone(std::function<void(const CommandCopy&)> run) : run_(std::move(run)) {}
  bool make(const CommandCopy& launch) override {
    run_(launch);
    return true;
  }
  bool enter(const CommandCopy&, CUstream&) override { return false; }
  void begins(std::span<const CommandCopy>, CUstream) override {}
  void made(std::span<const CommandCopy>) override {}

  LaunchLanes::MakeSequences sequences() {
    return [this](bool may_make_graphs) {
      may_make_graphs_.push_back(may_make_graphs);
      return std::make_unique<LaunchSequences>(driver_, handles_, *this, false, LaunchSequences::Limits());
    };
  }
  // What each lane was told, when it was made.
  const std::vector<bool>& may_make_graphs() const { return may_make_graphs_; }

 private:
  const std::function<void(const CommandCopy&)> run_;
  const vgpu::host::Driver driver_ = vgpu::host::Driver::of({});
  const vgpu::host::HandleTable handles_;
  std::vector<bool> may_make_graphs_;
};

// The dispatcher's part: what the lanes do not take is made here, after all that they hold.
struct Dispatcher {
  Record record;
  Alone alone{[this](const CommandCopy& command) { record.add(command); }};
  LaunchLanes lanes{4, alone.sequences()};
  size_t taken = 0;

  void handle(CommandCopy command, bool backlog = true) {
    if (lanes.take(command, [&] { return backlog; })) {
      ++taken;
      return;
    }
    lanes.drain();
    record.add(command);
  }
};

}  // namespace

TEST_CASE("lanes that are made after launches have got another meaning know it", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  const bool changed = GENERATE(true, false);
  dispatcher.lanes.notice(changed ? vgpu::api::opcode::cuStreamSetAttribute : vgpu::api::opcode::cuEventCreate);
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 6);
    dispatcher.handle(launch(thread, stream(thread), i));
  }
  dispatcher.lanes.drain();
  CHECK(dispatcher.alone.may_make_graphs() == std::vector<bool>(4, !changed));
}

TEST_CASE("launches of several threads run in lanes, each thread's in order", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  for (uint64_t i = 0; i < 20000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 6);
    dispatcher.handle(launch(thread, stream(thread), i));
  }
  dispatcher.lanes.drain();
  CHECK(dispatcher.record.count() == 20000);
  CHECK(dispatcher.taken > 19000);
  CHECK(dispatcher.record.threads() == 5);
  CHECK(dispatcher.record.in_order());
}

TEST_CASE("threads that write in runs get lanes, too", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  for (uint64_t i = 0; i < 20000; ++i) {
    const auto thread = static_cast<uint32_t>(i / 50 % 3);
    dispatcher.handle(launch(thread, stream(thread), i));
  }
  dispatcher.lanes.drain();
  CHECK(dispatcher.taken > 15000);
  CHECK(dispatcher.record.in_order());
}

TEST_CASE("a thread that goes on alone leaves the lanes", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  for (uint64_t i = 0; i < 5000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 4);
    dispatcher.handle(launch(thread, stream(thread), i));
  }
  CHECK(dispatcher.taken > 4000);
  const size_t before = dispatcher.taken;
  for (uint64_t i = 5000; i < 25000; ++i) dispatcher.handle(launch(1, stream(10 + static_cast<uint32_t>(i % 64)), i));
  CHECK(dispatcher.taken - before < 3000);
  dispatcher.lanes.drain();
  CHECK(dispatcher.record.in_order());
}

TEST_CASE("launches on one stream keep their order whoever makes them", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  for (uint64_t i = 0; i < 20000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 5);
    dispatcher.handle(launch(thread, stream(thread % 2), i));
  }
  dispatcher.lanes.drain();
  CHECK(dispatcher.record.count() == 20000);
  CHECK(dispatcher.record.in_order());
}

TEST_CASE("launches of one thread keep their order over streams", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  for (uint64_t i = 0; i < 20000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 2);
    dispatcher.handle(launch(thread, stream(thread * 100 + static_cast<uint32_t>(i / 2 % 7)), i));
  }
  dispatcher.lanes.drain();
  CHECK(dispatcher.taken > 19000);
  CHECK(dispatcher.record.in_order());
}

TEST_CASE("a drain returns when everything taken has run", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  for (uint64_t i = 0; i < 3000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 4);
    dispatcher.handle(launch(thread, stream(thread), i));
    if (i % 7 != 0) continue;
    dispatcher.lanes.drain();
    REQUIRE(dispatcher.record.count() == i + 1);
  }
  CHECK(dispatcher.taken > 2000);
}

TEST_CASE("lanes that rest are as before their first launch", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 4);
    // Whichever stream each thread takes now, it was another one's before.
    dispatcher.handle(launch(thread, stream((thread + static_cast<uint32_t>(i / 100)) % 4), i));
    if (i % 100 == 99)
      while (dispatcher.record.count() != i + 1) std::this_thread::yield();
    dispatcher.lanes.rest();
  }
  dispatcher.lanes.drain();
  CHECK(dispatcher.record.in_order());
}

TEST_CASE("lanes are not used by one thread, nor without a backlog", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  for (uint64_t i = 0; i < 2000; ++i) dispatcher.handle(launch(1, stream(static_cast<uint32_t>(i % 9)), i));
  for (uint64_t i = 0; i < 2000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 4);
    dispatcher.handle(launch(thread, stream(thread), i), false);
  }
  CHECK(dispatcher.taken == 0);
  CHECK(dispatcher.record.threads() == 1);
}

TEST_CASE("only posted launches on streams of the program's own go to lanes", "[unit][launch_lanes]") {
  Dispatcher dispatcher;
  for (uint64_t i = 0; i < 1000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 4);
    dispatcher.handle(launch(thread, stream(thread), i));
  }
  CHECK(dispatcher.taken > 0);
  const auto takes = [&](CommandCopy command) { return dispatcher.lanes.take(command, [] { return true; }); };
  for (const uint64_t special : {0, 1, 2}) CHECK_FALSE(takes(launch(1, special, 0)));
  CommandCopy answered = launch(1, stream(1), 0);
  answered.reply_slot = 3;
  CHECK_FALSE(takes(answered));
  CommandCopy cut = launch(1, stream(1), 0);
  cut.payload.resize(8);
  CHECK_FALSE(takes(cut));
  CommandCopy large = launch(1, stream(1), 0);
  large.payload.resize(vgpu::ring::kMaxInline + 1);
  CHECK_FALSE(takes(large));
  CommandCopy other = launch(1, stream(1), 0);
  other.opcode = vgpu::api::opcode::cuEventRecord;
  CHECK_FALSE(takes(other));
}

TEST_CASE("what lanes hold is made before they end", "[unit][launch_lanes]") {
  Record record;
  size_t taken = 0;
  {
    Alone alone([&](const CommandCopy& command) { record.add(command); });
    LaunchLanes lanes(3, alone.sequences());
    for (uint64_t i = 0; i < 500; ++i) {
      const auto thread = static_cast<uint32_t>(i % 3);
      CommandCopy command = launch(thread, stream(thread), i);
      if (lanes.take(command, [] { return true; })) ++taken;
    }
  }
  CHECK(taken > 0);
  CHECK(record.count() == taken);
}

TEST_CASE("one lane is none", "[unit][launch_lanes]") {
  Alone alone([](const CommandCopy&) { FAIL("it has no thread"); });
  LaunchLanes lanes(1, alone.sequences());
  for (uint64_t i = 0; i < 100; ++i) {
    CommandCopy command = launch(static_cast<uint32_t>(i % 2), stream(static_cast<uint32_t>(i % 2)), i);
    CHECK_FALSE(lanes.take(command, [] { return true; }));
  }
}

TEST_CASE("a drain sleeps through a launch that takes long, and lanes that have slept take launches",
          "[unit][launch_lanes]") {
  std::atomic<size_t> made{0};
  Alone alone([&](const CommandCopy& command) {
    if (command.context % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(30));
    made.fetch_add(1);
  });
  LaunchLanes lanes{2, alone.sequences()};
  size_t taken = 0;
  for (uint64_t i = 0; i < 600; ++i) {
    const auto thread = static_cast<uint32_t>(i % 2);
    CommandCopy command = launch(thread, stream(thread), i);
    if (lanes.take(command, [] { return true; })) ++taken;
    if (i % 300 != 299) continue;
    lanes.drain();
    CHECK(made.load() == taken);
    // Longer than a lane looks around before it sleeps.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(taken > 400);
}

TEST_CASE("more launches than a lane holds wait for their places", "[unit][launch_lanes]") {
  std::atomic<bool> go{false};
  std::atomic<size_t> made{0};
  Alone alone([&](const CommandCopy&) {
    while (!go.load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    made.fetch_add(1);
  });
  LaunchLanes lanes{2, alone.sequences()};
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    go.store(true);
  });
  size_t taken = 0;
  for (uint64_t i = 0; i < 4000; ++i) {
    const auto thread = static_cast<uint32_t>(i % 2);
    CommandCopy command = launch(thread, stream(thread), i);
    if (lanes.take(command, [] { return true; })) ++taken;
  }
  lanes.drain();
  opener.join();
  CHECK(taken > 3000);
  CHECK(made.load() == taken);
}
