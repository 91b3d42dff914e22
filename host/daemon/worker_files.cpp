// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/worker_files.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string_view>
#include <utility>

#include "common/log.h"
#include "host/worker/sandbox.h"

namespace vgpu::host {
namespace {

// Larger than the driver's own limit (host/worker/main.cpp): the driver tidies up before it meets this one.
constexpr const char* kMemoryOptions = "size=320m,mode=0777";
constexpr const char* kDirectories[] = {"/code", "/shm"};

// In mounts of the daemon's own, which its workers inherit and nobody else sees. What others mount is still seen.
bool mount_memory(const std::string& at) {
  if (::unshare(CLONE_NEWNS) != 0) return false;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return false;
  return ::mount("vgpu-workers", at.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, kMemoryOptions) == 0;
}

// A daemon that is root gives its workers a user of their own.
void give_to_workers(const std::string& path) {
  const uid_t user = Sandbox::user_with_files(::getpid());
  if (::geteuid() == 0 && ::chown(path.c_str(), user, user) != 0)
    VGPU_DEBUG("%s stays root's: workers that are not root cannot use it", path.c_str());
}

constexpr std::string_view kPrefix = "vgpu-workers-";

// Ours, as long as we live: the lock goes with the descriptor, whatever ends us.
UniqueFd try_lock(const std::string& path) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (directory && ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) directory.reset();
  return directory;
}

// A daemon that was killed left its directory. One that is younger than this may be about to be locked.
constexpr time_t kYoung = 60;
void remove_left(const std::filesystem::path& parent) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(parent, error)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    struct stat about = {};
    if (::lstat(entry.path().c_str(), &about) != 0 || about.st_uid != ::geteuid()) continue;
    if (about.st_mtime > ::time(nullptr) - kYoung) continue;
    std::error_code left;
    if (try_lock(entry.path())) std::filesystem::remove_all(entry.path(), left);
  }
}

}  // namespace

Result<WorkerFiles> WorkerFiles::create(FileUsers users) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
  remove_left(parent);
  std::string name = (parent / (std::string(kPrefix) + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) return Error::from_errno("cannot make " + name);
  WorkerFiles files(name, try_lock(name));
  if (!mount_memory(name)) {
    if (users == FileUsers::guest) return Error::from_errno("cannot mount a file system of limited size");
    give_to_workers(name);
  }
  for (const char* directory : kDirectories) {
    // Not less for a mask of the daemon's.
    if (::mkdir((name + directory).c_str(), 0777) != 0 || ::chmod((name + directory).c_str(), 0777) != 0)
      return Error::from_errno("cannot make " + name + directory);
    give_to_workers(name + directory);
  }
  return files;
}

WorkerFiles::WorkerFiles(WorkerFiles&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::move(other.lock_)) {}

WorkerFiles::~WorkerFiles() {
  if (path_.empty()) return;
  ::umount2(path_.c_str(), MNT_DETACH);
  std::error_code left;
  std::filesystem::remove_all(path_, left);
  if (left) VGPU_DEBUG("%s stays: %s", path_.c_str(), left.message().c_str());
}

}  // namespace vgpu::host
