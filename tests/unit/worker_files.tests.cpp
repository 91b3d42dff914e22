// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/worker_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "common/fd.h"
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

TEST_CASE("what a killed daemon left is taken away, what another one uses is not", "[unit][worker_files]") {
  const int result = in_child([] {
    const auto parent = std::filesystem::temp_directory_path() / ("vgpu-test-" + std::to_string(::getpid()));
    const auto left = parent / "vgpu-workers-left", used = parent / "vgpu-workers-used";
    const auto young = parent / "vgpu-workers-young", other = parent / "other";
    const timespec then[2] = {{::time(nullptr) - 120, 0}, {::time(nullptr) - 120, 0}};
    for (const auto& path : {left, used, young, other}) {
      std::filesystem::create_directories(path / "code");
      if (path != young) ::utimensat(AT_FDCWD, path.c_str(), then, 0);
    }
    const vgpu::UniqueFd user(::open(used.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (::flock(user.get(), LOCK_EX | LOCK_NB) != 0) return 1;
    ::setenv("TMPDIR", parent.c_str(), 1);
    const bool created = WorkerFiles::create(FileUsers::same_user).ok();
    const bool gone = !std::filesystem::exists(left);
    const bool kept = std::filesystem::exists(used / "code") && std::filesystem::exists(young / "code") &&
                      std::filesystem::exists(other / "code");
    std::filesystem::remove_all(parent);
    return !created ? 2 : !gone ? 3 : !kept ? 4 : 0;
  });
  CHECK(result == 0);
}

TEST_CASE("files of workers are locked for others as long as their daemon lives", "[unit][worker_files]") {
  int ready[2], end[2];
  REQUIRE((::pipe2(ready, O_CLOEXEC) == 0 && ::pipe2(end, O_CLOEXEC) == 0));
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    auto files = WorkerFiles::create(FileUsers::same_user);
    const std::string path = files ? files->path() : "";
    char byte = 0;
    ::close(end[1]);
    if (::write(ready[1], path.data(), path.size()) < 0 || ::read(end[0], &byte, 1) != 0) ::_exit(1);
    // As if killed.
    ::_exit(0);
  }
  ::close(ready[1]);
  char path[256] = {};
  REQUIRE(::read(ready[0], path, sizeof path - 1) > 0);
  const vgpu::UniqueFd directory(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  CHECK(::flock(directory.get(), LOCK_EX | LOCK_NB) != 0);
  ::close(end[1]);
  ::waitpid(daemon, nullptr, 0);
  CHECK(::flock(directory.get(), LOCK_EX | LOCK_NB) == 0);
  for (const int fd : {ready[0], end[0]}) ::close(fd);
  std::filesystem::remove_all(path);
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
