// SPDX-License-Identifier: Apache-2.0
#include "common/log.h"

#include "tests/support/test.h"

namespace vgpu::log {
namespace {

using Verdict = Throttle::Verdict;

TEST_CASE("a message that is provoked again and again is written a few times a minute, and the last time says so",
          "[unit]") {
  Throttle throttle;
  for (int i = 0; i < 4; ++i) CHECK(throttle.next(60) == Verdict::pass);
  CHECK(throttle.next(61) == Verdict::last);
  for (int i = 0; i < 1000; ++i) REQUIRE(throttle.next(119) == Verdict::drop);
  CHECK(throttle.next(120) == Verdict::pass);
}

}  // namespace
}  // namespace vgpu::log
