// SPDX-License-Identifier: Apache-2.0
#include "host/worker/hardware_queues.h"

#include <algorithm>
#include <cstdlib>
#include <span>

#include "common/handle.h"
#include "host/worker/session.h"

namespace vgpu::host {

int HardwareQueues::queues_of_process() {
  constexpr int kStandard = 8, kMost = 32;
  const char* const text = std::getenv("CUDA_DEVICE_MAX_CONNECTIONS");
  const int wanted = text == nullptr ? kStandard : std::atoi(text);
  return wanted < 1 || wanted > kMost ? kStandard : wanted;
}

// Handles are numbered in the order they are made in: streams that were made together have bits of their own.
void HardwareQueues::note_use(uint64_t wire_stream, bool per_thread_stream, uint32_t thread) {
  constexpr uint64_t kPerThread = 2;  // CU_STREAM_PER_THREAD
  const bool is_threads_own = wire_stream == kPerThread || (wire_stream == 0 && per_thread_stream);
  const uint64_t number = wire_stream > kPerThread ? handle::index_of(wire_stream) : is_threads_own ? thread : 0;
  const uint64_t bit = uint64_t{1} << number % 64, used = used_.load(std::memory_order_relaxed);
  if ((used & bit) == 0) used_.store(used | bit, std::memory_order_relaxed);
}

void HardwareQueues::note_launch(const CommandCopy& command) {
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
  if (!request.failed()) note_use(stream, (command.flags & ring::kPerThreadStream) != 0, command.thread);
}

void HardwareQueues::count_wait() {
  if (waits_.fetch_add(1, std::memory_order_relaxed) % kFewWaits != kFewWaits - 1) return;
  used_before_.store(used_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  used_.store(0, std::memory_order_relaxed);
}

bool HardwareQueues::has_room_for(CUstream stream) {
  if (is_crowded()) return false;
  const std::lock_guard lock(mutex_);
  const auto may_use = [&](const Held& held) { return held.is_over() || held.stream == stream; };
  return std::any_of(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(most_held_), may_use);
}

void HardwareQueues::add(CUstream stream, const Word& word, uint32_t value) {
  const std::lock_guard lock(mutex_);
  Held* free = nullptr;
  for (Held& held : std::span(held_).first(most_held_)) {
    // A word has another owner when what it was given before has been written.
    if (held.word == &word || held.stream == stream) held = {};
    if (held.is_over()) free = &held;
  }
  if (free != nullptr) *free = {stream, &word, value};
}

void HardwareQueues::forget() {
  const std::lock_guard lock(mutex_);
  held_ = {};
}

}  // namespace vgpu::host
