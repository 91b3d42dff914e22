// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/driver_choice.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "common/log.h"

namespace vgpu::host {
namespace {

constexpr const char* kSystemDriver = "libcuda.so.1";
constexpr const char* kSoftDriver = "libcuda-soft.so.1";
constexpr int kProbeLimitMs = 60000;

// A directory may be "executed" and "read", too, and would only be noticed by the first program.
Result<void> check_file(const std::string& what, const std::string& path, int wanted) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return Error{what + " " + path + " is a directory"};
  if (::access(path.c_str(), wanted) == 0) return {};
  return Error::from_errno(what + " " + path + " cannot be " + (wanted == X_OK ? "executed" : "read"));
}

std::filesystem::path own_directory() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

}  // namespace

Result<std::string> find_installed(const char* what, std::initializer_list<const char*> places) {
  const std::filesystem::path base = own_directory();
  for (const char* place : places) {
    std::error_code ignored;
    const auto path = std::filesystem::canonical(base / place, ignored);
    if (!ignored) return path.string();
  }
  return Error{std::string("cannot find ") + what + " (looked for " +
               (base / *places.begin()).lexically_normal().string() + "); is the installation complete?"};
}

namespace {

Result<std::string> find_soft() {
  return find_installed("the software GPU", {"../lib/libcuda-soft.so.1", "../lib/vgpu/libcuda-soft.so.1"});
}

// Exit status of a worker that only looks: 0 a GPU is there, 1 no driver, 2 the driver finds none.
int probe(const std::string& worker) {
  const auto pid = spawn_worker(
      worker, {"--probe", "--driver", kSystemDriver, "--log", std::to_string(static_cast<int>(log::level()))}, {});
  if (!pid) {
    VGPU_WARN("%s", pid.error().message.c_str());
    return 1;
  }
  const UniqueFd pidfd = open_pidfd(pid.value());
  pollfd wait = {pidfd.get(), POLLIN, 0};
  if (::poll(&wait, 1, kProbeLimitMs) != 1) ::kill(pid.value(), SIGKILL);
  siginfo_t about = {};
  if (::waitid(P_PID, static_cast<id_t>(pid.value()), &about, WEXITED) != 0) return 1;
  if (about.si_code == CLD_EXITED) return about.si_status;
  VGPU_WARN("looking for NVIDIA's driver ended early: %s", describe_end(about.si_code, about.si_status).c_str());
  return 2;
}

}  // namespace

Result<WorkerOptions> choose_worker(const Options& options) {
  WorkerOptions worker;
  worker.sandbox = options.sandbox;
  // One VM, or a socket that one user can connect to.
  const bool private_socket = (options.socket_mode & 077) == 0;
  worker.one_owner = options.socket.empty() || (options.vm_socket.empty() && private_socket);
  worker.executable = !options.worker.empty()
                          ? options.worker
                          : TRY(find_installed("the worker", {"vgpu-worker", "../libexec/vgpu/vgpu-worker"}));
  TRY(check_file("the worker", worker.executable, X_OK));

  worker.kind = DriverKind::vendor;
  worker.driver_path = kSystemDriver;
  if (options.driver == "nvidia") return worker;
  if (options.driver == "auto") {
    const int found = probe(worker.executable);
    if (found == 0) return worker;
    // A driver that is installed and does not work is news; none at all is what "auto" is for.
    if (found == 2) VGPU_WARN("NVIDIA's driver is installed but finds no GPU; using the software GPU");
    if (found != 2) VGPU_INFO("no NVIDIA driver; using the software GPU");
  }
  if (options.driver == "auto" || options.driver == "soft") {
    worker.driver_path = TRY(find_soft());
    worker.kind = DriverKind::soft;
    return worker;
  }
  if (options.driver.find('/') == std::string::npos)
    return Error{"--driver " + options.driver + ": choose soft, nvidia, auto, or a path with a slash in it"};
  TRY(check_file("the CUDA driver", options.driver, R_OK));
  std::error_code ignored;
  worker.driver_path = std::filesystem::absolute(options.driver, ignored).string();
  if (std::filesystem::path(options.driver).filename() == kSoftDriver) worker.kind = DriverKind::soft;
  return worker;
}

}  // namespace vgpu::host
