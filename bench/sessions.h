// SPDX-License-Identifier: Apache-2.0
// Sessions: processes that use the GPU side by side. Each is this binary, started anew and held at a pipe until all of
// them have a context, so that none is measured while another starts.
#pragma once

#include "bench/gpu.h"

namespace vgpu::bench {

// Seconds per launch of `sessions` processes that launch at the same time, until the last one's work is done.
Measured<double> launch_from_sessions(const Gpu& gpu, int sessions);

// What such a process does: says "ready", waits for a line, launches so often, says "done". Its exit status.
int run_session(int launches);

}  // namespace vgpu::bench
