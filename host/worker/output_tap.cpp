// SPDX-License-Identifier: Apache-2.0
#include "host/worker/output_tap.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdio>

namespace vgpu::host {

OutputTap::OutputTap(int fd) : fd_(fd) {
  // Several writers of the process share the file.
  if (fd_ >= 0) static_cast<void>(::fcntl(fd_, F_SETFL, O_APPEND | O_NONBLOCK));
}

bool OutputTap::pending() {
  if (fd_ < 0) return false;
  std::fflush(stdout);
  struct stat about = {};
  const std::lock_guard lock(mutex_);
  return ::fstat(fd_, &about) == 0 && about.st_size > taken_;
}

size_t OutputTap::take(std::span<std::byte> out) {
  if (fd_ < 0) return 0;
  const std::lock_guard lock(mutex_);
  const ssize_t got = ::pread(fd_, out.data(), out.size(), taken_);
  if (got <= 0) return 0;
  taken_ += got;
  // Give the taken pages back; the file's length stays, so a write in between is never lost.
  static_cast<void>(::fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, taken_));
  return static_cast<size_t>(got);
}

}  // namespace vgpu::host
