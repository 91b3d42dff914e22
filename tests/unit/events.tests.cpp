// SPDX-License-Identifier: Apache-2.0
// The daemon's events: who is told of what, when, and what a question must look like.
#include "host/daemon/events.h"

#include <cerrno>
#include <map>
#include <memory>
#include <vector>

#include "common/codec/bytes.h"
#include "common/face/cuda_api.h"
#include "tests/support/test.h"
#include "vgpu/report.h"

namespace vgpu::host {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Owner kVm = {.in_vm = true};
constexpr Owner kUser = {.user = 1000};
constexpr uint64_t kClockChange = 0x10;

// Two cards, whose library supports Xids and changes of clocks.
struct Cards final : EventSource {
  bool software = false;
  nvmlReturn_t known = NVML_SUCCESS;
  nvmlReturn_t of_second = NVML_SUCCESS;
  int watches = 0;

  void watch_cards(std::function<void(nvmlReturn_t)> answered) override {
    ++watches;
    answered(NVML_SUCCESS);
  }
  nvmlReturn_t has_events(uint32_t device, uint64_t types) const override {
    if (device == 1 && of_second != NVML_SUCCESS) return of_second;
    return (types & ~(event::kXid | kClockChange)) == 0 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
  }
  void with_devices(std::function<void(nvmlReturn_t)> ready) override { ready(known); }
  uint32_t device_count() const override { return known == NVML_SUCCESS ? 2 : 0; }
  std::optional<uint32_t> find_device(const uint8_t (&uuid)[16]) const override {
    return uuid[0] < 2 ? std::optional<uint32_t>(uuid[0]) : std::nullopt;
  }
  bool is_software() const override { return software; }
};

// What a question has been answered, so far.
struct Said {
  int times = 0;
  int error = -1;
  nvmlReturn_t result = NVML_ERROR_UNKNOWN;
  uint64_t next = 0;
  std::vector<event::Event> events;
};

struct Scene {
  Cards cards;
  Events::Clock::time_point now{std::chrono::hours(1)};
  Events events{cards, [this] { return now; }};

  std::shared_ptr<Said> ask(event::Request request, const Owner& asker = kVm) {
    request.kind = static_cast<uint32_t>(report::Kind::events);
    auto said = std::make_shared<Said>();
    events.ask(asker, std::as_bytes(std::span(&request, 1)), [said](int error, std::span<const std::byte> bytes) {
      ++said->times;
      said->error = error;
      codec::Reader reader(bytes);
      const auto answer = reader.get<event::Answer>();
      said->result = static_cast<nvmlReturn_t>(answer.result);
      said->next = answer.next;
      for (uint32_t i = 0; i < answer.count; ++i) said->events.push_back(reader.get<event::Event>());
      CHECK((error != 0 || reader.complete()));
    });
    return said;
  }
  // Both cards, Xids, from now on.
  uint64_t begin(const Owner& asker = kVm, uint64_t types = event::kXid) {
    const auto said =
        ask({.kind = 0, .milliseconds = 0, .since = event::kFromNow, .devices = 3, .types = types}, asker);
    REQUIRE((said->times == 1 && said->error == 0 && said->result == NVML_SUCCESS));
    return said->next;
  }
  std::shared_ptr<Said> wait(uint64_t since, const Owner& asker = kVm, uint32_t time = 5000, uint64_t devices = 3,
                             uint64_t types = event::kXid) {
    return ask({.kind = 0, .milliseconds = time, .since = since, .devices = devices, .types = types}, asker);
  }
  void xid(uint32_t device, uint64_t number) { events.card_event({device, NVML_SUCCESS, event::kXid, number}); }
  void fail(const Owner& owner, uint8_t device, CUresult result = CUDA_ERROR_ILLEGAL_ADDRESS) {
    wire::Fault fault = {};
    fault.uuid[0] = device;
    fault.result = result;
    events.program_failed(owner, fault);
  }
};

TEST_CASE("who waits is answered when something comes, and not before", "[unit][event]") {
  Scene scene;
  const uint64_t since = scene.begin();
  const auto said = scene.wait(since);
  CHECK(said->times == 0);
  scene.xid(1, 48);
  REQUIRE(said->times == 1);
  REQUIRE(said->events.size() == 1);
  const event::Event& came = said->events[0];
  CHECK((came.device == 1 && came.type == event::kXid && came.data == 48 && came.number >= since));
  CHECK(said->next == came.number + 1);
  // It is there for whoever asks again, and gone for whoever has it.
  CHECK(scene.wait(since)->events.size() == 1);
  CHECK(scene.wait(said->next, kVm, 0)->events.empty());
}

TEST_CASE("a wait ends with its time, which has a limit", "[unit][event]") {
  Scene scene;
  const uint64_t since = scene.begin();
  CHECK_FALSE(scene.events.deadline());
  const auto brief = scene.wait(since, kVm, 50), eternal = scene.wait(since, kVm, 0xffffffff);
  CHECK(scene.events.deadline() == scene.now + milliseconds(50));
  scene.now += milliseconds(50);
  scene.events.expire();
  CHECK((brief->times == 1 && brief->error == 0 && brief->events.empty() && brief->next >= since));
  CHECK(eternal->times == 0);
  scene.now += milliseconds(event::kLongestWait);
  scene.events.expire();
  CHECK(eternal->times == 1);
  CHECK_FALSE(scene.events.deadline());
}

TEST_CASE("only events of the devices and types that were asked for count", "[unit][event]") {
  Scene scene;
  const uint64_t since = scene.begin(kVm, event::kXid | kClockChange);
  const auto first = scene.wait(since, kVm, 5000, 1), clocks = scene.wait(since, kVm, 5000, 3, kClockChange);
  scene.xid(1, 48);
  CHECK((first->times == 0 && clocks->times == 0));
  scene.events.card_event({1, NVML_SUCCESS, kClockChange, 7});
  CHECK((first->times == 0 && clocks->times == 1));
}

TEST_CASE("what nobody has asked for takes no place from what somebody has", "[unit][event]") {
  Scene scene;
  const uint64_t since = scene.begin();
  scene.xid(1, 48);
  for (int i = 0; i < 2000; ++i) scene.events.card_event({1, NVML_SUCCESS, kClockChange, 7});
  CHECK(scene.wait(since, kVm, 0)->events.size() == 1);
  scene.begin(kVm, kClockChange);
  CHECK(scene.wait(since, kVm, 0, 3, kClockChange)->events.empty());
}

TEST_CASE("what is the card's is everybody's; what a program did is for its side, when it is known whose it was",
          "[unit][event]") {
  Scene scene;
  const auto vm = scene.wait(scene.begin()), user = scene.wait(scene.begin(kUser), kUser);
  scene.xid(0, 31);
  CHECK((vm->times == 0 && user->times == 0));
  scene.fail(kVm, 1);
  CHECK((vm->times == 0 && user->times == 0));
  scene.fail(kVm, 0);
  REQUIRE((vm->times == 1 && user->times == 0));
  CHECK(vm->events[0].data == 31);
  scene.xid(0, 79);
  REQUIRE(user->times == 1);
  CHECK((user->events.size() == 1 && user->events[0].data == 79));
  CHECK(scene.wait(vm->next)->events.size() == 1);
}

TEST_CASE("an Xid of long ago is not of a program that fails now, and one of right after is", "[unit][event]") {
  Scene scene;
  const auto said = scene.wait(scene.begin());
  scene.xid(0, 13);
  scene.now += seconds(31);
  scene.fail(kVm, 0);
  CHECK(said->times == 0);
  scene.now += seconds(1);
  scene.xid(0, 43);
  REQUIRE(said->times == 1);
  CHECK(said->events[0].data == 43);
  const auto next = scene.wait(said->next);
  scene.now += seconds(2);
  scene.xid(0, 13);
  CHECK(next->times == 0);
}

TEST_CASE("on the software GPU the Xid follows from how the program failed", "[unit][event]") {
  const std::map<CUresult, uint64_t> expected = {{CUDA_ERROR_ILLEGAL_ADDRESS, 31},
                                                 {CUDA_ERROR_MISALIGNED_ADDRESS, 13},
                                                 {CUDA_ERROR_ILLEGAL_INSTRUCTION, 13},
                                                 {CUDA_ERROR_INVALID_PC, 13},
                                                 {CUDA_ERROR_HARDWARE_STACK_ERROR, 13},
                                                 {CUDA_ERROR_LAUNCH_FAILED, 43},
                                                 {CUDA_ERROR_INVALID_ADDRESS_SPACE, 13},
                                                 {CUDA_ERROR_LAUNCH_TIMEOUT, 8},
                                                 {CUDA_ERROR_ASSERT, 43}};
  for (const auto& [result, xid] : expected) {
    INFO(static_cast<int>(result));
    Scene scene;
    scene.cards.software = true;
    const auto vm = scene.wait(scene.begin()), user = scene.wait(scene.begin(kUser), kUser);
    scene.fail(kVm, 0, result);
    REQUIRE((vm->times == 1 && user->times == 0));
    CHECK(vm->events[0].data == xid);
    CHECK(scene.cards.watches == 0);
  }
}

TEST_CASE("a worker that tells nonsense brings about nothing", "[unit][event]") {
  Scene scene;
  scene.cards.software = true;
  // Nobody has asked yet, so nothing is kept.
  scene.fail(kVm, 0);
  const auto said = scene.wait(scene.begin());
  scene.fail(kVm, 9);
  scene.fail(kVm, 0, CUDA_SUCCESS);
  scene.fail(kVm, 0, static_cast<CUresult>(-7));
  CHECK(said->times == 0);
  for (int i = 0; i < 2000; ++i) scene.fail(kVm, 0);
  CHECK(scene.wait(said->next, kVm, 0)->events.size() == event::kMostEvents);
}

TEST_CASE("the library's refusals reach who asked", "[unit][event]") {
  Scene scene;
  CHECK(scene.ask({.kind = 0, .milliseconds = 0, .since = event::kFromNow, .devices = 1, .types = 4})->result ==
        NVML_ERROR_NOT_SUPPORTED);
  // A set of two devices, each of which has one of the types.
  CHECK(scene.ask({.kind = 0, .milliseconds = 0, .since = 0, .devices = 3, .types = 12})->result == NVML_SUCCESS);
  CHECK(scene.ask({.kind = 0, .milliseconds = 0, .since = 0, .devices = 4, .types = 8})->result ==
        NVML_ERROR_INVALID_ARGUMENT);
  // No card has such a type, so the library is not asked.
  CHECK(scene.ask({.kind = 0, .milliseconds = 0, .since = 0, .devices = 1, .types = uint64_t{1} << 60})->result ==
        NVML_ERROR_NOT_SUPPORTED);
  CHECK(scene.cards.watches == 2);
  scene.cards.of_second = NVML_ERROR_GPU_IS_LOST;
  CHECK(scene.wait(0, kVm, 0, 1)->result == NVML_SUCCESS);
  CHECK(scene.wait(0, kVm, 0, 2)->result == NVML_ERROR_GPU_IS_LOST);
  scene.cards.known = NVML_ERROR_DRIVER_NOT_LOADED;
  CHECK(scene.wait(0)->result == NVML_ERROR_DRIVER_NOT_LOADED);
  scene.cards = Cards();
  scene.cards.software = true;
  CHECK(scene.wait(0, kVm, 5, 1, kClockChange)->result == NVML_ERROR_NOT_SUPPORTED);
  CHECK(scene.wait(0, kVm, 5, 1, uint64_t{1} << 40)->result == NVML_ERROR_NOT_SUPPORTED);
}

TEST_CASE("whoever waits is told when no more events will come, of whichever card", "[unit][event]") {
  Scene scene;
  const uint64_t since = scene.begin();
  const auto first = scene.wait(since, kVm, 5000, 1), second = scene.wait(since, kVm, 5000, 2);
  scene.events.card_event({0, NVML_ERROR_GPU_IS_LOST, 0, 0});
  CHECK((first->times == 1 && first->result == NVML_ERROR_GPU_IS_LOST));
  CHECK((second->times == 1 && second->result == NVML_ERROR_GPU_IS_LOST));
}

TEST_CASE("an owner who waits too often is put off, and others are not", "[unit][event]") {
  Scene scene;
  const uint64_t since = scene.begin();
  std::vector<std::shared_ptr<Said>> waits;
  for (int i = 0; i < 32; ++i) waits.push_back(scene.wait(since));
  CHECK(scene.wait(since)->error == EAGAIN);
  CHECK(scene.wait(since, kUser)->times == 0);
  scene.xid(0, 48);
  for (const auto& said : waits) CHECK(said->times == 1);
}

TEST_CASE("a question of another length, or for nothing, is none", "[unit][event]") {
  Scene scene;
  int error = 0;
  const auto keep = [&error](int said, std::span<const std::byte>) { error = said; };
  const std::vector<std::byte> bytes(sizeof(event::Request) + 1);
  for (const size_t length : {size_t{4}, sizeof(event::Request) - 1, sizeof(event::Request) + 1}) {
    error = 0;
    scene.events.ask(kVm, std::span(bytes).first(length), keep);
    CHECK(error == EINVAL);
  }
  CHECK(scene.wait(0, kVm, 5, 0)->error == EINVAL);
  CHECK(scene.wait(0, kVm, 5, 1, 0)->error == EINVAL);
}

}  // namespace
}  // namespace vgpu::host
