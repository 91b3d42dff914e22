// SPDX-License-Identifier: Apache-2.0
// The functions that device code calls and no module defines: vprintf, malloc, free, __assertfail (PTX interoperability
// guide, system calls). Each runs once per lane, in order.
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "softgpu/machine/block.h"
#include "softgpu/machine/builtin.h"
#include "softgpu/machine/memory.h"
#include "softgpu/machine/memory_map.h"
#include "softgpu/machine/printf_format.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft {

namespace {

constexpr size_t kLongestString = size_t{1} << 20;

// The string at a generic address, or nullopt after a fault.
std::optional<std::string> read_string(Warp& warp, const Instruction& instruction, unsigned lane, uint64_t address) {
  std::string text;
  while (text.size() < kLongestString) {
    const std::byte* byte = resolve(warp, instruction, lane, Space::generic, address + text.size(), 1, false);
    if (byte == nullptr) return std::nullopt;
    if (*byte == std::byte{0}) break;
    text += static_cast<char>(*byte);
  }
  return text;
}

// int vprintf(const char* format, void* arguments): returns the number of arguments.
void vprintf_builtin(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = site_of(instruction);
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    const auto format = read_string(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane));
    if (!format) return;
    const uint64_t buffer = argument<uint64_t>(warp, site, 1, lane);
    const auto read = [&](size_t offset, void* out, size_t size) {
      const std::byte* bytes =
          resolve(warp, instruction, lane, Space::generic, buffer + offset, static_cast<uint32_t>(size), false);
      if (bytes != nullptr) std::memcpy(out, bytes, size);
      return bytes != nullptr;
    };
    const auto string = [&](uint64_t address) { return read_string(warp, instruction, lane, address); };
    const auto text = format_device_text(*format, read, string);
    if (!text) return;
    warp.block->launch().environment.output.write(text->text);
    set_result<int32_t>(warp, site, lane, text->arguments);
  });
}

// void __assertfail(const char* message, const char* file, unsigned line, const char* function, size_t char_size)
void assert_builtin(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = site_of(instruction);
  const Dim3& block = warp.block->position();
  const Dim3& size = warp.block->launch().block;
  std::string first;
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    const auto message = read_string(warp, instruction, lane, argument<uint64_t>(warp, site, 0, lane));
    if (!message) return;
    const auto file = read_string(warp, instruction, lane, argument<uint64_t>(warp, site, 1, lane));
    if (!file) return;
    const auto function = read_string(warp, instruction, lane, argument<uint64_t>(warp, site, 3, lane));
    if (!function) return;
    const uint32_t thread = warp.index * kLanes + lane;
    char where[128];
    std::snprintf(where, sizeof where, ": block: [%u,%u,%u], thread: [%u,%u,%u] Assertion `", block.x, block.y, block.z,
                  thread % size.x, thread / size.x % size.y, thread / size.x / size.y);
    const std::string text = *file + ":" + std::to_string(argument<uint32_t>(warp, site, 2, lane)) + ": " + *function +
                             where + *message + "` failed.\n";
    warp.block->launch().environment.output.write(text);
    if (first.empty()) first = "assertion `" + *message + "` failed";
  });
  if (warp.stopped) return;
  warp.fault(CUDA_ERROR_ASSERT, instruction, static_cast<unsigned>(std::countr_zero(mask)), first.c_str(), 0);
}

void malloc_builtin(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = site_of(instruction);
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    const uint64_t size = argument<uint64_t>(warp, site, 0, lane);
    set_result<uint64_t>(warp, site, lane, size == 0 ? 0 : warp.block->launch().environment.heap.allocate(size));
  });
}

void free_builtin(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const CallSite& site = site_of(instruction);
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    const uint64_t address = argument<uint64_t>(warp, site, 0, lane);
    if (address == 0 || warp.block->launch().environment.heap.release(address)) return;
    warp.fault(CUDA_ERROR_ILLEGAL_ADDRESS, instruction, lane, "free of what malloc did not return", address);
  });
}

}  // namespace

Handler find_builtin(std::string_view name) {
  if (name == "vprintf") return vprintf_builtin;
  if (name == "__assertfail") return assert_builtin;
  if (name == "malloc") return malloc_builtin;
  if (name == "free") return free_builtin;
  return find_launch_builtin(name);
}

}  // namespace vgpu::soft
