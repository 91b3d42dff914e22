// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/share_handle.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace vgpu::soft {
namespace {

// Tells this process from all others, also from later ones with its number.
uint64_t own_process() {
  static const uint64_t number = [] {
    uint64_t random = 0;
    while (getrandom(&random, sizeof random, 0) != sizeof random) {
    }
    return random;
  }();
  return number;
}

}  // namespace

uint64_t inode_of(int file) {
  struct stat about {};
  return fstat(file, &about) == 0 ? about.st_ino : 0;
}

SoftShare as_own(SoftShare share) {
  share.process = own_process();
  share.pid = getpid();
  share.inode = inode_of(share.file);
  return share;
}

CUresult check_foreign(const SoftShare& share, uint64_t magic, CUresult unknown) {
  if (share.magic != magic) return unknown;
  return share.process == own_process() ? CUDA_ERROR_INVALID_CONTEXT : CUDA_SUCCESS;
}

vgpu::UniqueFd open_file_of(const SoftShare& share) {
  vgpu::UniqueFd file;
  if (share.pid == getpid()) {
    file.reset(fcntl(share.file, F_DUPFD_CLOEXEC, 0));
  } else {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%d/fd/%d", share.pid, share.file);
    file.reset(open(path, O_RDWR | O_CLOEXEC));
  }
  if (file && inode_of(file.get()) != share.inode) file.reset();
  return file;
}

}  // namespace vgpu::soft
