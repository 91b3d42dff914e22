// SPDX-License-Identifier: Apache-2.0
// The host's libnvidia-ml.so.1. Calls go to it by their names, with arguments as the row says.
#include <dlfcn.h>

#include <unordered_map>

#include "common/log.h"
#include "host/monitor/card_reader.h"

namespace vgpu::host::monitor {
namespace {

using nvml::Word;
// SAFETY: all arguments of NVML's functions are integers or pointers, at most six. The platform's ABI passes each in a
// register of its own; a function that has fewer does not look at the rest.
using AnyFunction = nvmlReturn_t (*)(Word, Word, Word, Word, Word, Word);

Error dl_error(const char* what) {
  const char* const why = ::dlerror();
  return Error{std::string(what) + ": " + (why != nullptr ? why : "unknown error")};
}

class LibraryReader final : public CardReader {
 public:
  explicit LibraryReader(void* library) : library_(library) {}

  const Identity& identity() const override { return identity_; }
  const std::vector<DeviceIdentity>& devices() const override { return devices_; }

  nvmlReturn_t read(nvml::Prepared& reading) override {
    const AnyFunction function = find(reading.call().name);
    if (function == nullptr) return NVML_ERROR_NOT_SUPPORTED;
    for (size_t i = 0; i < reading.devices().size(); ++i)
      reading.set_device(i, reinterpret_cast<Word>(handles_[reading.devices()[i]]));
    const Word* const a = reading.argv();
    return function(a[0], a[1], a[2], a[3], a[4], a[5]);
  }

  nvmlReturn_t open(const std::string& only) {
    if (const nvmlReturn_t bad = call("nvmlInit_v2"); bad != NVML_SUCCESS) return bad;
    call("nvmlSystemGetDriverVersion", text(identity_.driver_version), sizeof identity_.driver_version);
    call("nvmlSystemGetNVMLVersion", text(identity_.nvml_version), sizeof identity_.nvml_version);
    call("nvmlSystemGetCudaDriverVersion_v2", address(&identity_.cuda_version));
    unsigned count = 0;
    if (const nvmlReturn_t bad = call("nvmlDeviceGetCount_v2", address(&count)); bad != NVML_SUCCESS) return bad;
    for (unsigned i = 0; i < std::min(count, kMaxDevices); ++i) add_device(i, only);
    identity_.devices = static_cast<uint32_t>(devices_.size());
    return devices_.empty() ? NVML_ERROR_NOT_FOUND : NVML_SUCCESS;
  }

 private:
  static Word address(void* place) { return reinterpret_cast<Word>(place); }
  static Word text(char* place) { return reinterpret_cast<Word>(place); }

  AnyFunction find(const std::string& name) {
    const auto [at, is_new] = functions_.try_emplace(name, nullptr);
    if (is_new) at->second = ::dlsym(library_, name.c_str());
    return reinterpret_cast<AnyFunction>(at->second);
  }

  nvmlReturn_t call(const char* name, Word a = 0, Word b = 0, Word c = 0, Word d = 0) {
    const AnyFunction function = find(name);
    return function == nullptr ? NVML_ERROR_FUNCTION_NOT_FOUND : function(a, b, c, d, 0, 0);
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
    if (call("nvmlDeviceGetPciInfo_v3", handle, address(&pci)) == NVML_SUCCESS) put_text(identity.pci_bus_id, pci.busId);
    nvmlMemory_t memory = {};
    call("nvmlDeviceGetMemoryInfo", handle, address(&memory));
    identity.total_bytes = memory.total;
    call("nvmlDeviceGetCudaComputeCapability", handle, address(&identity.major), address(&identity.minor));
    handles_.push_back(device);
    devices_.push_back(identity);
  }

  void* const library_;
  std::unordered_map<std::string, void*> functions_;
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
