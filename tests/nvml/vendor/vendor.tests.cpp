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

// From then on the driver tells of it: who uses the card is asked ten times a second at most.
void start_worker() {
  REQUIRE(cuInit(0) == CUDA_SUCCESS);
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
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
  start_worker();
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

// Has the library of this test make an Xid; each case has numbers of its own, because the same question twice within
// 100 ms is one.
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
    CHECK(result == NVML_SUCCESS);
    CHECK((data.eventType == kXidEvent && data.device == device));
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

TEST_CASE("whatever is registered later, of whichever card, is there at once", "[vendor]") {
  const Nvml nvml;
  const XidSet set(nvml);
  for (int bit = 0; bit < 64; ++bit) {
    INFO("bit " << bit);
    const nvmlReturn_t expected = bit < 16 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
    CHECK(nvmlDeviceRegisterEvents(nvml.device, 1ULL << bit, set.set) == expected);
  }
  CHECK(nvmlDeviceRegisterEvents(second(), kXidEvent | 1, set.set) == NVML_SUCCESS);
  CHECK(power(nvml.device) > 0);
  make_xid(second(), 64);
  CHECK(set.wait(5000, second()) == 64);
}

TEST_CASE("events that a card does not have are not supported, and the set can still be used", "[vendor]") {
  const Nvml nvml;
  const XidSet set(nvml);
  unsigned long long types = 0;
  CHECK(nvmlDeviceGetSupportedEventTypes(second(), &types) == NVML_SUCCESS);
  CHECK(types == (kXidEvent | 1));
  CHECK(nvmlDeviceRegisterEvents(second(), 4, set.set) == NVML_ERROR_NOT_SUPPORTED);
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

TEST_CASE("samples of power are the card's, and what was seen is not given again", "[vendor]") {
  const Nvml nvml;
  nvmlValueType_t type = NVML_VALUE_TYPE_DOUBLE;
  nvmlSample_t samples[8] = {};
  unsigned count = 8;
  REQUIRE(nvmlDeviceGetSamples(second(), NVML_TOTAL_POWER_SAMPLES, 0, &type, &count, samples) == NVML_SUCCESS);
  CHECK((count == 4 && type == NVML_VALUE_TYPE_UNSIGNED_INT && samples[3].sampleValue.uiVal == 103));
  REQUIRE(nvmlDeviceGetSamples(second(), NVML_TOTAL_POWER_SAMPLES, 1001, &type, &count, samples) == NVML_SUCCESS);
  CHECK((count == 2 && samples[0].timeStamp == 1002));
  CHECK(nvmlDeviceGetSamples(second(), NVML_TOTAL_POWER_SAMPLES, 1003, &type, &count, samples) == NVML_ERROR_NOT_FOUND);
  count = 8;
  CHECK(nvmlDeviceGetSamples(second(), NVML_DEC_UTILIZATION_SAMPLES, 0, &type, &count, samples) ==
        NVML_ERROR_NO_PERMISSION);
}

TEST_CASE("without a place for samples it is a question for how many there may be, even if there are none",
          "[vendor]") {
  const Nvml nvml;
  nvmlValueType_t type = NVML_VALUE_TYPE_DOUBLE;
  nvmlSample_t samples[8] = {};
  unsigned count = 0;
  CHECK(nvmlDeviceGetSamples(second(), NVML_TOTAL_POWER_SAMPLES, 0, &type, &count, nullptr) == NVML_SUCCESS);
  CHECK(count == 5);
  CHECK(nvmlDeviceGetSamples(second(), NVML_PROCESSOR_CLK_SAMPLES, 0, &type, &count, nullptr) == NVML_SUCCESS);
  CHECK(count == 6);
  CHECK(nvmlDeviceGetSamples(second(), NVML_PROCESSOR_CLK_SAMPLES, 0, &type, &count, samples) == NVML_ERROR_NOT_FOUND);
}

TEST_CASE("what the host's library tells root only is what it was when the monitor began", "[vendor]") {
  const Nvml nvml;
  unsigned mode = 99;
  for (int i = 0; i < 2; ++i) {
    CHECK(nvmlSystemGetNvlinkBwMode(&mode) == NVML_SUCCESS);
    CHECK(mode == 3);
    std::this_thread::sleep_for(std::chrono::milliseconds(120));
  }
}

TEST_CASE("samples of utilisation are of our programs where the driver tells it", "[vendor]") {
  const Nvml nvml;
  start_worker();
  nvmlUtilization_t rates = {};
  REQUIRE(nvmlDeviceGetUtilizationRates(nvml.device, &rates) == NVML_SUCCESS);
  nvmlValueType_t type = NVML_VALUE_TYPE_DOUBLE;
  for (const nvmlSamplingType_t which : {NVML_GPU_UTILIZATION_SAMPLES, NVML_MEMORY_UTILIZATION_SAMPLES}) {
    nvmlSample_t samples[100] = {};
    unsigned count = 100;
    REQUIRE(nvmlDeviceGetSamples(nvml.device, which, 0, &type, &count, samples) == NVML_SUCCESS);
    CHECK(count >= 1);
    const unsigned expected = which == NVML_GPU_UTILIZATION_SAMPLES ? rates.gpu : rates.memory;
    CHECK(samples[count - 1].sampleValue.uiVal == expected);
  }
}

TEST_CASE("sessions of encoders are others', and are not told", "[vendor]") {
  const Nvml nvml;
  nvmlEncoderSessionInfo_t sessions[2] = {};
  unsigned count = 2, frames = 9, latency = 9;
  CHECK(nvmlDeviceGetEncoderSessions(nvml.device, &count, sessions) == NVML_SUCCESS);
  CHECK((count == 0 && sessions[0].pid == 0));
  count = 9;
  CHECK(nvmlDeviceGetEncoderStats(nvml.device, &count, &frames, &latency) == NVML_SUCCESS);
  CHECK((count == 0 && frames == 0 && latency == 0));
}

TEST_CASE("states of performance fill their place, and say that the rest are none", "[vendor]") {
  const Nvml nvml;
  nvmlPstates_t states[4] = {};
  CHECK(nvmlDeviceGetSupportedPerformanceStates(nvml.device, states, sizeof states) == NVML_SUCCESS);
  CHECK((states[0] == 0 && states[1] == 2 && states[2] == NVML_PSTATE_UNKNOWN && states[3] == NVML_PSTATE_UNKNOWN));
  CHECK(nvmlDeviceGetSupportedPerformanceStates(nvml.device, states, 4) == NVML_ERROR_INSUFFICIENT_SIZE);
}

// Metrics 1, 2, ... between two samples.
nvmlGpmMetricsGet_t& metrics_between(nvmlGpmSample_t first, nvmlGpmSample_t later, unsigned count) {
  static nvmlGpmMetricsGet_t get;
  get = {};
  get.version = NVML_GPM_METRICS_GET_VERSION;
  get.numMetrics = count;
  get.sample1 = first;
  get.sample2 = later;
  for (unsigned i = 0; i < count; ++i) get.metrics[i].metricId = i + 1;
  return get;
}

// Three samples of which the monitor knows all: one that another case has crashed may be on its way out, and what it
// took goes with it.
nvmlReturn_t take_samples(nvmlDevice_t device, nvmlGpmSample_t (&samples)[3]) {
  nvmlReturn_t known = NVML_ERROR_NO_DATA;
  for (int attempt = 0; attempt < 5 && known == NVML_ERROR_NO_DATA; ++attempt) {
    for (nvmlGpmSample_t sample : samples) {
      REQUIRE(nvmlGpmSampleGet(device, sample) == NVML_SUCCESS);
      std::this_thread::sleep_for(std::chrono::milliseconds(120));
    }
    known = nvmlGpmMetricsGet(&metrics_between(samples[0], samples[2], 1));
  }
  return known;
}

TEST_CASE("metrics are those between the samples that were taken, with their names", "[vendor]") {
  const Nvml nvml;
  nvmlGpmSupport_t support = {NVML_GPM_SUPPORT_VERSION, 0};
  REQUIRE(nvmlGpmQueryDeviceSupport(nvml.device, &support) == NVML_SUCCESS);
  CHECK(support.isSupportedDevice == 1);
  nvmlGpmSample_t samples[3] = {};
  for (nvmlGpmSample_t& sample : samples) REQUIRE(nvmlGpmSampleAlloc(&sample) == NVML_SUCCESS);
  REQUIRE(take_samples(nvml.device, samples) == NVML_SUCCESS);
  CHECK(nvmlGpmMetricsGet(&metrics_between(samples[0], samples[2], NVML_GPM_METRIC_MAX)) ==
        NVML_ERROR_INVALID_ARGUMENT);
  nvmlGpmMetricsGet_t& get = metrics_between(samples[0], samples[2], NVML_GPM_METRIC_MAX - 1);
  REQUIRE(nvmlGpmMetricsGet(&get) == NVML_SUCCESS);
  CHECK(get.metrics[0].value == 2);
  CHECK(get.metrics[0].metricInfo.shortName == nullptr);
  CHECK(std::string(get.metrics[1].metricInfo.shortName) == "SM Util");
  CHECK(std::string(get.metrics[1].metricInfo.unit) == "%");
  CHECK(get.metrics[7].metricInfo.shortName == nullptr);
  REQUIRE(get.metrics[7].metricInfo.unit != nullptr);
  CHECK(std::string(get.metrics[7].metricInfo.unit) == "%");
  CHECK(get.metrics[19].nvmlReturn == NVML_ERROR_NOT_SUPPORTED);
  CHECK(get.metrics[331].value == 333);
  REQUIRE(nvmlGpmMetricsGet(&metrics_between(samples[1], samples[2], 1)) == NVML_SUCCESS);
  CHECK(get.metrics[0].value == 1.5);
  CHECK(nvmlGpmSampleGet(second(), samples[0]) == NVML_ERROR_NOT_SUPPORTED);
  for (nvmlGpmSample_t sample : samples) CHECK(nvmlGpmSampleFree(sample) == NVML_SUCCESS);
}

TEST_CASE("samples of a monitor that is gone have no data", "[vendor]") {
  const Nvml nvml;
  nvmlGpmSample_t sample = nullptr;
  char text[96] = {};
  REQUIRE(nvmlGpmSampleAlloc(&sample) == NVML_SUCCESS);
  REQUIRE(nvmlGpmSampleGet(nvml.device, sample) == NVML_SUCCESS);
  CHECK(nvmlDeviceGetInforomImageVersion(nvml.device, text, sizeof text) == NVML_ERROR_UNKNOWN);
  CHECK(nvmlGpmMetricsGet(&metrics_between(sample, sample, 1)) == NVML_ERROR_NO_DATA);
  CHECK(nvmlGpmSampleFree(sample) == NVML_SUCCESS);
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
