// SPDX-License-Identifier: Apache-2.0
// Readings of the software GPU: what its CUDA driver says about its devices. Memory in use and utilisation are what
// workers hold and do, which the daemon knows. There are no clocks, watts or degrees: NVML_ERROR_NOT_SUPPORTED.
#include <cuda.h>
#include <dlfcn.h>
#include <fmt/core.h>

#include <cstring>
#include <string_view>

#include "common/uuid_text.h"
#include "host/monitor/card_reader.h"
#include "vgpu/event.h"

namespace vgpu::host::monitor {
namespace {

// The branch of NVIDIA's driver that has the same CUDA interface: clients read its number.
constexpr const char* kDriverVersion = "580.0.0";
constexpr const char* kNvmlVersion = "13.580.0.0";
constexpr unsigned kNvidia = 0x10de;

struct Entry {
  nvmlReturn_t (*read)(nvml::Prepared&, const DeviceIdentity*, const Identity&);
  std::string_view name;
};

template <class T>
nvmlReturn_t give(nvml::Prepared& reading, int parameter, const T& value) {
  if (reading.storage_bytes(parameter) != sizeof value) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  std::memcpy(reading.storage(parameter), &value, sizeof value);
  return NVML_SUCCESS;
}

nvmlReturn_t give_text(nvml::Prepared& reading, int parameter, const char* text) {
  const size_t length = std::min(std::strlen(text), reading.storage_bytes(parameter) - 1);
  std::memcpy(reading.storage(parameter), text, length);
  return NVML_SUCCESS;
}

struct PciPlace {
  unsigned domain = 0, bus = 0, device = 0;
};
PciPlace place_of(const DeviceIdentity& device) {
  PciPlace place;
  if (std::sscanf(device.pci_bus_id, "%x:%x:%x", &place.domain, &place.bus, &place.device) != 3) return {};
  return place;
}

nvmlReturn_t give_pci(nvml::Prepared& reading, const DeviceIdentity& device) {
  const PciPlace place = place_of(device);
  nvmlPciInfo_t pci = {};
  put_text(pci.busIdLegacy, fmt::format("{:04X}:{:02X}:{:02X}.0", place.domain, place.bus, place.device));
  put_text(pci.busId, device.pci_bus_id);
  pci.domain = place.domain;
  pci.bus = place.bus;
  pci.device = place.device;
  pci.pciDeviceId = kNvidia;
  return give(reading, 1, pci);
}

nvmlReturn_t give_pci_v2(nvml::Prepared& reading, const DeviceIdentity& device) {
  const PciPlace place = place_of(device);
  nvmlPciInfo_v2_t pci = {};
  put_text(pci.busId, fmt::format("{:04X}:{:02X}:{:02X}.0", place.domain, place.bus, place.device));
  pci.domain = place.domain;
  pci.bus = place.bus;
  pci.device = place.device;
  pci.pciDeviceId = kNvidia;
  return give(reading, 1, pci);
}

// NVML numbers generations: Kepler 2 ... Turing 6, Ampere 7, Ada 8, Hopper 9, Blackwell 10.
nvmlDeviceArchitecture_t architecture_of(const DeviceIdentity& device) {
  if (device.major >= 10) return 10;
  if (device.major == 9) return 9;
  if (device.major == 8) return device.minor == 9 ? 8 : 7;
  if (device.major == 7) return device.minor == 5 ? 6 : 5;
  return static_cast<nvmlDeviceArchitecture_t>(std::max(device.major - 1, 2));
}

nvmlReturn_t give_capability(nvml::Prepared& reading, const DeviceIdentity& device) {
  give(reading, 1, device.major);
  return give(reading, 2, device.minor);
}

nvmlReturn_t give_memory(nvml::Prepared& reading, const DeviceIdentity& device) {
  return give(reading, 1, nvmlMemory_t{device.total_bytes, device.total_bytes, 0});
}

nvmlReturn_t give_memory_v2(nvml::Prepared& reading, const DeviceIdentity& device) {
  unsigned version = 0;
  std::memcpy(&version, reading.storage(1), sizeof version);
  if (version != nvmlMemory_v2) return NVML_ERROR_FUNCTION_NOT_FOUND;
  return give(reading, 1, nvmlMemory_v2_t{nvmlMemory_v2, device.total_bytes, 0, device.total_bytes, 0});
}

// It neither encodes nor captures frames, so nobody has a session of that.
nvmlReturn_t give_no_sessions(nvml::Prepared& reading) {
  reading.count(1) = 0;
  return NVML_SUCCESS;
}
nvmlReturn_t give_no_encoding(nvml::Prepared& reading) {
  for (const int parameter : {1, 2, 3}) give(reading, parameter, 0u);
  return NVML_SUCCESS;
}

// A field has its own result.
nvmlReturn_t give_fields(nvml::Prepared& reading) {
  auto* const fields = reinterpret_cast<nvmlFieldValue_t*>(reading.storage(1));
  for (uint32_t i = 0; i < reading.count(1); ++i) fields[i].nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
  return NVML_SUCCESS;
}

#define VGPU_OF_DEVICE(expression)                                                                              \
  [](nvml::Prepared& reading, [[maybe_unused]] const DeviceIdentity* device, const Identity&) -> nvmlReturn_t { \
    return expression;                                                                                          \
  }
#define VGPU_OF_SYSTEM(expression) \
  [](nvml::Prepared& reading, const DeviceIdentity*, const Identity& system) -> nvmlReturn_t { return expression; }

constexpr Entry kEntries[] = {
    {VGPU_OF_SYSTEM(give(reading, 0, system.cuda_version)), "nvmlSystemGetCudaDriverVersion"},
    {VGPU_OF_SYSTEM(give(reading, 0, system.cuda_version)), "nvmlSystemGetCudaDriverVersion_v2"},
    {VGPU_OF_SYSTEM(give_text(reading, 0, system.driver_version)), "nvmlSystemGetDriverVersion"},
    {VGPU_OF_SYSTEM(give_text(reading, 0, system.nvml_version)), "nvmlSystemGetNVMLVersion"},
    {VGPU_OF_SYSTEM(give(reading, 0, system.devices)), "nvmlDeviceGetCount"},
    {VGPU_OF_SYSTEM(give(reading, 0, system.devices)), "nvmlDeviceGetCount_v2"},
    {VGPU_OF_DEVICE(give(reading, 1, architecture_of(*device))), "nvmlDeviceGetArchitecture"},
    {VGPU_OF_DEVICE(give(reading, 1, NVML_BRAND_UNKNOWN)), "nvmlDeviceGetBrand"},
    {VGPU_OF_DEVICE(give(reading, 1, NVML_COMPUTEMODE_DEFAULT)), "nvmlDeviceGetComputeMode"},
    {VGPU_OF_DEVICE(give_capability(reading, *device)), "nvmlDeviceGetCudaComputeCapability"},
    {VGPU_OF_DEVICE(give(reading, 1, NVML_FEATURE_DISABLED)), "nvmlDeviceGetDisplayActive"},
    {VGPU_OF_DEVICE(give(reading, 1, NVML_FEATURE_DISABLED)), "nvmlDeviceGetDisplayMode"},
    {VGPU_OF_DEVICE(give_no_sessions(reading)), "nvmlDeviceGetEncoderSessions"},
    {VGPU_OF_DEVICE(give_no_encoding(reading)), "nvmlDeviceGetEncoderStats"},
    {VGPU_OF_DEVICE(give_no_sessions(reading)), "nvmlDeviceGetFBCSessions"},
    {VGPU_OF_DEVICE(give(reading, 1, nvmlFBCStats_t{})), "nvmlDeviceGetFBCStats"},
    {VGPU_OF_DEVICE(give_fields(reading)), "nvmlDeviceGetFieldValues"},
    {VGPU_OF_DEVICE(give_memory(reading, *device)), "nvmlDeviceGetMemoryInfo"},
    {VGPU_OF_DEVICE(give_memory_v2(reading, *device)), "nvmlDeviceGetMemoryInfo_v2"},
    {VGPU_OF_DEVICE(give_text(reading, 1, device->name)), "nvmlDeviceGetName"},
    {VGPU_OF_DEVICE(give_pci_v2(reading, *device)), "nvmlDeviceGetPciInfo"},
    {VGPU_OF_DEVICE(give_pci_v2(reading, *device)), "nvmlDeviceGetPciInfo_v2"},
    {VGPU_OF_DEVICE(give_pci(reading, *device)), "nvmlDeviceGetPciInfo_v3"},
    {VGPU_OF_DEVICE(give(reading, 1, static_cast<unsigned long long>(event::kXid))),
     "nvmlDeviceGetSupportedEventTypes"},
    {VGPU_OF_DEVICE(give_text(reading, 1, device->uuid)), "nvmlDeviceGetUUID"},
    {VGPU_OF_DEVICE(give(reading, 1, nvmlUtilization_t{})), "nvmlDeviceGetUtilizationRates"},
    // As on cards of before Hopper.
    {VGPU_OF_DEVICE(give(reading, 1, 0u)), "vgpuGpmSupport"},
};

#undef VGPU_OF_DEVICE
#undef VGPU_OF_SYSTEM

class SoftReader final : public CardReader {
 public:
  const Identity& identity() const override { return identity_; }
  const std::vector<DeviceIdentity>& devices() const override { return devices_; }

  nvmlReturn_t read(nvml::Prepared& reading) override {
    const std::string_view name = reading.call().name;
    const DeviceIdentity* const device = reading.devices().empty() ? nullptr : &devices_[reading.devices()[0]];
    for (const Entry& entry : kEntries)
      if (entry.name == name) return entry.read(reading, device, identity_);
    return NVML_ERROR_NOT_SUPPORTED;
  }

  // The daemon knows who uses it, and whose kernel failed.
  nvmlReturn_t usage(std::vector<Usage>&) override { return NVML_ERROR_NOT_SUPPORTED; }

  nvmlReturn_t watch(const EventSink&, std::vector<Watched>&) override { return NVML_ERROR_NOT_SUPPORTED; }

  // A CUDA error, 0 if it works.
  int open(void* driver) {
    driver_ = driver;
    if (const int bad = call<decltype(::cuInit)>("cuInit", 0u); bad != 0) return bad;
    int count = 0;
    if (const int bad = call<decltype(::cuDeviceGetCount)>("cuDeviceGetCount", &count); bad != 0) return bad;
    call<decltype(::cuDriverGetVersion)>("cuDriverGetVersion", &identity_.cuda_version);
    for (int i = 0; i < std::min(count, static_cast<int>(kMaxDevices)); ++i) devices_.push_back(describe(i));
    identity_.devices = static_cast<uint32_t>(devices_.size());
    identity_.software = 1;
    put_text(identity_.driver_version, kDriverVersion);
    put_text(identity_.nvml_version, kNvmlVersion);
    return devices_.empty() ? CUDA_ERROR_NO_DEVICE : CUDA_SUCCESS;
  }

 private:
  template <class F, class... A>
  int call(const char* name, A... arguments) const {
    // SAFETY: the symbol is the driver's function of this name.
    auto* const function = reinterpret_cast<F*>(::dlsym(driver_, name));
    return function == nullptr ? CUDA_ERROR_NOT_FOUND : function(arguments...);
  }

  DeviceIdentity describe(int ordinal) const {
    DeviceIdentity device = {};
    CUdevice handle = 0;
    call<decltype(::cuDeviceGet)>("cuDeviceGet", &handle, ordinal);
    call<decltype(::cuDeviceGetName)>("cuDeviceGetName", device.name, static_cast<int>(sizeof device.name), handle);
    CUuuid uuid = {};
    call<decltype(::cuDeviceGetUuid)>("cuDeviceGetUuid_v2", &uuid, handle);
    put_text(device.uuid, uuid_text(uuid.bytes));
    size_t total = 0;
    call<decltype(::cuDeviceTotalMem_v2)>("cuDeviceTotalMem_v2", &total, handle);
    device.total_bytes = total;
    const auto attribute = [&](CUdevice_attribute which) {
      int value = 0;
      call<decltype(::cuDeviceGetAttribute)>("cuDeviceGetAttribute", &value, which, handle);
      return value;
    };
    device.major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
    device.minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    device.threads = attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    put_text(device.pci_bus_id,
             fmt::format("{:08X}:{:02X}:{:02X}.0", attribute(CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID),
                         attribute(CU_DEVICE_ATTRIBUTE_PCI_BUS_ID), attribute(CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID)));
    return device;
  }

  void* driver_ = nullptr;
  Identity identity_ = {};
  std::vector<DeviceIdentity> devices_;
};

}  // namespace

Result<std::unique_ptr<CardReader>, Unreadable> open_soft_reader(const std::string& path) {
  void* const driver = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr)
    return Unreadable{NVML_ERROR_LIBRARY_NOT_FOUND, Error{std::string("cannot load the software GPU: ") + ::dlerror()}};
  auto reader = std::make_unique<SoftReader>();
  if (const int bad = reader->open(driver); bad != 0)
    return Unreadable{NVML_ERROR_DRIVER_NOT_LOADED,
                      Error{"the software GPU does not start: CUDA error " + std::to_string(bad)}};
  return std::unique_ptr<CardReader>(std::move(reader));
}

}  // namespace vgpu::host::monitor
