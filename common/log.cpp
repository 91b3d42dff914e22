// SPDX-License-Identifier: Apache-2.0
#include "common/log.h"

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace vgpu::log {
namespace {

constexpr int kUnread = -1;
std::atomic<int> current_level{kUnread};

int level_from_environment() {
  static constexpr const char* kNames[] = {"off", "error", "warn", "info", "debug"};
  const char* wanted = std::getenv("VGPU_LOG");
  for (int i = 0; wanted != nullptr && i < 5; ++i)
    if (std::strcmp(wanted, kNames[i]) == 0) return i;
  return static_cast<int>(Level::warn);
}

}  // namespace

Level level() {
  int value = current_level.load(std::memory_order_relaxed);
  if (value == kUnread) {
    value = level_from_environment();
    current_level.store(value, std::memory_order_relaxed);
  }
  return static_cast<Level>(value);
}

void set_level(Level wanted) { current_level.store(static_cast<int>(wanted), std::memory_order_relaxed); }

void write(Level at, const char* format, ...) {
  static constexpr const char* kPrefix[] = {"", "vgpu: error: ", "vgpu: warning: ", "vgpu: ", "vgpu: debug: "};
  char line[1024];
  int used = std::snprintf(line, sizeof line, "%s", kPrefix[static_cast<int>(at)]);
  va_list arguments;
  va_start(arguments, format);
  const int text = std::vsnprintf(line + used, sizeof line - static_cast<size_t>(used) - 1, format, arguments);
  va_end(arguments);
  used = std::min(used + std::max(text, 0), static_cast<int>(sizeof line) - 2);
  line[used++] = '\n';
  // A log line that cannot be written has nowhere to report itself.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line, static_cast<size_t>(used));
}

long monotonic_seconds() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

Throttle::Verdict Throttle::next(long now_seconds) {
  constexpr long kMinute = 60;
  constexpr int kPerMinute = 5;
  // Two threads at the turn of a minute may let one message more through.
  if (const long minute = now_seconds / kMinute; minute_.exchange(minute) != minute) passed_ = 0;
  const int number = ++passed_;
  if (number >= kPerMinute) {
    passed_ = kPerMinute;
    return number == kPerMinute ? Verdict::last : Verdict::drop;
  }
  return Verdict::pass;
}

}  // namespace vgpu::log
