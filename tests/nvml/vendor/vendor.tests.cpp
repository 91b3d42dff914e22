// SPDX-License-Identifier: Apache-2.0
// What vgpu-monitor makes of the host's NVML, here a library of our own with two cards (fake_library.cpp). Run by
// tests/nvml/vendor/run.sh.
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/nvml/failing_kernel.h"
#include "tests/nvml/fixture.h"

namespace vgpu::nvml_test {
namespace {

constexpr unsigned long long kGiB = 1ULL << 30;

nvmlDevice_t second() {
  nvmlDevice_t device = nullptr;
  REQUIRE(nvmlDeviceGetHandleByIndex_v2(1, &device) == NVML_SUCCESS);
  return device;
}

unsigned power(nvmlDevice_t device) {
  unsigned value = 0;
  REQUIRE(nvmlDeviceGetPowerUsage(device, &value) == NVML_SUCCESS);
  return value;
}

TEST_CASE("both cards are there, each with what is its own", "[vendor]") {
  const Nvml nvml;
  unsigned count = 0, degrees = 0;
  REQUIRE(nvmlDeviceGetCount_v2(&count) == NVML_SUCCESS);
  CHECK(count == 2);
  CHECK(text_of(&nvmlDeviceGetName, nvml.device) == "Card number 0");
  CHECK(text_of(&nvmlDeviceGetName, second()) == "Card number 1");
  nvmlDevice_t found = nullptr;
  CHECK(nvmlDeviceGetHandleByPciBusId_v2("0000:11:00.0", &found) == NVML_SUCCESS);
  CHECK(found == second());
  CHECK(nvmlDeviceGetTemperature(second(), NVML_TEMPERATURE_GPU, &degrees) == NVML_SUCCESS);
  CHECK(degrees == 41);
  char version[80] = {};
  CHECK(nvmlSystemGetDriverVersion(version, sizeof version) == NVML_SUCCESS);
  CHECK(std::string(version) == "577.8");
}

TEST_CASE("arguments reach the host's library, and lists come back", "[vendor]") {
  const Nvml nvml;
  unsigned clocks[4] = {}, count = 4;
  REQUIRE(nvmlDeviceGetSupportedGraphicsClocks(nvml.device, 2619, &count, clocks) == NVML_SUCCESS);
  CHECK((count == 2 && clocks[0] == 1980 && clocks[1] == 345));
  count = 1;
  CHECK(nvmlDeviceGetSupportedGraphicsClocks(nvml.device, 2619, &count, clocks) == NVML_ERROR_INSUFFICIENT_SIZE);
  CHECK(count == 2);
  CHECK(nvmlDeviceGetSupportedGraphicsClocks(nvml.device, 1, &count, clocks) == NVML_ERROR_NOT_FOUND);
  nvmlFieldValue_t fields[2] = {};
  fields[0].fieldId = 82, fields[0].scopeId = 5;
  fields[1].fieldId = 83;
  REQUIRE(nvmlDeviceGetFieldValues(nvml.device, 2, fields) == NVML_SUCCESS);
  CHECK((fields[0].nvmlReturn == NVML_SUCCESS && fields[0].value.uiVal == 1005));
  CHECK(fields[1].nvmlReturn == NVML_ERROR_NOT_SUPPORTED);
}

TEST_CASE("what the host's library does not have is not supported", "[vendor]") {
  const Nvml nvml;
  unsigned value = 0;
  CHECK(nvmlDeviceGetFanSpeed(nvml.device, &value) == NVML_ERROR_NOT_SUPPORTED);
}

TEST_CASE("a card is read at most ten times a second, however often it is asked for", "[vendor]") {
  const Nvml nvml;
  const auto begin = std::chrono::steady_clock::now();
  const unsigned first = power(nvml.device);
  unsigned last = first;
  for (int i = 0; i < 2000; ++i) last = power(nvml.device);
  const auto tenths = (std::chrono::steady_clock::now() - begin) / std::chrono::milliseconds(100);
  CHECK(last - first <= static_cast<unsigned>(tenths) + 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
  CHECK(power(nvml.device) > last);
}

TEST_CASE("a program's share is what the driver tells of its worker, where it has one", "[vendor]") {
  const Nvml nvml;
  REQUIRE(cuInit(0) == CUDA_SUCCESS);
  nvmlProcessInfo_t infos[8] = {};
  unsigned count = 8;
  REQUIRE(nvmlDeviceGetComputeRunningProcesses_v3(nvml.device, &count, infos) == NVML_SUCCESS);
  REQUIRE(count == 1);
  CHECK(infos[0].pid == static_cast<unsigned>(::getpid()));
  CHECK(infos[0].usedGpuMemory == 3 * kGiB);
  count = 8;
  REQUIRE(nvmlDeviceGetComputeRunningProcesses_v3(second(), &count, infos) == NVML_SUCCESS);
  CHECK(count == 0);

  nvmlMemory_t memory = {};
  REQUIRE(nvmlDeviceGetMemoryInfo(nvml.device, &memory) == NVML_SUCCESS);
  CHECK((memory.total == 80 * kGiB && memory.used == 3 * kGiB && memory.free == 60 * kGiB));
  REQUIRE(nvmlDeviceGetMemoryInfo(second(), &memory) == NVML_SUCCESS);
  CHECK(memory.used == 0);

  nvmlUtilization_t rates = {};
  REQUIRE(nvmlDeviceGetUtilizationRates(nvml.device, &rates) == NVML_SUCCESS);
  CHECK((rates.gpu == 31 && rates.memory == 7));
  nvmlProcessUtilizationSample_t samples[4] = {};
  count = 4;
  REQUIRE(nvmlDeviceGetProcessUtilization(nvml.device, samples, &count, 0) == NVML_SUCCESS);
  CHECK((count == 1 && samples[0].smUtil == 31 && samples[0].pid == static_cast<unsigned>(::getpid())));
}

// Has the library of this test make an Xid.
void make_xid(nvmlDevice_t device, unsigned xid) {
  unsigned clocks[4] = {}, count = 4;
  CHECK(nvmlDeviceGetSupportedGraphicsClocks(device, 50'000 + xid, &count, clocks) == NVML_ERROR_NOT_FOUND);
}

// A set for the Xids of both cards.
struct XidSet {
  nvmlEventSet_t set = nullptr;
  explicit XidSet(const Nvml& nvml) {
    REQUIRE(nvmlEventSetCreate(&set) == NVML_SUCCESS);
    for (const nvmlDevice_t device : {nvml.device, second()})
      REQUIRE(nvmlDeviceRegisterEvents(device, kXidEvent, set) == NVML_SUCCESS);
  }
  XidSet(const XidSet&) = delete;
  XidSet& operator=(const XidSet&) = delete;
  ~XidSet() { nvmlEventSetFree(set); }
  // 0: none.
  unsigned long long wait(unsigned milliseconds, nvmlDevice_t device) const {
    nvmlEventData_t data = {};
    const nvmlReturn_t result = nvmlEventSetWait_v2(set, &data, milliseconds);
    if (result == NVML_ERROR_TIMEOUT) return 0;
    CHECK((result == NVML_SUCCESS && data.eventType == kXidEvent && data.device == device));
    return data.eventData;
  }
};

TEST_CASE("an Xid of a card is told of with its device, once to each set, and to none that came later", "[vendor]") {
  const Nvml nvml;
  const XidSet one(nvml), two(nvml);
  make_xid(second(), 48);
  CHECK(one.wait(5000, second()) == 48);
  CHECK(two.wait(5000, second()) == 48);
  const XidSet late(nvml);
  CHECK(one.wait(0, second()) == 0);
  CHECK(late.wait(50, second()) == 0);
}

TEST_CASE("an Xid of a program waits until a program of ours has failed on that card", "[vendor]") {
  const Nvml nvml;
  const XidSet set(nvml);
  make_xid(second(), 13);
  make_xid(nvml.device, 32);
  CHECK(set.wait(200, nvml.device) == 0);
  fail_by_illegal_address();
  CHECK(set.wait(5000, nvml.device) == 32);
  // One that comes a little later is still this failure's.
  make_xid(nvml.device, 43);
  CHECK(set.wait(5000, nvml.device) == 43);
  CHECK(set.wait(50, nvml.device) == 0);
}

TEST_CASE("events that the host's library does not have are not supported, and the set can still be used", "[vendor]") {
  const Nvml nvml;
  const XidSet set(nvml);
  unsigned long long types = 0;
  CHECK(nvmlDeviceGetSupportedEventTypes(nvml.device, &types) == NVML_SUCCESS);
  CHECK(types == (kXidEvent | 1));
  CHECK(nvmlDeviceRegisterEvents(nvml.device, 4, set.set) == NVML_ERROR_NOT_SUPPORTED);
  make_xid(nvml.device, 63);
  CHECK(set.wait(5000, nvml.device) == 63);
}

TEST_CASE("whoever waits learns that the card is lost", "[vendor]") {
  const Nvml nvml;
  const XidSet set(nvml);
  std::thread later([&nvml] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    make_xid(nvml.device, 79);
  });
  nvmlEventData_t data = {};
  CHECK(nvmlEventSetWait_v2(set.set, &data, 5000) == NVML_ERROR_GPU_IS_LOST);
  later.join();
}

TEST_CASE("what the driver keeps of the memory, and for how many processes it has accounts, is the card's",
          "[vendor]") {
  const Nvml nvml;
  nvmlMemory_v2_t memory = {};
  memory.version = nvmlMemory_v2;
  REQUIRE(nvmlDeviceGetMemoryInfo_v2(nvml.device, &memory) == NVML_SUCCESS);
  CHECK((memory.total == 80 * kGiB && memory.reserved == kGiB && memory.free <= 59 * kGiB));
  unsigned processes = 0;
  CHECK(nvmlDeviceGetAccountingBufferSize(nvml.device, &processes) == NVML_SUCCESS);
  CHECK(processes == 4000);
}

TEST_CASE("a library that crashes is started anew", "[vendor]") {
  const Nvml nvml;
  char text[96] = {};
  CHECK(nvmlDeviceGetInforomImageVersion(nvml.device, text, sizeof text) == NVML_ERROR_UNKNOWN);
  CHECK(text_of(&nvmlDeviceGetName, nvml.device) == "Card number 0");
}

TEST_CASE("a library that hangs costs its caller some seconds, and the next one nothing", "[vendor]") {
  const Nvml nvml;
  unsigned value = 0;
  CHECK(nvmlDeviceGetBoardId(nvml.device, &value) == NVML_ERROR_TIMEOUT);
  CHECK(text_of(&nvmlDeviceGetName, nvml.device) == "Card number 0");
}

TEST_CASE("a driver that does not start is not loaded", "[.][broken]") {
  CHECK(nvmlInit_v2() == NVML_ERROR_DRIVER_NOT_LOADED);
  unsigned count = 0;
  CHECK(nvmlDeviceGetCount_v2(&count) == NVML_ERROR_UNINITIALIZED);
  // CUDA does not need it.
  CHECK(cuInit(0) == CUDA_SUCCESS);
}

}  // namespace
}  // namespace vgpu::nvml_test
