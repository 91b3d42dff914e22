// SPDX-License-Identifier: Apache-2.0
// Answers to what kernels ask about devices and errors; one object per device, with the device. Any thread.
#pragma once

#include "softgpu/machine/machine.h"

namespace vgpu::soft {

class Device;

class Facts final : public DeviceFacts {
 public:
  // The device must outlive it.
  explicit Facts(Device& device);

  int ordinal() const override;
  int count() const override;
  std::optional<int> attribute(int device, int number) const override;
  std::optional<int> function_attribute(const Kernel& kernel, int number) const override;
  int occupancy(const Kernel& kernel, int threads, size_t dynamic_shared) const override;
  uint64_t error_name(int code) const override;
  uint64_t error_text(int code) const override;

 private:
  const Device& device_;
};

}  // namespace vgpu::soft
