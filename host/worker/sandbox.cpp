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

#include "common/log.h"
#include "host/worker/syscall_filter.h"

namespace vgpu::host {
namespace {

// User ids above those that systems and containers give out (systemd: 1879048191); the process id makes it unique,
// so that no worker can signal another or look at it.
constexpr uid_t kFirstUser = 1'900'000'000;

void skipped(const char* what) { VGPU_DEBUG("sandbox: no %s: %s", what, std::strerror(errno)); }

void drop_capabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct none[2] = {};
  if (::syscall(SYS_capset, &header, none) != 0) skipped("dropping of capabilities");
}

// A vendor's driver opens its devices whenever it likes; another user may only do so if everybody may.
bool devices_open_to_all() {
  struct stat about = {};
  for (const char* device : {"/dev/nvidiactl", "/dev/nvidia-uvm"})
    if (::stat(device, &about) != 0 || (about.st_mode & 0006) != 0006) return false;
  return true;
}

void leave_root(SandboxProfile profile) {
  if (profile == SandboxProfile::vendor && !devices_open_to_all()) {
    VGPU_DEBUG("sandbox: stays root: the card's device files are not open to all users");
    return drop_capabilities();
  }
  // No directory of the machine is this process's root any more. Its own descriptors are all there is to see.
  if (profile == SandboxProfile::soft && (::chroot("/proc/self/fdinfo") != 0 || ::chdir("/") != 0))
    skipped("empty root directory");
  const uid_t user = kFirstUser + static_cast<uid_t>(::getpid());
  // The C library carries these over to all threads.
  if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0) {
    skipped("user id of its own");
    drop_capabilities();
  }
}

}  // namespace

bool guard_process(pid_t daemon) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit none = {0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  // The daemon may have died before the first line.
  return ::getppid() == daemon;
}

void isolate(SandboxProfile profile) {
  // The filter of the software GPU's worker has no socket(2), which is stricter than a network namespace, and cheaper.
  const int flags = CLONE_NEWNS | CLONE_NEWIPC | (profile == SandboxProfile::vendor ? CLONE_NEWNET : 0);
  bool own_users = false;
  if (::unshare(flags) != 0) {
    own_users = ::unshare(flags | CLONE_NEWUSER) == 0;
    if (!own_users) return skipped("namespaces");
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) skipped("private mounts");
  mount_attr attributes = {};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  if (::mount_setattr(-1, "/", AT_RECURSIVE, &attributes, sizeof attributes) != 0) skipped("read-only file system");
  if (own_users) drop_capabilities();
}

Result<void> seal(SandboxProfile profile, pid_t daemon) {
  if (::geteuid() == 0) leave_root(profile);
  ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  // A change of user clears it, so it is set again, and the race of guard_process() with it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (::getppid() != daemon) return Error{"vgpud has ended"};
  return install_syscall_filter(profile);
}

}  // namespace vgpu::host
