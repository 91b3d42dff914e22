// SPDX-License-Identifier: Apache-2.0
// Device printf (CUDA C++ Programming Guide, formatted output): the format string and the argument buffer that vprintf
// gets. Pure; the caller reads device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vgpu::soft {

// Reads `size` bytes of the n-th conversion's argument, `offset` bytes into the buffer; false when that is no memory.
using ReadArgument = std::function<bool(size_t offset, void* out, size_t size)>;
// The NUL-terminated string at a device address.
using ReadString = std::function<std::optional<std::string>(uint64_t address)>;

struct DeviceText {
  std::string text;
  int arguments = 0;  // conversions that took one, as vprintf returns
};

// Arguments lie in the buffer one after the other, each aligned to its size: 4 bytes for int and wchar, 8 for long
// long, size_t, pointers and floating-point numbers. nullopt when an argument cannot be read.
std::optional<DeviceText> format_device_text(std::string_view format, const ReadArgument& argument,
                                             const ReadString& string);

}  // namespace vgpu::soft
