// SPDX-License-Identifier: Apache-2.0
// Sandbox: what a worker gives up so that its guest, which may well control it, gains nothing but the GPU
// (docs/security.md). main calls guard(), isolate(), starts the driver, and calls seal(). What the host does not permit
// is skipped and logged at debug, except the system call filter, which must work. Main thread only.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/result.h"

namespace vgpu::host {

// How much a driver needs: ours needs nothing once it runs, a vendor's opens devices and loads libraries at any time.
enum class SandboxProfile { soft, vendor };

class Sandbox {
 public:
  // `one_owner`: all workers of the daemon serve one owner; a vendor's then have one user id, for its driver makes
  // files for itself only.
  Sandbox(SandboxProfile profile, pid_t daemon, bool one_owner = false)
      : profile_(profile), daemon_(daemon), one_owner_(one_owner) {}

  // The one directory that may be written to, by all workers of a daemon with one owner (host/daemon/worker_files.h).
  // Before isolate().
  void allow_files(std::string directory) { files_ = std::move(directory); }
  static uid_t user_with_files(pid_t daemon) { return user_named_after(daemon); }

  // Dies with its daemon, gains no privileges, leaves no core file. Also without a sandbox. Before any thread.
  // False: the daemon is gone already.
  bool guard() const;
  // Namespaces of its own, a file system that it cannot change, no capabilities but those that seal() needs. Before
  // any thread, because each thread has capabilities of its own.
  void isolate();
  // Another user id where the daemon runs as root, and the system call filter, for all threads.
  Result<void> seal() const;

 private:
  // User ids above those that systems and containers give out (systemd: 1879048191). A process id makes it unique: the
  // worker's own, so that no worker can signal another or look at it, or the daemon's, where they share files, or may
  // open each other's IPC handles, which NVIDIA's driver lets only one user's processes do; then the system call filter
  // alone keeps them apart.
  static uid_t user_named_after(pid_t process) { return 1'900'000'000 + static_cast<uid_t>(process); }
  bool shares_user() const;
  uid_t user() const;
  void lock_files() const;
  Result<void> leave_root() const;

  const SandboxProfile profile_;
  const pid_t daemon_;
  const bool one_owner_;
  std::string files_;
  bool own_user_ = false;
};

}  // namespace vgpu::host
