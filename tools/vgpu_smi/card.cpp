// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/card.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "tools/vgpu_smi/split_list.h"

namespace vgpu::smi {
namespace {

constexpr unsigned int kMaxProcesses = 1 << 16;

Reading<std::vector<nvmlProcessInfo_t>> list_processes(const Card& card, const char* call) {
  // The list may grow between asking how long it is and fetching it.
  for (unsigned int room = 32; room <= kMaxProcesses; room *= 2) {
    std::vector<nvmlProcessInfo_t> list(room);
    unsigned int count = room;
    const auto status = card.nvml().call(call, card.device(), &count, list.data());
    if (status == NVML_ERROR_INSUFFICIENT_SIZE) continue;
    if (status != NVML_SUCCESS) return status;
    list.resize(std::min(count, room));
    return list;
  }
  return NVML_ERROR_INSUFFICIENT_SIZE;
}

Reading<nvmlDevice_t> find_device(const Nvml& nvml, const std::string& word) {
  nvmlDevice_t device = nullptr;
  unsigned int index = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), index);
  nvmlReturn_t status = NVML_ERROR_NOT_FOUND;
  if (error == std::errc() && end == word.data() + word.size() && word.size() < 6)
    status = nvml.call("nvmlDeviceGetHandleByIndex_v2", index, &device);
  else if (word.starts_with("GPU-") || word.starts_with("MIG-"))
    status = nvml.call("nvmlDeviceGetHandleByUUID", word.c_str(), &device);
  else if (word.find(':') != std::string::npos)
    status = nvml.call("nvmlDeviceGetHandleByPciBusId_v2", word.c_str(), &device);
  else status = nvml.call("nvmlDeviceGetHandleBySerial", word.c_str(), &device);
  if (status != NVML_SUCCESS) return status;
  return device;
}

Complaint not_found(const std::string& word, nvmlReturn_t status, unsigned int count) {
  if (status == NVML_ERROR_INVALID_ARGUMENT) status = NVML_ERROR_NOT_FOUND;
  const std::string_view there = count == 1 ? "There is 1 GPU, with index 0" : "";
  return {
      fmt::format("No devices were found: no GPU is called \"{}\". {}. vgpu-smi -L lists them.", word,
                  !there.empty() ? std::string(there) : fmt::format("There are {} GPUs, with indices from 0", count)),
      exit_code(status)};
}

std::string advice_for(nvmlReturn_t code) {
  switch (code) {
    case NVML_ERROR_DRIVER_NOT_LOADED:
      return "No GPU driver is loaded, or it is not reachable. \"vgpu-smi doctor\" says what is missing.";
    case NVML_ERROR_NO_PERMISSION: return "This user may not use the GPU. \"vgpu-smi doctor\" says whom to ask.";
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH:
      return "The library and the loaded driver are of different versions; restart, or load the driver again.";
    case NVML_ERROR_GPU_IS_LOST: return "The GPU no longer answers. \"vgpu-smi doctor\" looks for the reason.";
    default: return "\"vgpu-smi doctor\" looks for the reason.";
  }
}

}  // namespace

Reading<long long> Card::field(unsigned int id, unsigned int scope) const {
  nvmlFieldValue_t field = {};
  field.fieldId = id;
  field.scopeId = scope;
  const nvmlReturn_t status = nvml_->call("nvmlDeviceGetFieldValues", device_, 1, &field);
  if (status != NVML_SUCCESS) return status;
  if (field.nvmlReturn != NVML_SUCCESS) return field.nvmlReturn;
  switch (field.valueType) {
    case NVML_VALUE_TYPE_DOUBLE: return static_cast<long long>(field.value.dVal);
    case NVML_VALUE_TYPE_UNSIGNED_INT: return static_cast<long long>(field.value.uiVal);
    case NVML_VALUE_TYPE_UNSIGNED_LONG: return static_cast<long long>(field.value.ulVal);
    case NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: return static_cast<long long>(field.value.ullVal);
    case NVML_VALUE_TYPE_SIGNED_LONG_LONG: return field.value.sllVal;
    case NVML_VALUE_TYPE_SIGNED_INT: return static_cast<long long>(field.value.siVal);
    case NVML_VALUE_TYPE_UNSIGNED_SHORT: return static_cast<long long>(field.value.usVal);
  }
  return NVML_ERROR_UNKNOWN;
}

Reading<nvmlPciInfo_t> Card::pci() const { return get<nvmlPciInfo_t>("nvmlDeviceGetPciInfo_v3"); }

Reading<std::string> Card::bus_id() const {
  const auto info = pci();
  if (!info.ok()) return info.error();
  return std::string(info.value().busId, ::strnlen(info.value().busId, sizeof info.value().busId));
}

Reading<nvmlMemory_v2_t> Card::memory() const {
  auto second = get_versioned<nvmlMemory_v2_t>("nvmlDeviceGetMemoryInfo_v2", 2);
  if (second.ok() || second.error() != NVML_ERROR_FUNCTION_NOT_FOUND) return second;
  const auto first = get<nvmlMemory_t>("nvmlDeviceGetMemoryInfo");
  if (!first.ok()) return first.error();
  return nvmlMemory_v2_t{0, first.value().total, 0, first.value().free, first.value().used};
}

std::string Card::name() const {
  auto read = text("nvmlDeviceGetName");
  return read.ok() ? std::move(read).value() : "Unknown GPU";
}

std::string Card::uuid() const {
  auto read = text("nvmlDeviceGetUUID");
  return read.ok() ? std::move(read).value() : "N/A";
}

Reading<std::vector<Process>> Card::processes(bool compute, bool graphics) const {
  std::vector<Process> all;
  nvmlReturn_t failure = NVML_ERROR_NOT_SUPPORTED;
  bool any = false;
  const auto take = [&](const char* call, Process::Type type) {
    const auto list = list_processes(*this, call);
    any |= list.ok();
    if (!list.ok()) return static_cast<void>(failure = list.error());
    for (const auto& info : list.value()) {
      const auto same =
          std::find_if(all.begin(), all.end(), [&](const Process& it) { return it.info.pid == info.pid; });
      if (same != all.end() && same->type != type) same->type = Process::Type::both;
      else all.push_back({info, type});
    }
  };
  if (compute) take("nvmlDeviceGetComputeRunningProcesses_v3", Process::Type::compute);
  if (graphics) take("nvmlDeviceGetGraphicsRunningProcesses_v3", Process::Type::graphics);
  if (!any) return failure;
  std::stable_sort(all.begin(), all.end(), [](const Process& a, const Process& b) { return a.info.pid < b.info.pid; });
  return all;
}

std::string Card::process_name(unsigned int pid) const {
  auto name = nvml_->text("nvmlSystemGetProcessName", pid);
  if (name.ok() && !name.value().empty()) return std::move(name).value();
  return name.ok() || name.error() == NVML_ERROR_NOT_FOUND ? "[Not Found]"
                                                           : fmt::format("[{}]", nvml_->describe(name.error()));
}

Result<std::vector<Card>, Complaint> find_cards(const Nvml& nvml, const std::string& selection) {
  unsigned int count = 0;
  const nvmlReturn_t counted = nvml.call("nvmlDeviceGetCount_v2", &count);
  if (counted != NVML_SUCCESS)
    return Complaint{fmt::format("The GPUs cannot be counted: {}. {}", nvml.describe(counted), advice_for(counted)),
                     exit_code(counted)};
  if (count == 0) return Complaint{"No devices were found. \"vgpu-smi doctor\" looks for the reason.", kNotFound};
  std::vector<Card> cards;
  std::vector<std::string> words = split_list(selection);
  for (unsigned int i = 0; i < count && words.empty(); ++i) {
    nvmlDevice_t device = nullptr;
    // A card that cannot be opened does not hide the others.
    if (nvml.call("nvmlDeviceGetHandleByIndex_v2", i, &device) == NVML_SUCCESS) cards.emplace_back(nvml, device, i);
  }
  for (const std::string& word : words) {
    const auto device = find_device(nvml, word);
    if (!device.ok()) return not_found(word, device.error(), count);
    unsigned int index = 0;
    nvml.call("nvmlDeviceGetIndex", device.value(), &index);
    cards.emplace_back(nvml, device.value(), index);
  }
  if (cards.empty())
    return Complaint{"None of the GPUs can be used. \"vgpu-smi doctor\" looks for the reason.", kOther};
  return cards;
}

Result<std::unique_ptr<Nvml>, Complaint> open_nvml() {
  auto nvml = Nvml::open();
  if (nvml.ok()) return std::move(nvml).value();
  const Nvml::Failure& failure = nvml.error();
  if (failure.code == NVML_ERROR_LIBRARY_NOT_FOUND)
    return Complaint{
        fmt::format("vgpu-smi needs libnvidia-ml.so.1, and it cannot be loaded: {}. Install the guest "
                    "libraries, or name their directory in LD_LIBRARY_PATH; \"vgpu-smi doctor\" says more.",
                    failure.detail),
        kNoLibrary};
  return Complaint{fmt::format("The GPU's library {} could not be started (NVML code {}). {}", failure.detail,
                               static_cast<int>(failure.code), advice_for(failure.code)),
                   exit_code(failure.code)};
}

}  // namespace vgpu::smi
