// SPDX-License-Identifier: Apache-2.0
// Runs tests in a process that can be lost: a fault poisons a process's context for good, and a driver may die of a
// test. Then the tests behind it go on in a process of their own. Called by run_ptx.cpp only, on one thread, which has
// not used CUDA yet: what was initialised before a fork is of no use after it.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace vgpu::ptx_test {

enum class Outcome { passed, failed, skipped };

struct Tests {
  size_t count = 0;
  std::function<unsigned()> open;      // First in each process: the device's compute capability, 0 without one.
  std::function<Outcome(size_t)> run;  // One of them.
  std::function<bool()> spoiled;       // Whether this process can run no more of them.
  std::function<void(size_t, const std::string&)> lost;  // In the caller's process: how the test's ended.
};

struct Counts {
  unsigned capability = 0;  // 0: there is no device, and no test was run.
  size_t passed = 0, failed = 0, skipped = 0;
};

Counts run_in_processes(const Tests& tests);

}  // namespace vgpu::ptx_test
