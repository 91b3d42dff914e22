// SPDX-License-Identifier: Apache-2.0
#include "host/worker/crash_report.h"

#include <execinfo.h>
#include <unistd.h>
#include <csignal>
#include <cstddef>
#include <initializer_list>

#include "common/log.h"

namespace vgpu::host {
namespace {

constexpr int kFrames = 32;

// Only what may run in a signal handler; backtrace() has loaded what it needs when report_crashes called it.
void report(int signal, siginfo_t* about, void* /*context*/) {
  VGPU_ERROR("the worker died of signal %d at address %p:", signal, about->si_addr);
  void* frames[kFrames];
  ::backtrace_symbols_fd(frames, ::backtrace(frames, kFrames), STDERR_FILENO);
  // The handler was reset on entry: this ends the process on the way out, as the fault itself would have.
  ::raise(signal);
}

}  // namespace

void report_crashes() {
#ifdef VGPU_SANITIZED
  static_cast<void>(report);  // Sanitizers report better.
#else
  void* frame = nullptr;
  static_cast<void>(::backtrace(&frame, 1));
  struct sigaction action = {};
  action.sa_sigaction = &report;
  action.sa_flags = static_cast<int>(SA_SIGINFO | SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) ::sigaction(signal, &action, nullptr);
#endif
}

}  // namespace vgpu::host
