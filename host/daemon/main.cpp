// SPDX-License-Identifier: Apache-2.0
// vgpud: starts a sandboxed worker for each program that connects, and stands between the two. See --help.
#include <sys/resource.h>

#include <cstdlib>

#include "common/log.h"
#include "host/daemon/daemon.h"

namespace {

// Each session takes about eight descriptors; the soft limit of a login shell is for people with fewer.
void raise_file_limit() {
  rlimit files = {};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
  auto parsed = vgpu::host::parse_options(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  raise_file_limit();
  // A worker must never take this daemon's socket for its GPU.
  ::unsetenv("VGPU_SOCKET");
  auto daemon = vgpu::host::Daemon::create(std::get<vgpu::host::Options>(parsed));
  if (!daemon) {
    VGPU_ERROR("%s", daemon.error().message.c_str());
    return 1;
  }
  (*daemon)->run();
  return 0;
}
