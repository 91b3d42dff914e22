// SPDX-License-Identifier: Apache-2.0
// When a worker dies of a fault, its last words: the signal, the address and the stack, on standard error, which is the
// daemon's log. The process then dies as it would have.
#pragma once

namespace vgpu::host {

// Call once, before other threads start and before the sandbox is sealed.
void report_crashes();

}  // namespace vgpu::host
