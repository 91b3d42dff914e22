// SPDX-License-Identifier: Apache-2.0
// A libnvidia-ml.so.1 of a machine that has two cards, as far as vgpu-monitor asks: what the reader of NVIDIA's library
// does is tried without a card. Readings are numbers that tests know; each worker of the daemon uses the first card.
#include <cuda.h>
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/uuid_text.h"
#include "vgpu/nvml/nvml.h"

struct nvmlDevice_st {
  unsigned index;
};

// What it was registered for, and what has come.
struct nvmlEventSet_st {
  std::set<std::pair<nvmlDevice_t, unsigned long long>> wanted;
  std::deque<nvmlEventData_t> come;
};

namespace {

nvmlDevice_st cards[2] = {{0}, {1}};
// The first card takes the types that an H100 takes, more than it says; the second one those that it says.
constexpr unsigned long long kXid = 8, kSupported = 8 | 1, kTaken = 0xffff;
// A question for the clocks of memory that runs at this many MHz and N more makes an Xid N.
constexpr unsigned kXidClock = 50'000;

struct Events {
  // As in NVIDIA's library, whoever waits holds it for all of that time, and whoever registers waits for it.
  std::timed_mutex waited;
  std::mutex mutex;  // guards the rest
  std::condition_variable news;
  std::vector<nvmlEventSet_t> sets;
};
Events& events() {
  static Events* const made = new Events;
  return *made;
}

void make_event(nvmlDevice_t device, unsigned long long type, unsigned long long data) {
  const std::lock_guard lock(events().mutex);
  for (nvmlEventSet_t set : events().sets)
    if (set->wanted.contains({device, type})) set->come.push_back({device, type, data, ~0u, ~0u});
  events().news.notify_all();
}

// The first card is the one that CUDA has here. Asked for before the sandbox is closed.
std::string uuid_of_cuda() {
  void* const driver = ::dlopen("libcuda-other.so.1", RTLD_NOW | RTLD_LOCAL);
  const auto init = reinterpret_cast<decltype(&::cuInit)>(::dlsym(driver, "cuInit"));
  const auto uuid_of = reinterpret_cast<decltype(&::cuDeviceGetUuid)>(::dlsym(driver, "cuDeviceGetUuid_v2"));
  CUuuid uuid = {};
  init(0);
  uuid_of(&uuid, 0);
  return vgpu::uuid_text(uuid.bytes);
}
std::string uuid_of_first;
unsigned calls_of_power = 0;

nvmlReturn_t put(char* to, unsigned length, const char* format, unsigned number) {
  return std::snprintf(to, length, format, number) < static_cast<int>(length) ? NVML_SUCCESS
                                                                              : NVML_ERROR_INSUFFICIENT_SIZE;
}

// The asking process's siblings.
std::vector<unsigned> workers() {
  std::vector<unsigned> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    std::ifstream file(entry.path() / "stat");
    std::string pid, name, state;
    pid_t parent = 0;
    if (file >> pid >> name >> state >> parent && name == "(vgpu-worker)" && parent == ::getppid())
      found.push_back(static_cast<unsigned>(std::stoul(pid)));
  }
  return found;
}

}  // namespace

nvmlReturn_t nvmlInit_v2() {
  uuid_of_first = uuid_of_cuda();
  return std::getenv("FAKE_NVML_BROKEN") != nullptr ? NVML_ERROR_DRIVER_NOT_LOADED : NVML_SUCCESS;
}
nvmlReturn_t nvmlSystemGetDriverVersion(char* text, unsigned length) { return put(text, length, "577.%u", 8); }
nvmlReturn_t nvmlSystemGetNVMLVersion(char* text, unsigned length) { return put(text, length, "13.577.%u", 8); }
nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int* version) {
  *version = 13000;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 2;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t* device) {
  *device = &cards[index];
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* text, unsigned length) {
  if (device->index == 0) return put(text, length, (uuid_of_first + "%.0u").c_str(), 0);
  return put(text, length, "GPU-00000000-0000-0000-0000-00000000000%u", device->index);
}
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char* text, unsigned length) {
  return put(text, length, "Card number %u", device->index);
}
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) {
  *pci = {};
  pci->bus = 0x10 + device->index;
  return put(pci->busId, sizeof pci->busId, "00000000:%02X:00.0", pci->bus);
}
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t, nvmlMemory_t* memory) {
  *memory = {80ULL << 30, 60ULL << 30, 20ULL << 30};
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t, nvmlMemory_v2_t* memory) {
  *memory = {memory->version, 80ULL << 30, 1ULL << 30, 59ULL << 30, 20ULL << 30};
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetAccountingBufferSize(nvmlDevice_t, unsigned* processes) {
  *processes = 4000;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t, int* major, int* minor) {
  *major = 9, *minor = 0;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t, unsigned* value) {
  *value = 40 + device->index;
  return NVML_SUCCESS;
}
// Grows with each question, so that tests see how often the card was read.
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t, unsigned* milliwatts) {
  *milliwatts = ++calls_of_power;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t, nvmlUtilization_t* rates) {
  *rates = {77, 66};
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(nvmlDevice_t device, unsigned memory, unsigned* count,
                                                  unsigned* clocks) {
  if (memory >= kXidClock) make_event(device, kXid, memory - kXidClock);
  if (memory != 2619) return NVML_ERROR_NOT_FOUND;
  const bool fits = *count >= 2;
  *count = 2;
  if (fits) clocks[0] = 1980, clocks[1] = 345;
  return fits ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t, int count, nvmlFieldValue_t* values) {
  for (int i = 0; i < count; ++i) {
    values[i].nvmlReturn = values[i].fieldId == 82 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
    values[i].value.uiVal = 1000 + values[i].scopeId;
  }
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned* count, nvmlProcessInfo_t* infos) {
  *count = 0;
  if (device->index != 0) return NVML_SUCCESS;
  for (const unsigned pid : workers()) infos[(*count)++] = {pid, 3ULL << 30, ~0u, ~0u};
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t* samples,
                                             unsigned* count, unsigned long long since) {
  *count = 0;
  if (device->index != 0) return NVML_ERROR_NOT_FOUND;
  for (const unsigned pid : workers()) {
    // The newest counts.
    samples[(*count)++] = {pid, since + 10, 99, 9, 0, 0};
    samples[(*count)++] = {pid, since + 20, 31, 7, 0, 0};
  }
  return *count == 0 ? NVML_ERROR_NOT_FOUND : NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetEncoderSessions(nvmlDevice_t, unsigned* count, nvmlEncoderSessionInfo_t* sessions) {
  *count = 1;
  sessions[0] = {7, 4711, 0, NVML_ENCODER_QUERY_HEVC, 1920, 1080, 60, 5};
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetEncoderStats(nvmlDevice_t, unsigned* sessions, unsigned* frames, unsigned* latency) {
  *sessions = 1, *frames = 60, *latency = 5;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetSupportedPerformanceStates(nvmlDevice_t, nvmlPstates_t* states, unsigned size) {
  constexpr nvmlPstates_t kStates[] = {NVML_PSTATE_0, static_cast<nvmlPstates_t>(2)};
  if (size < sizeof kStates) return NVML_ERROR_INSUFFICIENT_SIZE;
  std::fill_n(states, size / sizeof(nvmlPstates_t), NVML_PSTATE_UNKNOWN);
  std::copy(std::begin(kStates), std::end(kStates), states);
  return NVML_SUCCESS;
}
// Four of power, in a place for five; of utilisation one that no program of ours makes; of processors' clocks none, in
// a place for six.
nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, nvmlSamplingType_t type, unsigned long long since,
                                  nvmlValueType_t* value_type, unsigned* count, nvmlSample_t* samples) {
  if (type == NVML_DEC_UTILIZATION_SAMPLES) return NVML_ERROR_NO_PERMISSION;
  const unsigned there = type == NVML_GPU_UTILIZATION_SAMPLES ? 1 : type == NVML_PROCESSOR_CLK_SAMPLES ? 0 : 4;
  const unsigned room = there == 1 ? 1 : there == 0 ? 6 : 5;
  *value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
  if (samples == nullptr) {
    *count = room;
    return NVML_SUCCESS;
  }
  // A place of another size than it was told is a mistake of ours.
  if (*count != room || since != 0) return NVML_ERROR_INVALID_ARGUMENT;
  if (there == 0) return NVML_ERROR_NOT_FOUND;
  *count = there;
  for (unsigned i = 0; i < there; ++i) {
    samples[i].timeStamp = 1000 + i;
    samples[i].sampleValue.uiVal = there == 1 ? 88 : 100 * device->index + i;
  }
  return NVML_SUCCESS;
}

// A sample is how many were read before it, of all cards.
struct nvmlGpmSample_st {
  unsigned number;
};
nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t* support) {
  if (support->version != NVML_GPM_SUPPORT_VERSION) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  support->isSupportedDevice = device->index == 0 ? 1 : 0;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t* sample) {
  *sample = new nvmlGpmSample_st{};
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample) {
  delete sample;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t sample) {
  static unsigned taken = 0;
  if (device->index != 0) return NVML_ERROR_NOT_SUPPORTED;
  sample->number = ++taken;
  return NVML_SUCCESS;
}
// On an H100 metrics without a name have a unit, too.
constexpr unsigned kNamelessMetric = 8;
// A release of before CUDA 13, which takes 98 of them. Each is its id and the samples between, but for one.
nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t* get) {
  static char short_name[] = "SM Util", long_name[] = "The SMs' utilisation", unit[] = "%";
  if (get->version != NVML_GPM_METRICS_GET_VERSION || get->numMetrics > 98) return NVML_ERROR_INVALID_ARGUMENT;
  for (nvmlGpmMetric_t& metric : std::span(get->metrics, get->numMetrics)) {
    metric.nvmlReturn = metric.metricId == 20 ? NVML_ERROR_NOT_SUPPORTED : NVML_SUCCESS;
    metric.value = metric.metricId + 0.5 * (get->sample2->number - get->sample1->number);
    if (metric.metricId == NVML_GPM_METRIC_SM_UTIL) metric.metricInfo = {short_name, long_name, unit};
    if (metric.metricId == kNamelessMetric) metric.metricInfo = {nullptr, nullptr, unit};
  }
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t, unsigned long long* types) {
  *types = kSupported;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t* set) {
  const std::lock_guard lock(events().mutex);
  *set = events().sets.emplace_back(new nvmlEventSet_st);
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
  const std::lock_guard lock(events().mutex);
  std::erase(events().sets, set);
  delete set;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set) {
  const std::lock_guard turn(events().waited);
  if ((types & ~(device->index == 0 ? kTaken : kSupported)) != 0) return NVML_ERROR_NOT_SUPPORTED;
  const std::lock_guard lock(events().mutex);
  for (unsigned long long type = 1; type <= types; type <<= 1)
    if ((types & type) != 0) set->wanted.insert({device, type});
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t* data, unsigned milliseconds) {
  const std::unique_lock turn(events().waited, std::chrono::milliseconds(milliseconds));
  if (!turn.owns_lock()) return NVML_ERROR_TIMEOUT;
  std::unique_lock lock(events().mutex);
  const auto come = [set] { return !set->come.empty(); };
  if (!events().news.wait_for(lock, std::chrono::milliseconds(milliseconds), come)) return NVML_ERROR_TIMEOUT;
  *data = set->come.front();
  set->come.pop_front();
  // A card that fell off the bus.
  return data->eventData == 79 ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}
// Root's only: answered until the monitor has closed its sandbox, in which it is not root any more.
nvmlReturn_t nvmlSystemGetNvlinkBwMode(unsigned* mode) {
  static bool asked = false;
  if (std::exchange(asked, true)) return NVML_ERROR_NO_PERMISSION;
  *mode = 3;
  return NVML_SUCCESS;
}
// Never: whoever asks waits until the daemon has lost its patience.
nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t, unsigned*) {
  for (;;) {
  }
}
nvmlReturn_t nvmlDeviceGetInforomImageVersion(nvmlDevice_t, char*, unsigned) { std::abort(); }
