// SPDX-License-Identifier: Apache-2.0
#include "tests/ptx/processes.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace vgpu::ptx_test {
namespace {

constexpr char kNoDevice[] = "there is no CUDA device any more";

// What a process says of how far it came, in pages that it shares. They survive it, so nothing has to be sent. Behind
// it are the tests' outcomes.
struct Progress {
  unsigned capability = 0;
  size_t begun = 0, done = 0;  // Tests.
  bool opened = false;         // By the present process.

  Outcome* outcomes() { return reinterpret_cast<Outcome*>(this + 1); }
};

// In the child. The driver's exit handlers run, as in any program.
[[noreturn]] void run_rest(const Tests& tests, Progress& progress) {
  const unsigned capability = tests.open();
  if (capability == 0) std::exit(0);
  progress.capability = capability;
  progress.opened = true;
  for (size_t test = progress.done; test < tests.count; ++test) {
    progress.begun = test + 1;
    progress.outcomes()[test] = tests.run(test);
    progress.done = test + 1;
    std::fflush(stdout);
    if (tests.spoiled()) break;
  }
  std::exit(0);
}

// What was wrong with the process's end, or nothing.
std::string run_child(const Tests& tests, Progress& progress) {
  progress.opened = false;
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) run_rest(tests, progress);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) std::abort();
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "ended the process with code " + std::to_string(WEXITSTATUS(status));
  return progress.opened ? "" : kNoDevice;
}

// The test that a process ended in, or behind which: a driver's exit handlers may be what died. One that ended before
// its first test is that one's failure, so that there is an end to it.
void lose(const Tests& tests, Progress& progress, const std::string& how) {
  const size_t test = progress.opened && progress.begun > 0 ? progress.begun - 1 : progress.done;
  progress.outcomes()[test] = Outcome::failed;
  progress.done = std::max(progress.done, test + 1);
  tests.lost(test, how);
}

Counts count(const Tests& tests, Progress& progress) {
  Counts counts{progress.capability};
  for (size_t test = 0; test < tests.count; ++test) {
    const Outcome outcome = progress.outcomes()[test];
    ++(outcome == Outcome::passed ? counts.passed : outcome == Outcome::failed ? counts.failed : counts.skipped);
  }
  return counts;
}

}  // namespace

Counts run_in_processes(const Tests& tests) {
  const size_t bytes = sizeof(Progress) + tests.count * sizeof(Outcome);
  void* const pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) std::abort();
  auto& progress = *new (pages) Progress;
  do {
    const std::string end = run_child(tests, progress);
    // The first process says whether there is a device at all.
    if (end == kNoDevice && progress.capability == 0) break;
    if (!end.empty() && tests.count > 0) lose(tests, progress, end);
  } while (progress.done < tests.count);
  const Counts counts = count(tests, progress);
  munmap(pages, bytes);
  return counts;
}

}  // namespace vgpu::ptx_test
