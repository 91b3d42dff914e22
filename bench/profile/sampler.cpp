// SPDX-License-Identifier: Apache-2.0
// A sampling profiler that is loaded into a program (LD_PRELOAD) and needs nothing of the machine: no perf, no
// counters, no rights. Each thread has a timer of its own processor time (timer_create(2), SIGEV_THREAD_ID), whose
// signal notes where the thread is. Programs that close what they do not know, and sandboxes that open no file, are
// served, too: the file of samples is mapped, and the one of mappings stays open. bench/profile.py runs and reads it.
//
// PROFILE_INTO names the folder for PID.samples: {thread, address} of eight bytes each, and PID.maps, which is written
// anew now and then, and at the end.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <new>

namespace {

struct Sample {
  uint64_t thread, address;
};
constexpr size_t kMostSamples = 1 << 20, kSamplesPerLookAtMaps = 256;
constexpr long kPeriod = 1'000'000;  // ns of a thread's processor time; kernels may round it up to a tick
constexpr int kHighFd = 900;         // what a program opens itself is far below

Sample* samples = nullptr;
std::atomic<size_t> taken{0};
int maps_in = -1, maps_out = -1;

// Async-signal-safe.
void copy_maps() {
  char part[4096];
  ssize_t size = 0;
  off_t at = 0;
  while ((size = ::pread(maps_in, part, sizeof part, at)) > 0) {
    if (::pwrite(maps_out, part, static_cast<size_t>(size), at) != size) return;
    at += size;
  }
  // What was longer once would leave a part of a line.
  if (at != 0) static_cast<void>(!::ftruncate(maps_out, at));
}

void note(int, siginfo_t*, void* context) {
  const int error = errno;
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const size_t at = taken.fetch_add(1, std::memory_order_relaxed);
  if (at < kMostSamples)
    samples[at] = {static_cast<uint64_t>(::syscall(SYS_gettid)), static_cast<uint64_t>(registers[REG_RIP])};
  if (at % kSamplesPerLookAtMaps == 0) copy_maps();
  errno = error;
}

void watch_this_thread() {
  // Libraries' own threads are started with all signals blocked, so that the program's do not end up there.
  sigset_t ours;
  ::sigemptyset(&ours);
  ::sigaddset(&ours, SIGPROF);
  ::pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event._sigev_un._tid = static_cast<pid_t>(::syscall(SYS_gettid));
  timer_t timer = {};
  if (::timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) != 0) return;
  const itimerspec period = {{0, kPeriod}, {0, kPeriod}};
  ::timer_settime(timer, 0, &period, nullptr);
}

int keep_open(const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC, 0644);
  const int high = ::fcntl(fd, F_DUPFD_CLOEXEC, kHighFd);
  ::close(fd);
  return high;
}

// Of a process, or of one that was forked: that has its own files, and no timer yet.
void begin() {
  samples = nullptr;
  taken = 0;
  const char* const folder = std::getenv("PROFILE_INTO");
  if (folder == nullptr) return;
  char path[512];
  std::snprintf(path, sizeof path, "%s/%d.samples", folder, ::getpid());
  const int fd = ::open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || ::ftruncate(fd, kMostSamples * sizeof(Sample)) != 0) return;
  void* const memory = ::mmap(nullptr, kMostSamples * sizeof(Sample), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (memory == MAP_FAILED) return;
  samples = static_cast<Sample*>(memory);
  std::snprintf(path, sizeof path, "%s/%d.maps", folder, ::getpid());
  maps_in = keep_open("/proc/self/maps", O_RDONLY);
  maps_out = keep_open(path, O_WRONLY | O_CREAT | O_TRUNC);
  struct sigaction action = {};
  action.sa_sigaction = note;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigaction(SIGPROF, &action, nullptr);
  watch_this_thread();
}

__attribute__((constructor)) void load() {
  begin();
  ::pthread_atfork(nullptr, nullptr, begin);
}

// What was loaded after the last look is only known now.
__attribute__((destructor)) void end() {
  if (samples != nullptr) copy_maps();
}

struct Start {
  void* (*function)(void*);
  void* argument;
};

void* start(void* what) {
  const Start begun = *std::unique_ptr<Start>(static_cast<Start*>(what));
  watch_this_thread();
  return begun.function(begun.argument);
}

template <class Function>
Function next(const char* name) {
  // SAFETY: dlsym(3) gives functions as objects' addresses.
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// In place of the C library's.
#pragma GCC visibility push(default)
extern "C" {

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*function)(void*), void* argument) {
  static const auto real = next<decltype(&pthread_create)>("pthread_create");
  if (samples == nullptr) return real(thread, attributes, function, argument);
  std::unique_ptr<Start> begun(new (std::nothrow) Start{function, argument});
  if (begun == nullptr) return EAGAIN;
  const int error = real(thread, attributes, start, begun.get());
  if (error == 0) static_cast<void>(begun.release());
  return error;
}

// Leaves ours out.
int close_range(unsigned first, unsigned last, int flags) {
  static const auto real = next<int (*)(unsigned, unsigned, int)>("close_range");
  if (samples == nullptr) return real(first, last, flags);
  const auto low = static_cast<unsigned>(std::min(maps_in, maps_out));
  const auto high = static_cast<unsigned>(std::max(maps_in, maps_out));
  if (first < low) real(first, std::min(last, low - 1), flags);
  return last > high ? real(std::max(first, high + 1), last, flags) : 0;
}

}  // extern "C"
#pragma GCC visibility pop
