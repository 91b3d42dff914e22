// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/frame_pool.h"

#include <algorithm>

namespace vgpu::soft {

Frame* FramePool::take(uint32_t bytes) {
  for (size_t i = free_.size(); i-- > 0;) {
    Frame* const frame = free_[i];
    if (frame->capacity < bytes) continue;
    free_[i] = free_.back();
    free_.pop_back();
    used_ += frame->capacity;
    return frame;
  }
  Frame* const made = all_.emplace_back(std::make_unique<Frame>()).get();
  made->capacity = std::max<uint32_t>(bytes, 1024);
  used_ += made->capacity;
  made->memory = RowMemory(made->capacity);
  made->rows = made->memory.data();
  // Registers that a program reads before it writes them must not show other tenants' bytes.
  std::fill_n(made->rows, made->capacity, std::byte{0});
  return made;
}

void FramePool::exit(LaneMask lanes) {
  for (auto& frame : all_) {
    if (frame->lanes == 0) continue;
    frame->lanes &= ~lanes;
    if (frame->lanes == 0 && frame->depth > 0) give_back(frame.get());
  }
}

void FramePool::reset() {
  free_.clear();
  used_ = 0;
  for (auto& frame : all_) {
    frame->lanes = 0;
    free_.push_back(frame.get());
  }
}

}  // namespace vgpu::soft
