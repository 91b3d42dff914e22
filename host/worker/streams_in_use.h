// SPDX-License-Identifier: Apache-2.0
// StreamsInUse: in how many streams the program works at a time. A word that the device writes (word_page.h) holds back
// whatever comes behind it in the same hardware queue, and a device has eight of these unless
// CUDA_DEVICE_MAX_CONNECTIONS says otherwise (CUDA C++ Programming Guide, CUDA Environment Variables): with more
// streams, a wait of one would be a wait of another. An estimate, that may be off by a few. Any thread, without locks.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

namespace vgpu::host {

struct CommandCopy;

class StreamsInUse {
 public:
  // The stream that a command works in, as commands of `thread` name it.
  void note(uint64_t wire_stream, bool per_thread_stream, uint32_t thread);
  // The same of a launch, of a kernel or a graph; nothing for other commands.
  void note_launch(const CommandCopy& command);
  // A wait begins: what "lately" is counted in.
  void count_wait();
  // Whether there have lately been more than have a queue of their own.
  bool are_many() const {
    return std::popcount(now_.load(std::memory_order_relaxed) | before_.load(std::memory_order_relaxed)) > kQueues;
  }

 private:
  static constexpr int kQueues = 8;
  static constexpr unsigned kLately = 64;

  // One bit for each. Of two threads that change them at once one may be forgotten until its stream's next command.
  std::atomic<uint64_t> now_{0}, before_{0};
  std::atomic<unsigned> waits_{0};
};

}  // namespace vgpu::host
