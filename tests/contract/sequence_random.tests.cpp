// SPDX-License-Identifier: Apache-2.0
// Random programs that repeat their launches, several of them side by side: whatever a driver makes of repetition, each
// word is what the program's own order says. Two seeds are the same in each run, and one is the clock's; a failure
// tells its seed, and SEQUENCE_SEED runs it again.
#include <chrono>
#include <cstdlib>

#include "tests/contract/child.h"
#include "tests/contract/fixture.h"
#include "tests/contract/random_program.h"

namespace {

constexpr unsigned kPrograms = 3;

uint64_t seed_of_this_run() {
  const char* const wanted = std::getenv("SEQUENCE_SEED");
  if (wanted != nullptr) return std::strtoull(wanted, nullptr, 10);
  return static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
}

// One per thread; the last works in a context of its own.
void run_programs(uint64_t seed, CUcontext shared, bool set_attributes) {
  std::vector<std::unique_ptr<RandomProgram>> programs;
  programs.reserve(kPrograms);
  for (unsigned i = 0; i < kPrograms; ++i) {
    const bool is_last = i + 1 == kPrograms;
    const RandomProgram::Habits habits = {set_attributes, is_last, is_last};
    programs.push_back(std::make_unique<RandomProgram>(seed * kPrograms + i, shared, habits));
  }
  std::vector<std::thread> threads;
  threads.reserve(kPrograms);
  for (const auto& program : programs) threads.emplace_back([&program] { program->run(); });
  for (std::thread& thread : threads) thread.join();
  for (const auto& program : programs) {
    CHECK(program->failure() == "");
    CHECK(program->launches() > 0);
  }
}

}  // namespace

TEST_CASE_METHOD(Gpu, "random programs that repeat themselves compute what one launch after the other does",
                 "[contract][sequence]") {
  const uint64_t seed = GENERATE(uint64_t{1}, uint64_t{2}, seed_of_this_run());
  CAPTURE(seed);
  run_programs(seed, context, false);
}

TEST_CASE("random programs may set attributes of their streams", "[contract][sequence]") {
  REQUIRE_CHILD("child-sequence-attributes");
}

// For a driver that goes by what a program has once done, in a process of its own.
TEST_CASE_METHOD(Gpu, "child: random programs set attributes of their streams", "[.][child-sequence-attributes]") {
  const uint64_t seed = seed_of_this_run();
  CAPTURE(seed);
  run_programs(seed, context, true);
}

TEST_CASE_METHOD(Gpu, "a random program alone computes what one launch after the other does", "[contract][sequence]") {
  const uint64_t seed = seed_of_this_run();
  CAPTURE(seed);
  RandomProgram program(seed, context, {.captures = true});
  std::thread thread([&] { program.run(); });
  thread.join();
  CHECK(program.failure() == "");
}
