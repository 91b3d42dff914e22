// SPDX-License-Identifier: Apache-2.0
// The host's libnvidia-ml.so.1. Calls go to it by their names, with arguments as the row says.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>

#include "host/monitor/card_reader.h"
#include "host/monitor/card_watch.h"
#include "host/monitor/library_calls.h"
#include "host/monitor/performance.h"

namespace vgpu::host::monitor {
namespace {

using nvml::Word;

// What NVML says for memory of a process that it may not look at.
constexpr unsigned long long kNotAvailable = ~0ULL;
constexpr const char* kLinkMode = "nvmlSystemGetNvlinkBwMode";
constexpr int64_t kSampleAge = 1'000'000;  // microseconds

Error dl_error(const char* what) {
  const char* const why = ::dlerror();
  std::string text = what;
  text.append(": ").append(why != nullptr ? why : "unknown error");
  return Error{text};
}

class LibraryReader final : public CardReader {
 public:
  explicit LibraryReader(void* library) : calls_(library), performance_(calls_), watch_(calls_) {}

  const Identity& identity() const override { return identity_; }
  const std::vector<DeviceIdentity>& devices() const override { return devices_; }

  nvmlReturn_t read(nvml::Prepared& reading) override {
    const nvmlDevice_t first = reading.devices().empty() ? nullptr : handles_[reading.devices().front()];
    if (nvmlReturn_t result = NVML_SUCCESS; performance_.read(reading, first, result)) return result;
    const AnyFunction function = calls_.find(reading.call().name);
    if (function == nullptr) return NVML_ERROR_NOT_SUPPORTED;
    for (size_t i = 0; i < reading.devices().size(); ++i)
      reading.set_device(i, reinterpret_cast<Word>(handles_[reading.devices()[i]]));
    const Word* const a = reading.argv();
    const nvmlReturn_t result = function(a[0], a[1], a[2], a[3], a[4], a[5]);
    return result == NVML_ERROR_NO_PERMISSION && give_roots(reading) ? NVML_SUCCESS : result;
  }

  nvmlReturn_t usage(std::vector<Usage>& found) override {
    nvmlReturn_t outcome = NVML_ERROR_NOT_SUPPORTED;
    for (uint32_t device = 0; device < handles_.size(); ++device) {
      std::map<uint32_t, Usage> by_pid;
      if (add_processes(device, by_pid) == NVML_SUCCESS) outcome = NVML_SUCCESS;
      if (outcome == NVML_SUCCESS) add_percents(device, by_pid);
      for (const auto& [pid, use] : by_pid) found.push_back(use);
    }
    return outcome;
  }

  nvmlReturn_t watch(const EventSink& sink, std::vector<Watched>& found) override {
    return watch_.begin(handles_, sink, found);
  }

  nvmlReturn_t open(const std::string& only) {
    if (const nvmlReturn_t bad = call("nvmlInit_v2"); bad != NVML_SUCCESS) return bad;
    call("nvmlSystemGetDriverVersion", text(identity_.driver_version), sizeof identity_.driver_version);
    call("nvmlSystemGetNVMLVersion", text(identity_.nvml_version), sizeof identity_.nvml_version);
    call("nvmlSystemGetCudaDriverVersion_v2", address(&identity_.cuda_version));
    if (unsigned mode = 0; call(kLinkMode, address(&mode)) == NVML_SUCCESS) link_mode_ = mode;
    unsigned count = 0;
    if (const nvmlReturn_t bad = call("nvmlDeviceGetCount_v2", address(&count)); bad != NVML_SUCCESS) return bad;
    for (unsigned i = 0; i < std::min(count, kMaxDevices); ++i) add_device(i, only);
    identity_.devices = static_cast<uint32_t>(devices_.size());
    return devices_.empty() ? NVML_ERROR_NOT_FOUND : NVML_SUCCESS;
  }

 private:
  static Word address(void* place) { return reinterpret_cast<Word>(place); }
  static Word text(char* place) { return reinterpret_cast<Word>(place); }

  template <class... A>
  nvmlReturn_t call(const char* name, A... arguments) {
    return calls_.call(name, arguments...);
  }

  // What only root is told. The sandbox takes that away once the reader is open.
  bool give_roots(nvml::Prepared& reading) const {
    if (!link_mode_ || std::string_view(reading.call().name) != kLinkMode) return false;
    std::memcpy(reading.storage(0), &*link_mode_, sizeof *link_mode_);
    return true;
  }

  nvmlReturn_t add_processes(uint32_t device, std::map<uint32_t, Usage>& by_pid) {
    std::vector<nvmlProcessInfo_t> infos(nvml::kMaxElements);
    unsigned count = nvml::kMaxElements;
    const nvmlReturn_t result = call("nvmlDeviceGetComputeRunningProcesses_v3",
                                     reinterpret_cast<Word>(handles_[device]), address(&count), address(infos.data()));
    if (result != NVML_SUCCESS) return result;
    for (unsigned i = 0; i < std::min<unsigned>(count, nvml::kMaxElements); ++i) {
      const uint64_t bytes = infos[i].usedGpuMemory;
      by_pid[infos[i].pid] = {device, infos[i].pid, bytes == kNotAvailable ? kUnknown : bytes, 0, 0};
    }
    return result;
  }

  // The last sample of the last second; a process without one was idle.
  void add_percents(uint32_t device, std::map<uint32_t, Usage>& by_pid) {
    const auto now =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
    std::vector<nvmlProcessUtilizationSample_t> samples(nvml::kMaxElements);
    unsigned count = nvml::kMaxElements;
    const nvmlReturn_t result =
        call("nvmlDeviceGetProcessUtilization", reinterpret_cast<Word>(handles_[device]), address(samples.data()),
             address(&count), static_cast<Word>(now.count() - kSampleAge));
    const bool told = result == NVML_SUCCESS || result == NVML_ERROR_NOT_FOUND;
    for (auto& [pid, use] : by_pid)
      if (!told) use.gpu_percent = use.memory_percent = kUnknownPercent;
    if (result != NVML_SUCCESS) return;
    std::map<uint32_t, uint64_t> newest;
    for (unsigned i = 0; i < std::min<unsigned>(count, nvml::kMaxElements); ++i) {
      const nvmlProcessUtilizationSample_t& sample = samples[i];
      const auto process = by_pid.find(sample.pid);
      if (process == by_pid.end() || sample.timeStamp < newest[sample.pid]) continue;
      newest[sample.pid] = sample.timeStamp;
      process->second.gpu_percent = std::min(sample.smUtil, 100u);
      process->second.memory_percent = std::min(sample.memUtil, 100u);
    }
  }

  void add_device(unsigned index, const std::string& only) {
    nvmlDevice_t device = nullptr;
    if (call("nvmlDeviceGetHandleByIndex_v2", index, address(&device)) != NVML_SUCCESS) return;
    const Word handle = reinterpret_cast<Word>(device);
    DeviceIdentity identity = {};
    call("nvmlDeviceGetUUID", handle, text(identity.uuid), sizeof identity.uuid);
    if (!only.empty() && only != identity.uuid) return;
    call("nvmlDeviceGetName", handle, text(identity.name), sizeof identity.name);
    nvmlPciInfo_t pci = {};
    if (call("nvmlDeviceGetPciInfo_v3", handle, address(&pci)) == NVML_SUCCESS)
      put_text(identity.pci_bus_id, pci.busId);
    nvmlMemory_t memory = {};
    call("nvmlDeviceGetMemoryInfo", handle, address(&memory));
    identity.total_bytes = memory.total;
    call("nvmlDeviceGetCudaComputeCapability", handle, address(&identity.major), address(&identity.minor));
    handles_.push_back(device);
    devices_.push_back(identity);
  }

  LibraryCalls calls_;
  Performance performance_;
  CardWatch watch_;
  std::optional<unsigned> link_mode_;  // of when the reader was opened; nothing: it was not told
  Identity identity_ = {};
  std::vector<DeviceIdentity> devices_;
  std::vector<nvmlDevice_t> handles_;
};

}  // namespace

Result<std::unique_ptr<CardReader>, Unreadable> open_library_reader(const std::string& only) {
  void* const library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Unreadable{NVML_ERROR_LIBRARY_NOT_FOUND, dl_error("cannot load the host's NVML")};
  auto reader = std::make_unique<LibraryReader>(library);
  if (const nvmlReturn_t bad = reader->open(only); bad != NVML_SUCCESS)
    return Unreadable{bad, Error{"the host's NVML does not start: error " + std::to_string(bad)}};
  return std::unique_ptr<CardReader>(std::move(reader));
}

}  // namespace vgpu::host::monitor
