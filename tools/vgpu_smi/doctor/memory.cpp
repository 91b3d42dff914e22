// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "common/fd.h"
#include "tools/vgpu_smi/doctor/finding.h"
#include "vgpu/ring.h"

namespace vgpu::smi::doctor {
namespace {

constexpr unsigned long long kMebibyte = 1 << 20;
constexpr rlim_t kFewFiles = 256;

unsigned long long available_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  while (file >> word)
    if (word == "MemAvailable:") {
      unsigned long long kilobytes = 0;
      file >> kilobytes;
      return kilobytes * 1024;
    }
  return 0;
}

// What a session on this machine needs: a sealed memory file that two processes map.
std::string try_shared_memory() {
  auto file = create_memory_file("vgpu-doctor", ring::kTotalBytes);
  if (!file.ok()) return file.error().message;
  const auto mapping = Mapping::shared(file->get(), ring::kTotalBytes);
  if (!mapping.ok()) return mapping.error().message;
  mapping.value().bytes()[0] = std::byte{1};
  return "";
}

}  // namespace

void check_memory(Findings& findings) {
  const std::string failure = try_shared_memory();
  if (failure.empty())
    findings.push_back({State::good, "shared memory",
                        fmt::format("{} MiB for a session can be shared", ring::kTotalBytes / kMebibyte), ""});
  else
    findings.push_back({State::problem, "shared memory", failure,
                        "Memory files (memfd_create) must be allowed: look at the container's seccomp profile and "
                        "memory limit"});
  const unsigned long long available = available_bytes();
  if (available != 0 && available < 4 * ring::kTotalBytes)
    findings.push_back({State::warning, "memory", fmt::format("only {} MiB are available", available / kMebibyte),
                        fmt::format("A session takes {} MiB, and pinned memory comes on top: end programs, or give the "
                                    "VM more",
                                    ring::kTotalBytes / kMebibyte)});
  rlimit files = {};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < kFewFiles)
    findings.push_back({State::warning, "open files", fmt::format("a program may open only {} files", files.rlim_cur),
                        "Raise it: ulimit -n 1024"});
}

}  // namespace vgpu::smi::doctor
