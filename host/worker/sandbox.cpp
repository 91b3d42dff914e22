// SPDX-License-Identifier: Apache-2.0
#include "host/worker/sandbox.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <span>

#include "common/log.h"
#include "host/worker/syscall_filter.h"

namespace vgpu::host {
namespace {

constexpr int kOomScore = 500;  // as if it held half of the machine's memory more
// Of a worker with a user id of its own. A driver has few; the worker has one for each of the guest's that waits.
constexpr rlim_t kMostThreads = 4096;
constexpr const char* kSharedMemory = "/dev/shm";

void skipped(const char* what) { VGPU_DEBUG("sandbox: no %s: %s", what, std::strerror(errno)); }

// Capabilities until seal(): to change the user, and to read a driver wherever root could.
constexpr unsigned kForSeal[] = {CAP_SETUID, CAP_SETGID, CAP_SYS_CHROOT, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH};

void keep_capabilities(std::span<const unsigned> kept) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  for (const unsigned capability : kept) data[0].effective |= 1u << capability;
  data[0].permitted = data[0].effective;
  if (::syscall(SYS_capset, &header, data) != 0) skipped("dropping of capabilities");
}

// In a container, most user ids do not exist.
bool user_exists(uid_t user) {
  std::ifstream map("/proc/self/uid_map");
  uint64_t inside = 0, outside = 0, count = 0;
  while (map >> inside >> outside >> count)
    if (user >= inside && user - inside < count) return true;
  return false;
}

// A vendor's driver opens its devices whenever it likes; another user may only do so if everybody may.
bool devices_open_to_all() {
  struct stat about = {};
  for (const char* device : {"/dev/nvidiactl", "/dev/nvidia-uvm"})
    if (::stat(device, &about) != 0 || (about.st_mode & 0006) != 0006) return false;
  return true;
}

int change_mounts(const char* path, unsigned flags, uint64_t set, uint64_t clear) {
  mount_attr attributes = {};
  attributes.attr_set = set;
  attributes.attr_clr = clear;
  return ::mount_setattr(-1, path, flags, &attributes, sizeof attributes);
}

}  // namespace

bool Sandbox::shares_user() const { return one_owner_ && profile_ == SandboxProfile::vendor; }

uid_t Sandbox::user() const { return user_named_after(shares_user() ? daemon_ : ::getpid()); }

bool Sandbox::guard() const {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit none = {0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  // What a guest has its worker fill is the machine's memory: where that runs out, the kernel takes a worker, and not
  // vgpud or a VM.
  if (!(std::ofstream("/proc/self/oom_score_adj") << kOomScore << std::flush)) skipped("being the first to be killed");
  // The daemon may have died before the first line.
  return ::getppid() == daemon_;
}

// In mounts of its own: nothing can be written, except to its files and to /proc. NVIDIA's driver does not start when
// it cannot write there (cuInit: CUDA_ERROR_OPERATING_SYSTEM); what would reach the machine through /proc stays closed.
void Sandbox::lock_files() const {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return skipped("private mounts");
  bool closed = true;
  for (const char* path : {"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"})
    closed &= ::mount(path, path, nullptr, MS_BIND | MS_REC, nullptr) == 0 || errno == ENOENT;
  const std::string shared_memory = files_ + "/shm";
  if (!files_.empty() && (::mount(files_.c_str(), files_.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
                          ::mount(shared_memory.c_str(), kSharedMemory, nullptr, MS_BIND, nullptr) != 0))
    skipped("files of the driver's own");
  if (change_mounts("/", AT_RECURSIVE, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0) != 0)
    return skipped("read-only file system");
  if (!files_.empty() && (change_mounts(files_.c_str(), 0, 0, MOUNT_ATTR_RDONLY) != 0 ||
                          change_mounts(kSharedMemory, 0, 0, MOUNT_ATTR_RDONLY) != 0))
    skipped("writable files of the driver's own");
  if (!closed || change_mounts("/proc", 0, 0, MOUNT_ATTR_RDONLY) != 0) skipped("writable /proc: the driver may refuse");
}

void Sandbox::isolate() {
  own_user_ = ::geteuid() == 0 && user_exists(user()) && (profile_ == SandboxProfile::soft || devices_open_to_all());
  // The filter of the software GPU's worker has no socket(2), which is stricter than a network namespace, and cheaper.
  const int flags = CLONE_NEWNS | CLONE_NEWIPC | (profile_ == SandboxProfile::vendor ? CLONE_NEWNET : 0);
  if (::unshare(flags) == 0) lock_files();
  else if (!own_user_ && ::unshare(flags | CLONE_NEWUSER) == 0) lock_files();
  else skipped("namespaces");
  keep_capabilities(own_user_ ? std::span<const unsigned>(kForSeal) : std::span<const unsigned>());
}

// Capabilities go with the user. The C library carries all of this over to the other threads.
Result<void> Sandbox::leave_root() const {
  // No directory of the machine is this process's root any more. Its own descriptors are all there is to see.
  if (profile_ == SandboxProfile::soft && (::chroot("/proc/self/fdinfo") != 0 || ::chdir("/") != 0))
    skipped("empty root directory");
  const uid_t own = user();
  const rlimit threads = {kMostThreads, kMostThreads};
  if (!shares_user()) ::setrlimit(RLIMIT_NPROC, &threads);
  if (::setgroups(0, nullptr) != 0 || ::setresgid(own, own, own) != 0 || ::setresuid(own, own, own) != 0)
    return Error::from_errno("cannot give the worker a user id of its own (vgpud --no-sandbox goes without)");
  return {};
}

Result<void> Sandbox::seal() const {
  if (own_user_) TRY(leave_root());
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // A change of user clears it, so it is set again, and the race of guard() with it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != daemon_) return Error{"vgpud has ended"};
  return install_syscall_filter(profile_);
}

}  // namespace vgpu::host
