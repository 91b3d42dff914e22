// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/worker_files.h"

#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/test.h"

using vgpu::host::FileUsers;
using vgpu::host::WorkerFiles;

namespace {

// The process gets mounts of its own: not something to do to the other tests.
template <class F>
int in_child(F body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool is_memory(const std::string& path) {
  constexpr long kTmpfs = 0x01021994;  // linux/magic.h
  struct statfs about = {};
  return ::statfs(path.c_str(), &about) == 0 && about.f_type == kTmpfs;
}

}  // namespace

TEST_CASE("files of workers can be written to and go with their daemon", "[unit][worker_files]") {
  const int result = in_child([] {
    std::string path;
    {
      auto files = WorkerFiles::create(FileUsers::same_user);
      if (!files) return 1;
      path = files->path();
      if (!std::filesystem::is_directory(path + "/shm")) return 5;
      std::ofstream(path + "/code/index") << "kept";
      if (!std::filesystem::exists(path + "/code/index")) return 2;
      const WorkerFiles moved(std::move(*files));
      if (!std::filesystem::exists(path + "/code/index")) return 3;
    }
    return std::filesystem::exists(path) ? 4 : 0;
  });
  CHECK(result == 0);
}

TEST_CASE("files of a guest's workers are of limited size, or there are none", "[unit][worker_files]") {
  const int result = in_child([] {
    auto files = WorkerFiles::create(FileUsers::guest);
    if (!files) return ::geteuid() == 0 ? 10 : 0;
    return is_memory(files->path()) ? 0 : 1;
  });
  // A container's root may be forbidden to mount.
  CHECK((result == 0 || result == 10));
}
