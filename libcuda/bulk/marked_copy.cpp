// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Memory Management; API synchronization behavior.
#include "libcuda/bulk/marked_copy.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "common/bits.h"
#include "libcuda/marked_wait.h"

namespace vgpu::guest::bulk {
namespace {

using std::chrono::microseconds, std::chrono::steady_clock;

constexpr uint64_t kBytesPerMicrosecond = 10'000;  // of a slow bus
// Of more there is little to gain, and it might have to be copied twice.
constexpr uint64_t kMostBytes = 4 << 20;

bool suits(const Admitted& admitted, const wire::Copy& copy) {
  Process& process = *admitted.process;
  if (copy.bytes > kMostBytes || !process.serves_private(wire::kMarkedCopy)) return false;
  const auto is_device = [&](uint64_t address) { return process.device_ranges().contains(address, copy.bytes); };
  const auto is_host = [&](uint64_t address) {
    return process.host_memory().containing(address, copy.bytes).has_value();
  };
  return (is_device(copy.destination) && is_host(copy.source)) || (is_host(copy.destination) && is_device(copy.source));
}

// Other work comes before the copy, or the device has failed, which the worker knows. Not by waiting for the stream:
// what others have given it since is none of this copy's.
CUresult finish(const Admitted& admitted, CUstream stream, Markers::Id id) {
  constexpr microseconds kLeast(20), kMost(500);
  constexpr int kPart = 64;  // of what it has taken so far, the next sleep is
  const auto begin = steady_clock::now();
  while (admitted.process->markers().look(id) == Markers::State::waiting) {
    const CUresult status = forward(admitted, api::spec::cuStreamQuery, stream);
    if (status != CUDA_ERROR_NOT_READY) return status;
    const auto taken = std::chrono::duration_cast<microseconds>(steady_clock::now() - begin);
    std::this_thread::sleep_for(std::clamp(taken / kPart, kLeast, kMost));
  }
  return CUDA_SUCCESS;
}

}  // namespace

std::optional<CUresult> copy_marked(const Admitted& admitted, uint16_t call, const wire::Copy& copy) {
  if (!suits(admitted, copy) || !may_mark_any(admitted) || !wants_marked_wait(admitted, copy.stream))
    return std::nullopt;
  const Markers::Id id = take_marker(admitted);
  if (id == 0) return std::nullopt;
  const auto stream = from_bits<CUstream>(copy.stream);
  const wire::Marker marker = Markers::on_wire(id, copy.stream);
  Remote remote(admitted, wire::kMarkedCopy);
  remote.concerns(stream).writer().put(wire::MarkedCopy{copy, marker.word, marker.value, call});
  if (remote.post() != CUDA_SUCCESS) return std::nullopt;
  switch (wait_for_marker(admitted, id, copy.stream, microseconds(copy.bytes / kBytesPerMicrosecond))) {
    case Markers::State::written: return CUDA_SUCCESS;
    case Markers::State::waiting: return finish(admitted, stream, id);
    default: return std::nullopt;
  }
}

}  // namespace vgpu::guest::bulk
