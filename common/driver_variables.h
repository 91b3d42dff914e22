// SPDX-License-Identifier: Apache-2.0
// DriverVariables: what of a program's environment its CUDA driver reads, which runs in another process. CUDA C++
// Programming Guide: CUDA Environment Variables. They cross as a text when a session is opened: the value of
// CUDA_VISIBLE_DEVICES, or, if there are others, each as "NAME=VALUE" behind an end of line. What the guest's library
// obeys itself is not among them (CUDA_LAUNCH_BLOCKING, CUDA_MODULE_LOADING).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vgpu {

inline constexpr char kVisibleDevices[] = "CUDA_VISIBLE_DEVICES";

struct DriverVariable {
  std::string name, value;
  bool operator==(const DriverVariable&) const = default;
};
using DriverVariables = std::vector<DriverVariable>;

// Those that are set in this process, in a fixed order.
DriverVariables own_driver_variables();

// Nothing when there are none. Those that do not fit in `most` bytes, or a line, are left out; CUDA_VISIBLE_DEVICES,
// which is first, is cut.
std::optional<std::string> text_of(const DriverVariables& variables, size_t most);
// From a program that may send anything: other names are left out, and values that cannot be meant.
DriverVariables parse_driver_variables(std::string_view text);

// Whether a driver that starts in this process would do the same without it.
bool says_nothing_new(const DriverVariable& variable);

}  // namespace vgpu
