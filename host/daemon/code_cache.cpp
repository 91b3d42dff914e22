// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/code_cache.h"

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "common/log.h"
#include "host/worker/sandbox.h"

namespace vgpu::host {
namespace {

// Larger than the driver's own limit (host/worker/main.cpp): the driver tidies up before it meets this one.
constexpr const char* kMemoryOptions = "size=320m,mode=0777";

// In mounts of the daemon's own, which its workers inherit and nobody else sees. What others mount is still seen.
bool mount_memory(const std::string& at) {
  if (::unshare(CLONE_NEWNS) != 0) return false;
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return false;
  return ::mount("vgpu-code", at.c_str(), "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, kMemoryOptions) == 0;
}

}  // namespace

Result<CodeCache> CodeCache::create(CacheUsers users) {
  std::error_code error;
  std::string name = (std::filesystem::temp_directory_path(error) / "vgpu-code-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return Error::from_errno("cannot make " + name);
  CodeCache cache(name);
  if (mount_memory(name)) return cache;
  if (users == CacheUsers::guest) return Error::from_errno("cannot mount a file system of limited size");
  // A daemon that is root gives its workers a user of their own.
  const uid_t user = Sandbox::user_with_cache(::getpid());
  if (::geteuid() == 0 && ::chown(name.c_str(), user, user) != 0)
    VGPU_DEBUG("%s stays root's: workers that are not root cannot use it", name.c_str());
  return cache;
}

CodeCache::CodeCache(CodeCache&& other) noexcept : path_(std::exchange(other.path_, {})) {}

CodeCache::~CodeCache() {
  if (path_.empty()) return;
  ::umount2(path_.c_str(), MNT_DETACH);
  std::error_code left;
  std::filesystem::remove_all(path_, left);
  if (left) VGPU_DEBUG("%s stays: %s", path_.c_str(), left.message().c_str());
}

}  // namespace vgpu::host
