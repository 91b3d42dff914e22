// SPDX-License-Identifier: Apache-2.0
#include "common/spin.h"

#include <vector>

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

namespace {

using std::chrono::microseconds, std::chrono::milliseconds, std::chrono::steady_clock;

// How long it spins before it tells its owner to sleep.
steady_clock::duration spins_for(Spinner& spinner) {
  const auto begin = steady_clock::now();
  looks_until_sleep(spinner);
  return steady_clock::now() - begin;
}

}  // namespace

TEST_CASE("an adaptive spinner spins less after long sleeps, and as long as it may after a short one", "[unit][spin]") {
  constexpr auto kLongest = milliseconds(20);
  Spinner spinner = Spinner::adaptive(kLongest);
  CHECK(spins_for(spinner) >= kLongest);
  // Each wait is longer than it may spin.
  std::this_thread::sleep_for(milliseconds(1));
  spinner.slept();
  auto spun = kLongest;
  for (int i = 0; i < 4; ++i) {
    const auto begin = steady_clock::now();
    CHECK(spins_for(spinner) >= spun / 2);
    spun /= 2;
    std::this_thread::sleep_until(begin + kLongest + milliseconds(5));
    spinner.slept();
  }
  // Two milliseconds are the bound now, unless the machine is too busy for them to be any.
  const auto begin = steady_clock::now();
  looks_until_sleep(spinner);
  spinner.slept();
  const bool came_soon = steady_clock::now() - begin <= kLongest;
  if (came_soon) CHECK(spins_for(spinner) >= kLongest);
}

TEST_CASE("a spinner that found what it waited for keeps its bound", "[unit][spin]") {
  constexpr auto kLongest = milliseconds(5);
  Spinner spinner = Spinner::adaptive(kLongest);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(spinner.spin());
    spinner.reset();
  }
  spinner.slept();
  CHECK(spins_for(spinner) >= kLongest);
}

TEST_CASE("a spinner that waits for the device spins for as long as that may take", "[unit][spin]") {
  constexpr auto kExpected = milliseconds(20);
  Spinner spinner = Spinner::for_device(kExpected, true);
  CHECK(spins_for(spinner) >= kExpected);
  // Each wait anew.
  spinner.reset();
  CHECK(spins_for(spinner) >= kExpected);
}

TEST_CASE("a spinner that waits for the device does not where it would take its processor away", "[unit][spin]") {
  constexpr auto kExpected = std::chrono::hours(1);
  Spinner spinner = Spinner::for_device(kExpected, false);
  CHECK(spins_for(spinner) < kExpected);
}

TEST_CASE("a thread that is confined lets others run while it waits for the device", "[unit][spin]") {
  constexpr auto kExpected = milliseconds(20);
  Spinner spinner = Spinner::for_device(kExpected, true, true);
  CHECK(spins_for(spinner) >= kExpected);
  // From the beginning: without a place it does not wait at all.
  std::vector<vgpu::WakingPlace> awake(vgpu::WakingPlace::places());
  for (vgpu::WakingPlace& place : awake) CHECK(place.take());
  Spinner late = Spinner::for_device(std::chrono::hours(1), true, true);
  CHECK(spins_for(late) < std::chrono::hours(1));
}

TEST_CASE("no more threads stay awake than leave as many processors to others", "[unit][spin]") {
  const unsigned places = vgpu::WakingPlace::places();
  std::vector<vgpu::WakingPlace> awake(places + 1);
  for (unsigned i = 0; i < places; ++i) CHECK(awake[i].take());
  CHECK_FALSE(awake[places].take());
  // Spins no longer than anybody does.
  Spinner spinner = Spinner::for_device(std::chrono::hours(1), true);
  CHECK(spins_for(spinner) < std::chrono::hours(1));
  awake[0].give_back();
  CHECK(awake[places].take());
  CHECK(awake[places].take());
  CHECK_FALSE(awake[0].take());
}

TEST_CASE("a spinner that says that it is time to sleep leaves its place to others", "[unit][spin]") {
  constexpr auto kExpected = milliseconds(5);
  std::vector<Spinner> asleep;
  for (unsigned i = 0; i <= vgpu::WakingPlace::places(); ++i) {
    asleep.push_back(Spinner::for_device(kExpected, true));
    CHECK(spins_for(asleep.back()) >= kExpected);
  }
}

TEST_CASE("a spinner gives back its place when its wait ends", "[unit][spin]") {
  constexpr auto kExpected = milliseconds(5);
  for (unsigned i = 0; i <= vgpu::WakingPlace::places(); ++i) {
    Spinner spinner = Spinner::for_device(kExpected, true);
    CHECK(spins_for(spinner) >= kExpected);
  }
}
