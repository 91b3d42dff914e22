// SPDX-License-Identifier: Apache-2.0
// Library: the state of libnvidia-ml.so.1 in a process: how often it was initialised, its handles of devices, its
// connection to the host. One for the process; any thread.
#pragma once

#include <atomic>
#include <initializer_list>
#include <mutex>
#include <vector>

#include "common/codec/bytes.h"
#include "common/nvml/report_client.h"
#include "vgpu/nvml/call.h"
#include "vgpu/report.h"

// What a handle points to. The opaque type of the interface, so it has no namespace.
struct nvmlDevice_st {
  uint32_t index = 0;
};

namespace vgpu::nvml {

constexpr uint32_t kMaxDevices = 64;

class Library {
 public:
  static Library& get();

  nvmlReturn_t initialise(unsigned flags);
  nvmlReturn_t shut_down();
  bool ready() const { return users_.load(std::memory_order_acquire) > 0; }
  uint32_t device_count() const { return device_count_.load(std::memory_order_acquire); }

  // Null beyond the last.
  nvmlDevice_t handle(uint32_t index);
  // Whether it came from handle(), and is still a device.
  bool knows(nvmlDevice_t device) const;

  // Sends a request and returns the answer; failures of the way there are told as NVML's errors.
  nvmlReturn_t ask(std::span<const std::byte> request, std::vector<std::byte>& answer);
  // The sessions of this VM, or of this daemon, that use the device.
  nvmlReturn_t processes(uint32_t device, std::vector<report::Process>& found);

 private:
  Library();
  nvmlReturn_t count_devices(uint32_t& count);

  std::mutex mutex_;  // held while users_ changes
  std::atomic<uint32_t> users_{0};
  std::atomic<uint32_t> device_count_{0};
  nvmlDevice_st handles_[kMaxDevices];
  ReportClient client_;
};

// What NVML calls a failure of the way to the host.
nvmlReturn_t error_of(NoReport kind);

// What the row's path does with a call. argv[i]: its i-th argument.
nvmlReturn_t invoke(const Call& call, const uint64_t* argv);
// The same for an inner row, by its name (vgpu/nvml/inner.rows.h).
nvmlReturn_t invoke_inner(const char* name, std::initializer_list<uint64_t> arguments);
// A call that is not carried: whether the caller may know that already, and which refusal it is.
nvmlReturn_t refuse(const Call& call, uint64_t first_argument);

}  // namespace vgpu::nvml
