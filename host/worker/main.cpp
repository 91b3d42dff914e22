// SPDX-License-Identifier: Apache-2.0
// vgpu-worker: one process for one guest process. A CUDA client can reach the memory of the process that serves it, so
// a worker counts as its guest's property: it gives up everything else, then serves. Started by vgpud with descriptor
// 3: control socket, 4: doorbell, 5: wake event. The session's memory comes with the guest (attach).
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "common/log.h"
#include "host/worker/control_channel.h"
#include "host/worker/core.h"
#include "host/worker/crash_report.h"
#include "host/worker/own_threads.h"
#include "host/worker/probe.h"
#include "host/worker/sandbox.h"

namespace vgpu::host {
namespace {

constexpr int kControlFd = 3;
constexpr int kDoorbellFd = 4;
constexpr int kWakeFd = 5;
constexpr unsigned kFirstForeignFd = 6;
constexpr const char* kCodeCacheBytes = "268435456";

struct Arguments {
  std::string driver;
  std::string files;  // empty: none
  pid_t daemon = 0;
  SandboxProfile profile = SandboxProfile::vendor;
  bool sandbox = true;
  bool one_owner = false;
  bool code_cache = true;
  bool launch_graphs = true;
  bool ready_context = false;
  bool probe = false;
};

// The command line is vgpud's, not a person's: what is not understood is a broken installation.
bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--soft") arguments.profile = SandboxProfile::soft;
    else if (option == "--no-sandbox") arguments.sandbox = false;
    else if (option == "--no-code-cache") arguments.code_cache = false;
    else if (option == "--no-launch-graphs") arguments.launch_graphs = false;
    else if (option == "--ready-context") arguments.ready_context = true;
    else if (option == "--one-owner") arguments.one_owner = true;
    else if (option == "--probe") arguments.probe = true;
    else if (i + 1 == argc) return false;
    else if (option == "--driver") arguments.driver = argv[++i];
    else if (option == "--files") arguments.files = argv[++i];
    else if (option == "--parent") arguments.daemon = static_cast<pid_t>(std::atoi(argv[++i]));
    else if (option == "--variable" && i + 2 < argc) {
      ::setenv(argv[i + 1], argv[i + 2], 1);
      i += 2;
    } else if (option == "--log") log::set_level(static_cast<log::Level>(std::atoi(argv[++i])));
    else return false;
  }
  return !arguments.driver.empty() && (arguments.probe || arguments.daemon > 0);
}

// Kernels' printf text goes to standard output, in every CUDA driver; here that is a memory file which the core reads.
Result<int> redirect_output() {
  const int file = ::memfd_create("vgpu-output", MFD_CLOEXEC);
  if (file < 0 || ::dup2(file, STDOUT_FILENO) < 0) return Error::from_errno("cannot set up the worker's output");
  return file;
}

// Returns when the session has ended.
Result<void> serve(const Arguments& arguments, const Sandbox& sandbox, ControlChannel& channel,
                   SharedRangeTable& ranges) {
  WorkerConfig config;
  config.doorbell_fd = kDoorbellFd;
  config.output_fd = TRY(redirect_output());
  config.driver_path = arguments.driver;
  config.software_gpu = arguments.profile == SandboxProfile::soft;
  config.launch_graphs = arguments.launch_graphs;
  config.on_fault = [&channel](const wire::Fault& fault) { channel.say_fault(fault); };
  // Never destroyed: a driver's own way down can take long, and the kernel's is complete.
  WorkerCore* const core = TRY(WorkerCore::create(config, channel, ranges, channel)).release();
  if (arguments.sandbox) TRY(sandbox.seal());
  channel.serve(*core);
  if (arguments.ready_context) core->make_context();
  core->run(channel.wait_for_guest(kWakeFd));
  channel.say_statistics(0);
  return {};
}

// A cache of compiled kernels that all guests write would let one choose what another runs: it is the daemon's, or
// none. CUDA programming guide: CUDA Environment Variables.
void use_files(const Arguments& arguments, Sandbox& sandbox) {
  if (!arguments.files.empty()) sandbox.allow_files(arguments.files);
  if (arguments.files.empty() || !arguments.code_cache) {
    if (arguments.sandbox) ::setenv("CUDA_CACHE_DISABLE", "1", 1);
    return;
  }
  ::setenv("CUDA_CACHE_PATH", (arguments.files + "/code").c_str(), 1);
  ::setenv("CUDA_CACHE_MAXSIZE", kCodeCacheBytes, 1);
}

int run(const Arguments& arguments) {
  report_crashes();
  // Whoever traces may go at any time.
  ::signal(SIGPIPE, SIG_IGN);
  count_as_ours();
  ::close_range(kFirstForeignFd, ~0u, 0);
  Sandbox sandbox(arguments.profile, arguments.daemon, arguments.one_owner);
  if (!sandbox.guard()) return 0;
  use_files(arguments, sandbox);
  if (arguments.sandbox) sandbox.isolate();

  // Threads use it until the process is no more.
  SharedRangeTable& ranges = *std::make_unique<SharedRangeTable>().release();
  auto channel = ControlChannel::open(kControlFd, ranges);
  if (!channel) {
    VGPU_ERROR("%s", channel.error().message.c_str());
    return 1;
  }
  ControlChannel& connection = *channel.value().release();
  const Result<void> served = serve(arguments, sandbox, connection, ranges);
  if (!served) connection.say_refused(served.error().message);
  return served ? 0 : 1;
}

}  // namespace
}  // namespace vgpu::host

int main(int argc, char** argv) {
  vgpu::host::Arguments arguments;
  if (!vgpu::host::parse(argc, argv, arguments)) {
    std::fprintf(stderr, "vgpu-worker is started by vgpud; see vgpud --help\n");
    return 2;
  }
  const int status = arguments.probe ? vgpu::host::probe_driver(arguments.driver) : vgpu::host::run(arguments);
  // No exit handlers: the driver's threads may be at work still.
  ::_exit(status);
}
