// SPDX-License-Identifier: Apache-2.0
// Event sets: Xids of programs whose kernels fail. Each fails in a process of its own, as programs do.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "tests/nvml/failing_kernel.h"
#include "tests/nvml/fixture.h"

namespace vgpu::nvml_test {
namespace {

using Clock = std::chrono::steady_clock;

struct EventSet {
  nvmlEventSet_t set = nullptr;
  EventSet() { REQUIRE(nvmlEventSetCreate(&set) == NVML_SUCCESS); }
  EventSet(const EventSet&) = delete;
  EventSet& operator=(const EventSet&) = delete;
  ~EventSet() { nvmlEventSetFree(set); }
};

// The hidden cases below, each in a program that ends with it.
TEST_CASE("stores where no memory is", "[.][illegal]") { fail_by_illegal_address(); }
TEST_CASE("stores across a word's border", "[.][misaligned]") { fail_by_misalignment(); }

void run_program(const char* which) {
  const pid_t child = ::fork();
  if (child == 0) {
    // Its count of cases is not ours.
    ::close(STDOUT_FILENO);
    ::open("/dev/null", O_WRONLY);
    ::execl("/proc/self/exe", "nvml", which, nullptr);
    ::_exit(1);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

// Whether this Xid comes; a driver may tell of more than one for a failure.
bool xid_comes(nvmlEventSet_t set, nvmlDevice_t device, unsigned long long xid) {
  nvmlEventData_t data = {};
  while (nvmlEventSetWait_v2(set, &data, 10'000) == NVML_SUCCESS)
    if (data.eventType == kXidEvent && data.device == device && data.eventData == xid) return true;
  return false;
}

TEST_CASE("an event set waits as long as it is told", "[nvml]") {
  const Nvml nvml;
  const EventSet events;
  nvmlEventData_t data = {};
  CHECK(nvmlEventSetWait_v2(events.set, &data, 20) == NVML_ERROR_TIMEOUT);
  REQUIRE(nvmlDeviceRegisterEvents(nvml.device, kXidEvent, events.set) == NVML_SUCCESS);
  const auto begin = Clock::now();
  CHECK(nvmlEventSetWait_v2(events.set, &data, 300) == NVML_ERROR_TIMEOUT);
  CHECK(Clock::now() - begin >= std::chrono::milliseconds(290));
  CHECK(nvmlEventSetWait_v2(events.set, &data, 0) == NVML_ERROR_TIMEOUT);
}

TEST_CASE("an event set that was freed is no event set", "[nvml][ours]") {
  const Nvml nvml;
  nvmlEventSet_t set = nullptr;
  REQUIRE(nvmlEventSetCreate(&set) == NVML_SUCCESS);
  REQUIRE(nvmlEventSetFree(set) == NVML_SUCCESS);
  nvmlEventData_t data = {};
  CHECK(nvmlEventSetWait_v2(set, &data, 1) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceRegisterEvents(nvml.device, kXidEvent, set) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlEventSetFree(set) == NVML_ERROR_INVALID_ARGUMENT);
}

TEST_CASE("null pointers are no places for events, and nobody's device has none", "[nvml][ours]") {
  const Nvml nvml;
  const EventSet events;
  CHECK(nvmlEventSetCreate(nullptr) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlEventSetWait_v2(events.set, nullptr, 0) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlEventSetWait(events.set, nullptr, 0) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceRegisterEvents(nullptr, kXidEvent, events.set) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceRegisterEvents(nvml.device, kXidEvent, nullptr) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlDeviceGetSupportedEventTypes(nvml.device, nullptr) == NVML_ERROR_INVALID_ARGUMENT);
}

TEST_CASE("a device supports Xids, and types that no card has cannot be registered", "[nvml]") {
  const Nvml nvml;
  const EventSet events;
  unsigned long long types = 0;
  REQUIRE(nvmlDeviceGetSupportedEventTypes(nvml.device, &types) == NVML_SUCCESS);
  CHECK((types & kXidEvent) != 0);
  for (int bit = 16; bit < 32; ++bit) {
    INFO("bit " << bit);
    CHECK(nvmlDeviceRegisterEvents(nvml.device, 1ULL << bit, events.set) == NVML_ERROR_NOT_SUPPORTED);
  }
  CHECK(nvmlDeviceRegisterEvents(nvml.device, types, events.set) == NVML_SUCCESS);
}

// NVIDIA's library takes types that its card does not have.
TEST_CASE("what the software GPU does not support cannot be registered", "[nvml][soft]") {
  const Nvml nvml;
  const EventSet events;
  unsigned long long types = 0;
  REQUIRE(nvmlDeviceGetSupportedEventTypes(nvml.device, &types) == NVML_SUCCESS);
  for (int bit = 0; bit < 64; ++bit) {
    INFO("bit " << bit);
    const unsigned long long type = 1ULL << bit;
    if ((types & type) != 0) continue;
    CHECK(nvmlDeviceRegisterEvents(nvml.device, type, events.set) == NVML_ERROR_NOT_SUPPORTED);
  }
  CHECK(nvmlDeviceRegisterEvents(nvml.device, kXidEvent, events.set) == NVML_SUCCESS);
}

TEST_CASE("a program that stores where no memory is brings Xid 31, and wakes whoever waits for it", "[nvml]") {
  const Nvml nvml;
  const EventSet events;
  REQUIRE(nvmlDeviceRegisterEvents(nvml.device, kXidEvent, events.set) == NVML_SUCCESS);
  bool came = false;
  std::thread waits([&] { came = xid_comes(events.set, nvml.device, 31); });
  run_program("[illegal]");
  waits.join();
  CHECK(came);
}

TEST_CASE("an event is kept for a set that does not wait yet, and not for one that was made later", "[nvml][ours]") {
  const Nvml nvml;
  const EventSet early, late;
  REQUIRE(nvmlDeviceRegisterEvents(nvml.device, kXidEvent, early.set) == NVML_SUCCESS);
  run_program("[misaligned]");
  CHECK(xid_comes(early.set, nvml.device, 13));
  REQUIRE(nvmlDeviceRegisterEvents(nvml.device, kXidEvent, late.set) == NVML_SUCCESS);
  nvmlEventData_t data = {};
  CHECK(nvmlEventSetWait_v2(late.set, &data, 50) == NVML_ERROR_TIMEOUT);
}

TEST_CASE("the older call writes the older, shorter struct", "[nvml]") {
  const Nvml nvml;
  const EventSet events;
  REQUIRE(nvmlDeviceRegisterEvents(nvml.device, kXidEvent, events.set) == NVML_SUCCESS);
  run_program("[illegal]");
  struct {
    nvmlEventData_v1_t data;
    unsigned char beyond[8];
  } place = {};
  std::memset(place.beyond, 0x5a, sizeof place.beyond);
  REQUIRE(nvmlEventSetWait(events.set, &place.data, 10'000) == NVML_SUCCESS);
  CHECK(place.data.device == nvml.device);
  CHECK(place.data.eventType == kXidEvent);
  for (const unsigned char byte : place.beyond) CHECK(byte == 0x5a);
}

TEST_CASE("two threads that wait for one set get an event each", "[nvml][ours]") {
  const Nvml nvml;
  const EventSet events;
  REQUIRE(nvmlDeviceRegisterEvents(nvml.device, kXidEvent, events.set) == NVML_SUCCESS);
  nvmlReturn_t results[2] = {NVML_ERROR_UNKNOWN, NVML_ERROR_UNKNOWN};
  const auto wait = [&](nvmlReturn_t& result) {
    nvmlEventData_t data = {};
    result = nvmlEventSetWait_v2(events.set, &data, 20'000);
  };
  std::thread one(wait, std::ref(results[0])), two(wait, std::ref(results[1]));
  run_program("[illegal]");
  run_program("[illegal]");
  one.join();
  two.join();
  CHECK(results[0] == NVML_SUCCESS);
  CHECK(results[1] == NVML_SUCCESS);
}

}  // namespace
}  // namespace vgpu::nvml_test
