// SPDX-License-Identifier: Apache-2.0
#include "common/background_thread.h"

#include <future>

#include "tests/support/no_threads.h"
#include "tests/support/test.h"

using vgpu::start_background_thread;

TEST_CASE("a background thread does its work without the program's signals", "[unit]") {
  std::promise<bool> blocked;
  auto answer = blocked.get_future();
  REQUIRE(start_background_thread("vgpu-test", [&blocked] {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    blocked.set_value(sigismember(&mask, SIGTERM) == 1);
  }));
  CHECK(answer.get());
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  CHECK(sigismember(&mask, SIGTERM) == 0);
}

TEST_CASE("where no thread can be started, that is said", "[unit]") {
  const vgpu::test::NoThreads none;
  CHECK_FALSE(start_background_thread("vgpu-test", [] {}));
}
