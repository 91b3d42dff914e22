// SPDX-License-Identifier: Apache-2.0
// The daemon's traces: who may have one, how it is read, and how it ends. And the worker's list of unsupported calls.
#include "host/daemon/traces.h"

#include <unistd.h>

#include <cstring>
#include <string>

#include "host/worker/unsupported_calls.h"
#include "tests/support/test.h"
#include "vgpu/report.h"

namespace vgpu::host {
namespace {

using trace::State;
using trace::Step;

constexpr Owner kOwner = {.user = 1000};
constexpr Owner kOther = {.user = 1001};

// Program 7 is the owner's; its worker is this test, with the pipe in its hand.
struct Programs final : TracedPrograms {
  UniqueFd pipe;
  bool is_gone = false;
  Owner owner = kOwner;
  Result<uint64_t, State> find_program(uint32_t pid, const Owner& asker) const override {
    if (pid != 7) return State::no_program;
    if (asker != owner) return State::not_yours;
    return uint64_t{70};
  }
  bool hand_trace(uint64_t session, int file) override {
    CHECK(session == 70);
    pipe.reset(::dup(file));
    return !is_gone;
  }
  bool is_session_open_to(uint64_t, const Owner& asker) const override { return asker == owner; }
  bool write(const std::string& text) const {
    return ::write(pipe.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
};

struct Taken {
  State state = State::unknown;
  uint64_t trace = 0;
  std::string records;
};

struct Scene {
  Programs programs;
  Traces traces{programs};

  Taken ask(const Owner& asker, trace::Request request) {
    request.kind = static_cast<uint32_t>(report::Kind::trace);
    const std::vector<std::byte> bytes = traces.answer(asker, std::as_bytes(std::span(&request, 1)));
    trace::Answer answer = {};
    REQUIRE(bytes.size() >= sizeof answer);
    REQUIRE((request.room == 0 || bytes.size() <= request.room || bytes.size() == sizeof answer));
    std::memcpy(&answer, bytes.data(), sizeof answer);
    return {answer.state, answer.trace,
            std::string(reinterpret_cast<const char*>(bytes.data()) + sizeof answer, bytes.size() - sizeof answer)};
  }
  Taken begin(const Owner& asker = kOwner, uint32_t pid = 7) {
    return ask(asker, {.kind = 0, .step = Step::begin, .pid = pid, .room = 0, .trace = 0, .position = 0});
  }
  Taken take(uint64_t trace, uint64_t position, uint32_t room = 1000, const Owner& asker = kOwner) {
    return ask(asker, {.kind = 0, .step = Step::take, .pid = 0, .room = room, .trace = trace, .position = position});
  }
  Taken end(uint64_t trace, const Owner& asker = kOwner) {
    return ask(asker, {.kind = 0, .step = Step::end, .pid = 0, .room = 0, .trace = trace, .position = 0});
  }
};

TEST_CASE("a trace is for those whom the program is open to, one at a time", "[unit][trace]") {
  Scene scene;
  CHECK(scene.begin(kOwner, 8).state == State::no_program);
  CHECK(scene.begin(kOther).state == State::not_yours);
  CHECK_FALSE(scene.programs.pipe);
  const Taken begun = scene.begin();
  REQUIRE(begun.state == State::running);
  CHECK(scene.begin().state == State::busy);
  CHECK(scene.take(begun.trace, 0, 1000, kOther).state == State::unknown);
  CHECK(scene.end(begun.trace, kOther).state == State::unknown);
  CHECK(scene.end(begun.trace).state == State::ended);
  CHECK(scene.take(begun.trace, 0).state == State::unknown);
  CHECK(scene.begin().state == State::running);
}

TEST_CASE("a worker that is gone already has no trace", "[unit][trace]") {
  Scene scene;
  scene.programs.is_gone = true;
  CHECK(scene.begin().state == State::no_program);
  CHECK_FALSE(scene.traces.deadline());
}

TEST_CASE("records are given again until they are confirmed, and never more than there is room for", "[unit][trace]") {
  Scene scene;
  const uint64_t trace = scene.begin().trace;
  CHECK(scene.take(trace, 0).records.empty());
  REQUIRE(scene.programs.write("one two three"));
  CHECK(scene.take(trace, 0, 16 + 3).records == "one");
  CHECK(scene.take(trace, 0, 16 + 7).records == "one two");
  CHECK(scene.take(trace, 3, 16 + 4).records == " two");
  CHECK(scene.take(trace, 7).records == " three");
  CHECK(scene.take(trace, 2).records == " three");  // what was confirmed is gone
  CHECK(scene.take(trace, ~uint64_t{0}).records.empty());
  CHECK(scene.take(trace, 0, 0).records.empty());
}

TEST_CASE("a trace ends when the program has, and everything was taken", "[unit][trace]") {
  Scene scene;
  const uint64_t trace = scene.begin().trace;
  REQUIRE(scene.programs.write("last"));
  scene.programs.pipe.reset();
  const Taken last = scene.take(trace, 0);
  CHECK(last.state == State::running);
  CHECK(last.records == "last");
  CHECK(scene.take(trace, 4).state == State::ended);
}

TEST_CASE("a pipe that was full when the program ended is told", "[unit][trace]") {
  Scene scene;
  const uint64_t trace = scene.begin().trace;
  const std::string page(4096, 'x');
  uint64_t written = 0;
  while (scene.programs.write(page)) written += page.size();
  CHECK(written >= 16 * page.size());
  scene.programs.pipe.reset();
  uint64_t position = 0;
  Taken taken;
  do {
    taken = scene.take(trace, position, report::kMaxAnswer);
    position += taken.records.size();
  } while (taken.state == State::running && position <= written);
  CHECK(position == written);
  CHECK(taken.state == State::ended);  // the last looks found it nearly empty
}

TEST_CASE("names of unsupported calls are names, and of a limited number", "[unit]") {
  UnsupportedCalls calls;
  CHECK_FALSE(calls.count(""));
  CHECK_FALSE(calls.count("rm -rf"));
  CHECK_FALSE(calls.count(std::string(97, 'a')));
  CHECK(calls.count("cuFoo"));
  CHECK(calls.count("cuFoo"));
  CHECK(calls.take_changed() == std::vector<std::pair<std::string, uint64_t>>{{"cuFoo", 2}});
  CHECK(calls.take_changed().empty());
  for (int i = 0; i < 1000; ++i) CHECK(calls.count("cu" + std::to_string(i)));
  CHECK(calls.take_changed().size() == 255);
}

TEST_CASE("a program that is awaited is traced from its session's beginning on, for its user only", "[trace]") {
  Scene scene;
  const Taken waiting = scene.ask(kOwner, {0, Step::begin, 8, 0, 0, trace::kAwait});
  const Taken others = scene.ask(kOther, {0, Step::begin, 8, 0, 0, trace::kAwait});
  REQUIRE(waiting.state == State::running);
  CHECK(scene.ask(kOwner, {0, Step::begin, 8, 0, 0, 0}).state == State::no_program);
  CHECK(scene.ask(kOwner, {0, Step::take, 0, 100, waiting.trace, 0}).state == State::running);
  scene.traces.begins(70, 9, 0);
  CHECK_FALSE(scene.programs.pipe);
  scene.traces.begins(70, 8, 0);
  REQUIRE(scene.programs.write("first"));
  CHECK(scene.ask(kOwner, {0, Step::take, 0, 100, waiting.trace, 0}).records == "first");
  CHECK(scene.ask(kOther, {0, Step::take, 0, 100, others.trace, 0}).records.empty());
  // Nobody else has the writing end.
  scene.programs.pipe.reset();
  CHECK(scene.ask(kOwner, {0, Step::take, 0, 100, waiting.trace, 5}).state == State::ended);
}

TEST_CASE("programs of a VM are awaited only as far as its module tells users", "[trace]") {
  Scene scene;
  const Owner guest = {.in_vm = true};
  scene.programs.owner = guest;
  const auto await = [&](uint64_t tracer) { return scene.ask(guest, {0, Step::begin, 8, 0, tracer, trace::kAwait}); };
  // Whether a program that `user` may trace is traced for who begins with `tracer`.
  const auto is_given = [&](uint64_t tracer, uint32_t user) {
    const Taken waiting = await(tracer);
    REQUIRE(waiting.state == State::running);
    scene.programs.pipe.reset();
    scene.traces.begins(70, 8, user);
    const bool given = bool(scene.programs.pipe);
    CHECK(scene.end(waiting.trace, guest).state == State::ended);
    return given;
  };
  constexpr uint64_t kUser = 1001, kAnyone = trace::kTracesAnyone;
  // An older module.
  CHECK(await(0).state == State::no_program);
  CHECK_FALSE(is_given(kUser, 0));
  CHECK_FALSE(is_given(kUser | kAnyone, 0));
  CHECK(is_given(kUser, kUser));
  CHECK_FALSE(is_given(kUser, kUser + 1));
  CHECK_FALSE(is_given(kUser, trace::kNoUser));
  CHECK(is_given(kUser | kAnyone, kUser + 1));
  CHECK(is_given(kUser | kAnyone, trace::kNoUser));
  // The number that is the last user's is nobody's.
  CHECK_FALSE(is_given(trace::kNoUser, trace::kNoUser));
}

}  // namespace
}  // namespace vgpu::host
