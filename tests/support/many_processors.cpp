// SPDX-License-Identifier: Apache-2.0
// To be preloaded: a machine that has processors to spare, and threads that may use them, as far as a program can see
// (common/spin.h), so that those ways of waiting are tried on any.
#include <sched.h>

#include <cstddef>

namespace {

constexpr int kProcessors = 16;

}  // namespace

extern "C" {

[[gnu::visibility("default")]] int get_nprocs() { return kProcessors; }

[[gnu::visibility("default")]] int sched_getaffinity(pid_t /*thread*/, size_t size, cpu_set_t* set) noexcept {
  CPU_ZERO_S(size, set);
  for (int i = 0; i < kProcessors; ++i) CPU_SET_S(i, size, set);
  return 0;
}
}
