// SPDX-License-Identifier: Apache-2.0
#include "host/worker/counters.h"

#include <thread>
#include <vector>

#include "tests/support/test.h"

using vgpu::host::Counters;
using vgpu::host::ThreadCounters;

TEST_CASE("what several threads have counted is one sum, also when they have ended", "[unit][counters]") {
  Counters counters;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) counters.own().commands.add(1);
      counters.own().bytes_inline.add(5);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(counters.sum(&ThreadCounters::commands) == 8000);
  CHECK(counters.sum(&ThreadCounters::bytes_inline) == 40);
  CHECK(counters.sum(&ThreadCounters::posted) == 0);
}

TEST_CASE("one thread counts for several sessions in turn", "[unit][counters]") {
  Counters first, second;
  for (int i = 0; i < 10; ++i) {
    first.own().replies.add(1);
    second.own().replies.add(2);
  }
  CHECK(first.sum(&ThreadCounters::replies) == 10);
  CHECK(second.sum(&ThreadCounters::replies) == 20);
}
