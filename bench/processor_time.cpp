// SPDX-License-Identifier: Apache-2.0
#include "bench/processor_time.h"

#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace vgpu::bench {
namespace {

namespace fs = std::filesystem;

// The parent's number in /proc/PID/stat, whose second field is a name in parentheses that may hold anything.
pid_t parent_of(const fs::path& process) {
  std::FILE* const file = std::fopen((process / "stat").c_str(), "re");
  if (file == nullptr) return -1;
  char text[512] = {};
  const size_t got = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  const std::string line(text, got);
  const size_t name_end = line.rfind(')');
  int parent = -1;
  char state = 0;
  if (name_end == std::string::npos || std::sscanf(line.c_str() + name_end + 1, " %c %d", &state, &parent) != 2)
    return -1;
  return parent;
}

std::multimap<pid_t, pid_t> children_by_parent() {
  std::multimap<pid_t, pid_t> out;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error))
    if (const pid_t process = std::atoi(entry.path().filename().c_str()); process > 0)
      out.emplace(parent_of(entry.path()), process);
  return out;
}

double processor_time(pid_t process) {
  clockid_t clock = {};
  timespec time = {};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace

std::vector<pid_t> processes_of_session() {
  const std::multimap<pid_t, pid_t> children = children_by_parent();
  std::vector<pid_t> out = {::getppid()};
  for (size_t i = 0; i < out.size(); ++i) {
    const auto [first, last] = children.equal_range(out[i]);
    for (auto child = first; child != last; ++child) out.push_back(child->second);
  }
  return out;
}

double processor_time(const std::vector<pid_t>& processes) {
  double sum = 0;
  for (const pid_t process : processes) sum += processor_time(process);
  return sum;
}

}  // namespace vgpu::bench
