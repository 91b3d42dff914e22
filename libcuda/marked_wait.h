// SPDX-License-Identifier: Apache-2.0
// Waiting for a stream by looking at a word that the device writes when it gets there (markers.h): no answer has to
// come, and the driver's own wait takes a microsecond more. Any thread.
#pragma once

#include <chrono>

#include "libcuda/invoke.h"
#include "libcuda/markers.h"

namespace vgpu::guest {

// No error of this context waits to be told.
bool is_clean(const Admitted& admitted);
// Whether 0 or CU_STREAM_LEGACY, and not a thread's own.
bool is_legacy(const Admitted& admitted, uint64_t stream);

// Whether the worker can be asked for markers now, whatever the stream.
bool may_mark_any(const Admitted& admitted);
bool may_mark(const Admitted& admitted, uint64_t stream);
Markers::Id take_marker(const Admitted& admitted);

// Whether looking at a word is worth a try; asked once for each wait.
bool wants_marked_wait(const Admitted& admitted, uint64_t stream);
// Looks for as long as the device itself may well take, `expected`, and the thread has patience (patience.h). Anything
// but `written`: the driver's call is needed, for whatever reason. A device that has failed never writes.
Markers::State wait_for_marker(const Admitted& admitted, Markers::Id id, uint64_t stream,
                               std::chrono::microseconds expected = {});

}  // namespace vgpu::guest
