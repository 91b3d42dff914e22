// SPDX-License-Identifier: Apache-2.0
// How many processors there are for a thread. Thread-safe.
#pragma once

#include <sched.h>

#include <thread>

namespace vgpu {

// Those that the calling thread may use (sched_setaffinity(2), cpusets of a container); all where the kernel does not
// say.
inline unsigned allowed_processors() {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return std::thread::hardware_concurrency();
  return static_cast<unsigned>(CPU_COUNT(&allowed));
}

}  // namespace vgpu
