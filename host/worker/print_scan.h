// SPDX-License-Identifier: Apache-2.0
// PrintScan: looks through code that was loaded for what prints (printing.h), on a thread of its own: an image of 2 MB
// takes milliseconds to unpack, which the program would wait for. Until it has been looked through, code may print;
// when it cannot, its handle and the handles of what was found in it become silent. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace vgpu::host {

class HandleTable;

class PrintScan {
 public:
  using Images = std::vector<std::span<const std::byte>>;

  explicit PrintScan(HandleTable& handles) : handles_(handles) {}
  ~PrintScan();
  PrintScan(const PrintScan&) = delete;
  PrintScan& operator=(const PrintScan&) = delete;

  // All that the module or library `wire` was loaded from; copied. No images, more than fit, or no thread to be had: it
  // may print for good.
  void add(uint64_t wire, const Images& images);
  // Waits until nothing is left to look through. For tests.
  void drain();

 private:
  struct Code {
    uint64_t wire = 0;
    std::vector<std::vector<std::byte>> images;
    size_t bytes = 0;
  };
  static constexpr size_t kMostWaiting = 64 << 20;  // bytes

  // With mutex_ held.
  bool has_thread();
  void work();

  HandleTable& handles_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Code> waiting_;  // the first is being looked through
  size_t bytes_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace vgpu::host
