// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/output_buffer.h"

#include <cstdio>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {

void OutputBuffer::write(std::string_view text) {
  bool full;
  {
    const std::lock_guard lock(mutex_);
    text_.append(text);
    full = text_.size() > capacity_.load(std::memory_order_relaxed);
  }
  any_.store(true, std::memory_order_release);
  if (full) flush();
}

void OutputBuffer::flush() {
  if (!any_.exchange(false, std::memory_order_acquire)) return;
  // Held while writing, so that two flushes keep the order of their texts.
  const std::lock_guard lock(mutex_);
  std::fwrite(text_.data(), 1, text_.size(), stdout);
  std::fflush(stdout);
  text_.clear();
}

uint64_t KernelHeap::allocate(size_t size) {
  constexpr uint64_t kAlignment = 16;  // what malloc in kernels promises
  if (size == 0 || size > SIZE_MAX / 2) return 0;
  const std::lock_guard lock(mutex_);
  if (!pieces_) {
    Region region;
    region.kind = RegionKind::heap;
    region.device = context_.device().ordinal();
    region.context = context_.handle_value();
    region.size = context_.limit(CU_LIMIT_MALLOC_HEAP_SIZE).value();
    const CuResult<Region> memory = Process::get()->memory().allocate(region, kAlignment);
    if (!memory) return 0;
    pieces_.emplace(memory.value().begin, memory.value().size);
  }
  return pieces_->allocate((size + kAlignment - 1) & ~(kAlignment - 1), kAlignment).value_or(0);
}

bool KernelHeap::release(uint64_t address) {
  const std::lock_guard lock(mutex_);
  return pieces_ && pieces_->release(address) != 0;
}

void KernelHeap::reset() {
  const std::lock_guard lock(mutex_);
  pieces_.reset();
}

bool KernelHeap::in_use() {
  const std::lock_guard lock(mutex_);
  return pieces_.has_value();
}

}  // namespace vgpu::soft
