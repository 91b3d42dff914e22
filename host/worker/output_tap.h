// SPDX-License-Identifier: Apache-2.0
// OutputTap: the text that kernels print. The driver writes it to the worker's standard output, which is a memory
// file; the guest takes it after each call that synchronises and prints it itself. Thread-safe.
#pragma once

#include <sys/types.h>
#include <cstddef>
#include <mutex>
#include <span>

namespace vgpu::host {

class OutputTap {
 public:
  explicit OutputTap(int fd);

  // Whether text waits. One cheap system call.
  bool pending();
  // Moves up to out.size() bytes of text into `out`; returns how many.
  size_t take(std::span<std::byte> out);

 private:
  const int fd_;
  std::mutex mutex_;  // guards taken_
  off_t taken_ = 0;
};

}  // namespace vgpu::host
