// SPDX-License-Identifier: Apache-2.0
// One-line messages to standard error, "vgpu: ..." for people. VGPU_LOG=off|error|warn|info|debug chooses how much
// (default warn). Safe from any thread: a message is one write(2). Nothing happens before the first message.
#pragma once

namespace vgpu::log {

enum class Level : int { off = 0, error = 1, warn = 2, info = 3, debug = 4 };

// The level in force: VGPU_LOG, read once, unless set_level came first.
Level level();
void set_level(Level level);

// printf-style; the text needs no prefix and no newline.
[[gnu::format(printf, 2, 3)]] void write(Level level, const char* format, ...);

}  // namespace vgpu::log

#define VGPU_LOG_AT(level_, ...)                                                     \
  do {                                                                               \
    if (::vgpu::log::level() >= (level_)) ::vgpu::log::write((level_), __VA_ARGS__); \
  } while (false)
#define VGPU_ERROR(...) VGPU_LOG_AT(::vgpu::log::Level::error, __VA_ARGS__)
#define VGPU_WARN(...) VGPU_LOG_AT(::vgpu::log::Level::warn, __VA_ARGS__)
#define VGPU_INFO(...) VGPU_LOG_AT(::vgpu::log::Level::info, __VA_ARGS__)
#define VGPU_DEBUG(...) VGPU_LOG_AT(::vgpu::log::Level::debug, __VA_ARGS__)
