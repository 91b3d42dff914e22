// SPDX-License-Identifier: Apache-2.0
#include "host/worker/helpers.h"

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>

#include "tests/support/test.h"

using vgpu::host::Helpers;

TEST_CASE("tasks of one guest thread run in order and never at the same time", "[unit][helpers]") {
  std::vector<int> order;  // guarded by the promise under test
  std::atomic<int> running{0}, overlaps{0};
  std::latch done(200);
  Helpers helpers;
  for (int i = 0; i < 200; ++i)
    helpers.submit(7, [&, i] {
      if (running.fetch_add(1) != 0) overlaps.fetch_add(1);
      order.push_back(i);
      running.fetch_sub(1);
      done.count_down();
    });
  done.wait();
  CHECK(overlaps.load() == 0);
  bool ascending = true;
  for (int i = 0; i < 200; ++i) ascending = ascending && order[static_cast<size_t>(i)] == i;
  CHECK(ascending);
}

TEST_CASE("guest threads that all block do so side by side", "[unit][helpers]") {
  constexpr int kThreads = 40;
  std::latch all_inside(kThreads), done(kThreads);
  Helpers helpers;
  // Each task ends only when every other has begun.
  for (uint32_t thread = 0; thread < kThreads; ++thread)
    helpers.submit(thread, [&] {
      all_inside.arrive_and_wait();
      done.count_down();
    });
  done.wait();
  SUCCEED("all tasks were inside at once");
}

TEST_CASE("guest threads beyond the limit get no helper until others have ended", "[unit][helpers]") {
  std::latch done(2);
  Helpers helpers(std::chrono::microseconds(0), 2);
  CHECK(helpers.submit(1, [&] { done.count_down(); }));
  CHECK(helpers.make_ready(2));
  Helpers::Task refused = [&] { done.count_down(); };
  CHECK_FALSE(helpers.make_ready(3));
  const bool taken = helpers.submit(3, std::move(refused));
  CHECK_FALSE(taken);
  CHECK(refused);  // NOLINT(bugprone-use-after-move): it stays then
  CHECK(helpers.submit(2, [&] { done.count_down(); }));
  done.wait();
  // A task that has said so may still be on its way out, and its helper is kept for that long.
  while (helpers.busy(2)) std::this_thread::yield();
  helpers.retire(2);
  CHECK(helpers.make_ready(3));
}

TEST_CASE("a guest thread has one helper for as long as it lives", "[unit][helpers]") {
  const auto run_on = [](Helpers& helpers, uint32_t guest_thread) {
    std::thread::id where;
    std::latch done(1);
    helpers.submit(guest_thread, [&] {
      where = std::this_thread::get_id();
      done.count_down();
    });
    done.wait();
    return where;
  };
  Helpers helpers;
  const std::thread::id first = run_on(helpers, 1), second = run_on(helpers, 2);
  CHECK(first != second);
  for (int i = 0; i < 20; ++i) {
    CHECK(run_on(helpers, 1) == first);
    CHECK(run_on(helpers, 2) == second);
  }
  // The tasks of one that has ended are done, and its helper serves the next. Both are free in the end.
  std::latch release(1), last(1);
  helpers.submit(1, [&] { release.wait(); });
  helpers.submit(1, [&] { last.count_down(); });
  helpers.retire(1);
  CHECK(run_on(helpers, 3) != first);
  release.count_down();
  last.wait();
  while (helpers.busy(1)) std::this_thread::yield();
  helpers.retire(2);
  const std::thread::id next = run_on(helpers, 4);
  CHECK((next == first || next == second));
}

TEST_CASE("a blocked guest thread holds up its own tasks only", "[unit][helpers]") {
  std::latch release(1), other(1), second(1);
  std::atomic<bool> second_ran{false};
  Helpers helpers;
  helpers.submit(1, [&] { release.wait(); });
  helpers.submit(1, [&] {
    second_ran = true;
    second.count_down();
  });
  helpers.submit(2, [&] { other.count_down(); });
  other.wait();
  CHECK_FALSE(second_ran.load());
  release.count_down();
  second.wait();
  CHECK(second_ran.load());
}

TEST_CASE("tasks submitted from a task run, too", "[unit][helpers]") {
  std::latch done(1);
  Helpers helpers;
  helpers.submit(1, [&] { helpers.submit(1, [&] { done.count_down(); }); });
  done.wait();
  SUCCEED("the inner task ran");
}

TEST_CASE("many short tasks of many guest threads all run", "[unit][helpers]") {
  constexpr int kTasks = 5000;
  std::atomic<int> ran{0};
  std::latch done(kTasks);
  Helpers helpers;
  for (int i = 0; i < kTasks; ++i)
    helpers.submit(static_cast<uint32_t>(i % 13), [&] {
      ran.fetch_add(1);
      done.count_down();
    });
  done.wait();
  CHECK(ran.load() == kTasks);
}

TEST_CASE("a task runs whether its helper still looks for it, is about to sleep, or sleeps", "[unit][helpers]") {
  constexpr auto kLinger = std::chrono::microseconds(50);
  constexpr int kTasks = 400;
  Helpers helpers(kLinger);
  std::atomic<int> ran{0};
  for (int i = 0; i < kTasks; ++i) {
    helpers.submit(1, [&] { ran.fetch_add(1); });
    while (ran.load() != i + 1) std::this_thread::yield();
    // Pauses from none to twice as long as a helper lingers.
    const auto until = std::chrono::steady_clock::now() + kLinger * (i % 40) / 20;
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
  }
  CHECK(ran.load() == kTasks);
}

TEST_CASE("a helper that lingers for a guest thread that has ended serves the next one", "[unit][helpers]") {
  Helpers helpers(std::chrono::seconds(5));
  std::thread::id first, second;
  std::latch done(1), other(1);
  helpers.submit(1, [&] {
    first = std::this_thread::get_id();
    done.count_down();
  });
  done.wait();
  while (helpers.busy(1)) std::this_thread::yield();
  helpers.retire(1);
  helpers.submit(2, [&] {
    second = std::this_thread::get_id();
    other.count_down();
  });
  other.wait();
  CHECK(first == second);
}

TEST_CASE("a guest thread whose task is finishing has no busy helper, unless more was submitted", "[unit][helpers]") {
  Helpers helpers;
  std::latch finishing(1), submitted(1), inside(1), looked(1), done(2);
  helpers.submit(1, [&] {
    helpers.finishing();
    finishing.count_down();
    submitted.wait();
    done.count_down();
  });
  finishing.wait();
  CHECK_FALSE(helpers.busy(1));
  helpers.submit(1, [&] {
    inside.count_down();
    looked.wait();
    done.count_down();
  });
  CHECK(helpers.busy(1));
  submitted.count_down();
  inside.wait();
  CHECK(helpers.busy(1));
  looked.count_down();
  done.wait();
}

TEST_CASE("only a task of its own can be finishing", "[unit][helpers]") {
  Helpers helpers;
  std::latch inside(1), looked(1), done(1);
  helpers.submit(1, [&] {
    inside.count_down();
    looked.wait();
    done.count_down();
  });
  inside.wait();
  helpers.finishing();
  CHECK(helpers.busy(1));
  looked.count_down();
  done.wait();
}
