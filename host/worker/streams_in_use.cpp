// SPDX-License-Identifier: Apache-2.0
#include "host/worker/streams_in_use.h"

#include "common/handle.h"
#include "host/worker/session.h"

namespace vgpu::host {
namespace {

constexpr uint64_t kPerThread = 2;  // CU_STREAM_PER_THREAD

}  // namespace

// Handles are numbered in the order they are made in: streams that were made together have bits of their own.
void StreamsInUse::note(uint64_t wire_stream, bool per_thread_stream, uint32_t thread) {
  const bool is_threads_own = wire_stream == kPerThread || (wire_stream == 0 && per_thread_stream);
  const uint64_t number = wire_stream > kPerThread ? handle::index_of(wire_stream) : is_threads_own ? thread : 0;
  const uint64_t bit = uint64_t{1} << number % 64, now = now_.load(std::memory_order_relaxed);
  if ((now & bit) == 0) now_.store(now | bit, std::memory_order_relaxed);
}

void StreamsInUse::count_wait() {
  if (waits_.fetch_add(1, std::memory_order_relaxed) % kLately != kLately - 1) return;
  before_.store(now_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  now_.store(0, std::memory_order_relaxed);
}

void StreamsInUse::note_launch(const CommandCopy& command) {
  namespace op = api::opcode;
  codec::Reader request(command.payload);
  uint64_t stream = 0;
  if (command.opcode == op::cuLaunchKernel || command.opcode == op::cuLaunchKernelEx) {
    stream = request.get<wire::Launch>().stream;
  } else if (command.opcode == op::cuGraphLaunch) {
    request.get<uint64_t>();
    stream = request.get<uint64_t>();
  } else {
    return;
  }
  if (!request.failed()) note(stream, (command.flags & ring::kPerThreadStream) != 0, command.thread);
}

}  // namespace vgpu::host
