// SPDX-License-Identifier: Apache-2.0
#include "tests/ollama/probe.h"

#include <dlfcn.h>

#include <array>
#include <cstdio>

namespace vgpu::ollama {
namespace {

// As libraries that never saw cuda.h declare them: results and devices are int.
struct Driver {
  int (*init)(unsigned flags);
  int (*version)(int*);
  int (*count)(int*);
  int (*get)(int* device, int ordinal);
  int (*attribute)(int* value, int attribute, int device);
  int (*name)(char*, int length, int device);
  int (*total)(size_t*, int device);
  int (*pci_id)(char*, int length, int device);  // this one and the next may be absent
  int (*uuid)(unsigned char*, int device);
  int (*table)(const void** table, const unsigned char* uuid);
};

// The table without which NVIDIA's runtime finds no device (docs/export-tables.md).
constexpr unsigned char kRuntimeTable[] = {0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a,
                                           0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9};
constexpr int kCapabilityMajor = 75, kCapabilityMinor = 76, kIntegrated = 18;

template <class Function>
bool find(void* library, Function*& function, const char* name) {
  function = reinterpret_cast<Function*>(::dlsym(library, name));
  return function != nullptr;
}

Result<Driver> load_driver() {
  void* library = ::dlopen("libcuda.so.1", RTLD_NOW);
  if (library == nullptr) library = ::dlopen("libcuda.so", RTLD_NOW);
  if (library == nullptr) return Error{::dlerror()};
  Driver driver{};
  const char* missing = nullptr;
  const auto need = [&](auto& function, const char* name) {
    if (!find(library, function, name)) missing = name;
  };
  need(driver.init, "cuInit");
  need(driver.version, "cuDriverGetVersion");
  need(driver.count, "cuDeviceGetCount");
  need(driver.get, "cuDeviceGet");
  need(driver.attribute, "cuDeviceGetAttribute");
  need(driver.name, "cuDeviceGetName");
  need(driver.total, "cuDeviceTotalMem_v2");
  if (missing != nullptr) return Error{std::string("libcuda.so.1 lacks ") + missing};
  find(library, driver.pci_id, "cuDeviceGetPCIBusId");
  find(library, driver.uuid, "cuDeviceGetUuid_v2");
  find(library, driver.table, "cuGetExportTable");
  return driver;
}

#define VGPU_NEED(call)                                                       \
  if (const int result = (call); result != 0) {                               \
    return Error{std::string(#call) + " returned " + std::to_string(result)}; \
  }

std::string uuid_text(const std::array<unsigned char, 16>& uuid) {
  std::string text = "GPU";
  for (size_t i = 0; i < uuid.size(); ++i) {
    char digits[4];
    std::snprintf(digits, sizeof digits, "%02x", unsigned{uuid[i]});
    if (i == 0 || i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits;
  }
  return text;
}

Result<ProbedDevice> probe_device(const Driver& driver, int ordinal) {
  ProbedDevice probed;
  int device = 0;
  std::array<char, 128> text{};
  size_t total = 0;
  VGPU_NEED(driver.get(&device, ordinal));
  VGPU_NEED(driver.attribute(&probed.major, kCapabilityMajor, device));
  VGPU_NEED(driver.attribute(&probed.minor, kCapabilityMinor, device));
  VGPU_NEED(driver.attribute(&probed.integrated, kIntegrated, device));
  VGPU_NEED(driver.name(text.data(), text.size(), device));
  probed.name = text.data();
  VGPU_NEED(driver.total(&total, device));
  probed.total_bytes = total;
  if (driver.uuid != nullptr) {
    std::array<unsigned char, 16> uuid{};
    VGPU_NEED(driver.uuid(uuid.data(), device));
    probed.uuid = uuid_text(uuid);
  }
  if (driver.pci_id == nullptr) return probed;
  VGPU_NEED(driver.pci_id(text.data(), text.size(), device));
  probed.pci_id = text.data();
  return probed;
}

}  // namespace

Result<Probe> probe_driver() {
  const Driver driver = TRY(load_driver());
  Probe probe;
  int count = 0;
  VGPU_NEED(driver.init(0));
  VGPU_NEED(driver.version(&probe.driver_version));
  VGPU_NEED(driver.count(&count));
  const void* table = nullptr;
  probe.has_runtime_table = driver.table != nullptr && driver.table(&table, kRuntimeTable) == 0 && table != nullptr;
  for (int i = 0; i < count; ++i) probe.devices.push_back(TRY(probe_device(driver, i)));
  return probe;
}

Result<std::vector<std::string>> find_missing(const std::string& library, const std::vector<std::string>& names) {
  void* const loaded = ::dlopen(library.c_str(), RTLD_NOW);
  if (loaded == nullptr) return Error{::dlerror()};
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    if (::dlsym(loaded, name.c_str()) == nullptr) missing.push_back(name);
  }
  return missing;
}

Result<void> probe_cublas() {
  void* library = ::dlopen("libcublas.so.13", RTLD_NOW);
  if (library == nullptr) return Error{::dlerror()};
  int (*create)(void**) = nullptr;
  int (*destroy)(void*) = nullptr;
  if (!find(library, create, "cublasCreate_v2") || !find(library, destroy, "cublasDestroy_v2")) {
    return Error{"libcublas.so.13 lacks a function"};
  }
  void* handle = nullptr;
  VGPU_NEED(create(&handle));
  VGPU_NEED(destroy(handle));
  return {};
}

Result<int> count_by_runtime(const std::string& runtime) {
  void* library = ::dlopen(runtime.c_str(), RTLD_NOW);
  if (library == nullptr) return Error{::dlerror()};
  int (*count)(int*) = nullptr;
  if (!find(library, count, "cudaGetDeviceCount")) return Error{runtime + " lacks cudaGetDeviceCount"};
  int devices = 0;
  VGPU_NEED(count(&devices));
  return devices;
}

namespace {

struct Nvml {
  int (*init)();
  int (*shutdown)();
  int (*version)(char*, unsigned);
  int (*by_uuid)(const char*, void** device);
  int (*memory)(void* device, uint64_t total_free_used[3]);
};

Result<uint64_t> total_in_nvml(const Nvml& nvml, const ProbedDevice& device) {
  void* handle = nullptr;
  uint64_t bytes[3]{};
  VGPU_NEED(nvml.by_uuid(device.uuid.c_str(), &handle));
  VGPU_NEED(nvml.memory(handle, bytes));
  return bytes[0];
}

}  // namespace

Result<NvmlProbe> probe_nvml(const std::vector<ProbedDevice>& devices) {
  void* library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW);
  if (library == nullptr) return Error{::dlerror()};
  Nvml nvml{};
  if (!find(library, nvml.init, "nvmlInit_v2") || !find(library, nvml.shutdown, "nvmlShutdown") ||
      !find(library, nvml.version, "nvmlSystemGetDriverVersion") ||
      !find(library, nvml.by_uuid, "nvmlDeviceGetHandleByUUID") ||
      !find(library, nvml.memory, "nvmlDeviceGetMemoryInfo")) {
    return Error{"libnvidia-ml.so.1 lacks a function"};
  }
  std::array<char, 80> text{};
  VGPU_NEED(nvml.init());
  VGPU_NEED(nvml.version(text.data(), text.size()));
  NvmlProbe probe{text.data(), {}};
  for (const ProbedDevice& device : devices) probe.totals.push_back(TRY(total_in_nvml(nvml, device)));
  VGPU_NEED(nvml.shutdown());
  return probe;
}

}  // namespace vgpu::ollama
