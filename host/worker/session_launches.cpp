// SPDX-License-Identifier: Apache-2.0
#include "host/worker/session_launches.h"

#include <algorithm>

#include "common/bits.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {

bool SessionLaunches::enter(const CommandCopy& launch, CUstream& stream) {
  if (make_current(session_, launch.context) != CUDA_SUCCESS) return false;
  std::vector<std::byte> no_reply;
  return Invocation(session_, launch, no_reply).real(Kind::stream, launch_of(launch).stream, stream);
}

void SessionLaunches::begins(std::span<const CommandCopy> launches, CUstream stream) {
  const bool silent = std::all_of(launches.begin(), launches.end(), [this](const CommandCopy& launch) {
    return session_.handles.is_silent(launch_of(launch).function);
  });
  if (!silent) session_.debts.may_print(launches[0].context, bits_of(stream));
}

void SessionLaunches::made(std::span<const CommandCopy> launches) {
  ThreadCounters& counters = session_.counters.own();
  counters.launches.add(launches.size());
  counters.posted.add(launches.size());
}

}  // namespace vgpu::host
