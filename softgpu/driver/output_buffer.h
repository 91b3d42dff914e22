// SPDX-License-Identifier: Apache-2.0
// What a context's kernels print, and their heap. Text is kept until a synchronising call and then goes to the
// program's own stdout, so that it keeps its place among what the program prints (CUDA programming guide, "Formatted
// output"). The heap serves malloc and free inside kernels from one piece of device memory taken on first use.
// Any thread.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/range_allocator.h"
#include "softgpu/machine/machine.h"

namespace vgpu::soft {

class Context;

class OutputBuffer final : public OutputSink {
 public:
  void write(std::string_view text) override;
  // Writes what is there to stdout and flushes it.
  void flush();
  // Text beyond this many bytes is written at once: nothing is lost, only its place among the program's own output.
  void set_capacity(size_t bytes) { capacity_.store(bytes, std::memory_order_relaxed); }

 private:
  std::atomic<size_t> capacity_{1 << 20};
  std::atomic<bool> any_{false};
  std::mutex mutex_;  // guards the text
  std::string text_;
};

class KernelHeap final : public DeviceHeap {
 public:
  explicit KernelHeap(Context& context) : context_(context) {}
  uint64_t allocate(size_t size) override;
  bool release(uint64_t address) override;
  // Forgets the memory, which the context frees.
  void reset();
  // Whether the heap has taken its memory: its size is fixed from then on.
  bool in_use();

 private:
  Context& context_;
  std::mutex mutex_;  // guards the pieces
  std::optional<RangeAllocator> pieces_;
};

}  // namespace vgpu::soft
