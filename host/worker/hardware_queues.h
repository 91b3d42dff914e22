// SPDX-License-Identifier: Apache-2.0
// HardwareQueues: where the device may be asked to write a word (word_page.h) without holding back other streams. A
// process has eight hardware queues (CUDA C++ Programming Guide, CUDA Environment Variables:
// CUDA_DEVICE_MAX_CONNECTIONS). Until its word is written, a stream has one to itself: whatever busy stream shares it
// waits, and idle streams find another one as long as there is one. So only a few streams may have words at a time, and
// none when more streams are in use than there are queues. Both are estimates. Thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "host/worker/driver.h"

namespace vgpu::host {

struct CommandCopy;

class HardwareQueues {
 public:
  using Word = std::atomic<uint32_t>;

  explicit HardwareQueues(int queues = queues_of_process())
      : queues_(queues), most_held_(std::min<size_t>(kMostHeld, static_cast<size_t>(queues) / 2)) {}

  // What CUDA_DEVICE_MAX_CONNECTIONS says, or eight.
  static int queues_of_process();

  // A command of `thread` works in the stream, by the guest's handle.
  void note_use(uint64_t wire_stream, bool per_thread_stream, uint32_t thread);
  // The same for a launch, of a kernel or a graph; nothing for other commands.
  void note_launch(const CommandCopy& command);
  // A wait begins: what is in use is what has been for the last few.
  void count_wait();

  // Whether the stream, the driver's, may have a word now.
  bool has_room_for(CUstream stream);
  // It is asked for one, which will become `value`. Of a stream, the last one counts.
  void add(CUstream stream, const Word& word, uint32_t value);
  // A context has died: what it had not written it never will.
  void forget();

 private:
  static constexpr unsigned kFewWaits = 64;
  static constexpr size_t kMostHeld = 4;
  // Of a stream that has a queue to itself.
  struct Held {
    CUstream stream = nullptr;
    const Word* word = nullptr;  // null: none
    uint32_t value = 0;

    bool is_over() const { return word == nullptr || word->load(std::memory_order_relaxed) == value; }
  };

  bool is_crowded() const {
    return std::popcount(used_.load(std::memory_order_relaxed) | used_before_.load(std::memory_order_relaxed)) >
           queues_;
  }

  const int queues_;
  const size_t most_held_;
  // One bit for each stream. When two threads change them at once, one may be forgotten until its stream's next use.
  std::atomic<uint64_t> used_{0}, used_before_{0};
  std::atomic<unsigned> waits_{0};
  std::mutex mutex_;  // guards the following
  std::array<Held, kMostHeld> held_ = {};
};

}  // namespace vgpu::host
