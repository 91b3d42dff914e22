// SPDX-License-Identifier: Apache-2.0
#include "host/worker/answers_due.h"

#include <chrono>
#include <thread>

#include "tests/support/test.h"

using vgpu::host::AnswersDue;

TEST_CASE("answers that nobody owes do not come", "[unit][answers_due]") {
  AnswersDue due;
  CHECK_FALSE(due.come_soon());
  due.add();
  due.add();
  due.remove();
  due.remove();
  CHECK_FALSE(due.come_soon());
}

TEST_CASE("an answer that is due comes soon", "[unit][answers_due]") {
  AnswersDue due;
  bool seen = false;
  // More than once, for a machine that is busy with others.
  for (int i = 0; i < 100 && !seen; ++i) {
    due.add();
    seen = due.come_soon();
    due.remove();
  }
  CHECK(seen);
}

TEST_CASE("an answer that is long in coming is not waited for", "[unit][answers_due]") {
  AnswersDue due;
  due.add();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK_FALSE(due.come_soon());
  due.remove();
  CHECK_FALSE(due.come_soon());
}

TEST_CASE("an answer to a wait may be longer in coming, whatever else is asked meanwhile", "[unit][answers_due]") {
  AnswersDue due;
  bool seen = false;
  for (int i = 0; i < 100 && !seen; ++i) {
    due.add(true);
    due.add();
    due.remove();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    seen = due.come_soon();
    due.remove();
  }
  CHECK(seen);
}
