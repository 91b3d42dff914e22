// SPDX-License-Identifier: Apache-2.0
#include "common/spin.h"

#include "tests/support/test.h"

using vgpu::Spinner;

namespace {

// How often the caller gets to look before it is told to sleep.
unsigned looks_until_sleep(Spinner& spinner) {
  unsigned looks = 0;
  while (spinner.spin()) ++looks;
  return looks;
}

}  // namespace

TEST_CASE("a spinner lets its owner look many times before it is time to sleep", "[unit][spin]") {
  Spinner spinner;
  // Even the shortest wait is worth more than a hundred pauses of a processor; a busy machine may take some away.
  CHECK(looks_until_sleep(spinner) >= 31);
}

TEST_CASE("a spinner that was reset begins anew", "[unit][spin]") {
  Spinner spinner;
  looks_until_sleep(spinner);
  spinner.reset();
  CHECK(spinner.spin());
}

TEST_CASE("a spinner that was not reset goes on saying that it is time to sleep", "[unit][spin]") {
  Spinner spinner;
  looks_until_sleep(spinner);
  // The clock is asked now and then only.
  CHECK(looks_until_sleep(spinner) <= 31);
}
