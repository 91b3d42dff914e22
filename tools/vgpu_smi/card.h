// SPDX-License-Identifier: Apache-2.0
// Card: one device of the library, and how it is found. Reads when asked and keeps nothing, so two readings may differ.
// Borrows the library. One thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/vgpu_smi/exit_code.h"
#include "tools/vgpu_smi/nvml.h"

namespace vgpu::smi {

// A message for standard error, and the exit status that goes with it.
struct Complaint {
  std::string message;
  int code = kOther;
};

struct Process {
  enum class Type { compute, graphics, both };
  nvmlProcessInfo_t info = {};
  Type type = Type::compute;
};

class Card {
 public:
  Card(const Nvml& nvml, nvmlDevice_t device, unsigned int index) : nvml_(&nvml), device_(device), index_(index) {}

  const Nvml& nvml() const { return *nvml_; }
  nvmlDevice_t device() const { return device_; }
  unsigned int index() const { return index_; }

  // The result of a call whose last parameter is `T*`; `before` are the ones between the device and it.
  template <class T, class... Before>
  Reading<T> get(const char* name, Before... before) const {
    T result = {};
    const nvmlReturn_t status = nvml_->call(name, device_, before..., &result);
    if (status != NVML_SUCCESS) return status;
    return result;
  }
  // For structs that carry their version.
  template <class T>
  Reading<T> get_versioned(const char* name, unsigned int version) const {
    T result = {};
    result.version = nvml_version<T>(version);
    const nvmlReturn_t status = nvml_->call(name, device_, &result);
    if (status != NVML_SUCCESS) return status;
    return result;
  }
  template <class... Before>
  Reading<std::string> text(const char* name, Before... before) const {
    return nvml_->text(name, device_, before...);
  }
  // A call with two results of one type, of which `which` (0 or 1) is wanted.
  template <class T>
  Reading<T> pair(const char* name, int which) const {
    T result[2] = {};
    const nvmlReturn_t status = nvml_->call(name, device_, &result[0], &result[1]);
    if (status != NVML_SUCCESS) return status;
    return result[which];
  }
  // `scope`: which of several, such as links.
  Reading<long long> field(unsigned int id, unsigned int scope = 0) const;

  Reading<nvmlPciInfo_t> pci() const;
  Reading<std::string> bus_id() const;
  // What programs may use, without what the driver keeps for itself where it tells the two apart.
  Reading<nvmlMemory_v2_t> memory() const;
  std::string name() const;
  std::string uuid() const;
  // Running processes with memory on the card. `compute` and `graphics` choose; one that is both is there once.
  Reading<std::vector<Process>> processes(bool compute, bool graphics) const;
  std::string process_name(unsigned int pid) const;

 private:
  const Nvml* nvml_;
  nvmlDevice_t device_;
  unsigned int index_;
};

// All cards, or those that `selection` names: indices, UUIDs, PCI addresses or serial numbers, with commas between.
Result<std::vector<Card>, Complaint> find_cards(const Nvml& nvml, const std::string& selection);

// Opens the library; the complaint says what a user can do about it.
Result<std::unique_ptr<Nvml>, Complaint> open_nvml();

}  // namespace vgpu::smi
