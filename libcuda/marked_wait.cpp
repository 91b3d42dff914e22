// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Stream Memory Operations; Stream Management.
#include "libcuda/marked_wait.h"

#include "common/bits.h"
#include "common/spin.h"

namespace vgpu::guest {

// The legacy stream's are refused where there are others, those of others not.
static MarkerTrials& trials_of(const Admitted& admitted, uint64_t stream) {
  return is_legacy(admitted, stream) ? admitted.process->legacy_marker_trials : admitted.process->marker_trials;
}

bool is_clean(const Admitted& admitted) {
  const Context* current = admitted.thread->current();
  return current != nullptr && current->alive() && current->sticky() == CUDA_SUCCESS;
}

bool is_legacy(const Admitted& admitted, uint64_t stream) {
  return stream == bits_of(CU_STREAM_LEGACY) || (stream == 0 && !admitted.thread->per_thread_stream);
}

// Where there is a mirror of managed memory, an answer must cross: it brings what the device has changed.
bool may_mark_any(const Admitted& admitted) {
  Process& process = *admitted.process;
  return process.serves_private(wire::kMarkedRecord) && process.serves(api::opcode::cuStreamWriteValue32_v2) &&
         process.captures.load(std::memory_order_relaxed) == 0 && !process.session().is_kept_coherent() &&
         is_clean(admitted);
}

bool may_mark(const Admitted& admitted, uint64_t stream) {
  Process& process = *admitted.process;
  if (!may_mark_any(admitted)) return false;
  if (stream > bits_of(CU_STREAM_PER_THREAD)) return process.handles().is_live(stream);
  return !is_legacy(admitted, stream) || process.marks_legacy_stream.load(std::memory_order_relaxed);
}

Markers::Id take_marker(const Admitted& admitted) {
  return admitted.process->markers().take(admitted.thread->current()->handle());
}

// Where processors are few, the worker or the device's own threads (the software GPU's) need the one that would look.
bool wants_marked_wait(const Admitted& admitted, uint64_t stream) {
  return has_processors_to_spare() && trials_of(admitted, stream).wants_one();
}

Markers::State wait_for_marker(const Admitted& admitted, Markers::Id id, uint64_t stream,
                               std::chrono::microseconds expected) {
  const Markers& markers = admitted.process->markers();
  Spinner spinner = Spinner::for_device(expected + patience(admitted));
  Markers::State state = Markers::State::waiting;
  for (unsigned looks = 0; (state = markers.look(id)) == Markers::State::waiting && spinner.spin(); ++looks)
    admitted.process->session().use_wait(looks);
  if (state == Markers::State::refused) trials_of(admitted, stream).refused();
  if (state == Markers::State::written) trials_of(admitted, stream).written();
  return state;
}

}  // namespace vgpu::guest
