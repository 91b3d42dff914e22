// SPDX-License-Identifier: Apache-2.0
// One-line messages to standard error, "vgpu: ..." for people. VGPU_LOG=off|error|warn|info|debug chooses how much
// (default warn). Safe from any thread: a message is one write(2). Nothing happens before the first message.
#pragma once

#include <atomic>

namespace vgpu::log {

enum class Level : int { off = 0, error = 1, warn = 2, info = 3, debug = 4 };

// The level in force: VGPU_LOG, read once, unless set_level came first.
Level level();
void set_level(Level level);

// printf-style; the text needs no prefix and no newline.
[[gnu::format(printf, 2, 3)]] void write(Level level, const char* format, ...);

// Lets a few messages through each minute, for those that somebody else can provoke as often as they like. The last
// one says that more are left out. Any thread.
class Throttle {
 public:
  enum class Verdict { pass, last, drop };
  Verdict next(long now_seconds);

 private:
  std::atomic<long> minute_{-1};
  std::atomic<int> passed_{0};
};
long monotonic_seconds();

}  // namespace vgpu::log

#define VGPU_LOG_AT(level_, ...)                                                     \
  do {                                                                               \
    if (::vgpu::log::level() >= (level_)) ::vgpu::log::write((level_), __VA_ARGS__); \
  } while (false)
#define VGPU_LOG_THROTTLED(level_, format_, ...)                                       \
  do {                                                                                 \
    static ::vgpu::log::Throttle throttle_;                                            \
    if (::vgpu::log::level() < (level_)) break;                                        \
    const auto verdict_ = throttle_.next(::vgpu::log::monotonic_seconds());            \
    if (verdict_ == ::vgpu::log::Throttle::Verdict::drop) break;                       \
    const bool last_ = verdict_ == ::vgpu::log::Throttle::Verdict::last;               \
    ::vgpu::log::write((level_), format_ "%s" __VA_OPT__(, ) __VA_ARGS__,              \
                       last_ ? " (more of these within a minute are not shown)" : ""); \
  } while (false)
#define VGPU_ERROR(...) VGPU_LOG_AT(::vgpu::log::Level::error, __VA_ARGS__)
// Of what a VM, or another program, can provoke.
#define VGPU_ERROR_THROTTLED(...) VGPU_LOG_THROTTLED(::vgpu::log::Level::error, __VA_ARGS__)
#define VGPU_WARN_THROTTLED(...) VGPU_LOG_THROTTLED(::vgpu::log::Level::warn, __VA_ARGS__)
#define VGPU_WARN(...) VGPU_LOG_AT(::vgpu::log::Level::warn, __VA_ARGS__)
#define VGPU_INFO(...) VGPU_LOG_AT(::vgpu::log::Level::info, __VA_ARGS__)
#define VGPU_DEBUG(...) VGPU_LOG_AT(::vgpu::log::Level::debug, __VA_ARGS__)
