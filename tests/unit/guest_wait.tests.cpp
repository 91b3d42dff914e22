// SPDX-License-Identifier: Apache-2.0
#include "host/worker/guest_wait.h"

#include <thread>

#include "tests/support/test.h"

using vgpu::host::GuestWait;

TEST_CASE("a guest's wait is under way until its word is there", "[unit][guest_wait]") {
  GuestWait wait;
  std::atomic<uint32_t> word{6};
  CHECK_FALSE(wait.is_under_way());
  wait.begin(word, 7);
  CHECK(wait.is_under_way());
  word.store(7);
  CHECK_FALSE(wait.is_under_way());
  word.store(8);
  CHECK_FALSE(wait.is_under_way());
}

TEST_CASE("a word that never comes is not waited for without end", "[unit][guest_wait]") {
  GuestWait wait;
  const std::atomic<uint32_t> word{0};
  wait.begin(word, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK_FALSE(wait.is_under_way());
}
