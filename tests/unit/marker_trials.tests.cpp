// SPDX-License-Identifier: Apache-2.0
#include "libcuda/marker_trials.h"

#include "tests/support/test.h"

using vgpu::guest::MarkerTrials;

namespace {

// Waits that do without a marker before one is tried again.
unsigned left_out(MarkerTrials& trials) {
  unsigned waits = 0;
  while (!trials.wants_one()) ++waits;
  return waits;
}

}  // namespace

TEST_CASE("markers are tried until one is refused", "[unit][marker_trials]") {
  MarkerTrials trials;
  CHECK(left_out(trials) == 0);
  CHECK(left_out(trials) == 0);
  trials.refused();
  CHECK(left_out(trials) == 1);
  CHECK(left_out(trials) == 0);
}

TEST_CASE("the more markers are refused in a row, the more waits do without, up to 64", "[unit][marker_trials]") {
  MarkerTrials trials;
  for (const unsigned expected : {1u, 2u, 4u, 8u, 16u, 32u, 64u, 64u, 64u}) {
    trials.refused();
    CHECK(left_out(trials) == expected);
  }
}

TEST_CASE("a marker that is written ends the row", "[unit][marker_trials]") {
  MarkerTrials trials;
  for (int i = 0; i < 5; ++i) trials.refused();
  left_out(trials);
  trials.written();
  trials.refused();
  CHECK(left_out(trials) == 1);
}
