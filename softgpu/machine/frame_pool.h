// SPDX-License-Identifier: Apache-2.0
// FramePool: the frames of the functions that a warp's lanes are in, which are used again. Belongs to its warp's
// schedule.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "softgpu/machine/function.h"
#include "softgpu/machine/warp.h"

namespace vgpu::soft {

// One activation of a function, shared by the lanes that called it together.
struct Frame {
  const Function* function = nullptr;
  Frame* caller = nullptr;
  const Instruction* return_pc = nullptr;
  const CallSite* site = nullptr;
  LaneMask lanes = 0;       // neither returned nor exited
  uint32_t local_base = 0;  // of the function's local variables in each lane's local memory
  uint32_t local_top = 0;   // end of its local memory; alloca moves it
  std::byte* rows = nullptr;
  RowMemory memory;
  uint32_t capacity = 0;  // bytes of memory
  uint32_t depth = 0;     // calls below the kernel
};

class FramePool {
 public:
  // A free one with at least so many bytes. Its rows hold what the last function has left there.
  Frame* take(uint32_t bytes);
  void give_back(Frame* frame) {
    used_ -= frame->capacity;
    free_.push_back(frame);
  }
  // Whether one more of so many bytes may be taken by a call.
  bool has_room(uint32_t bytes) const { return used_ + bytes <= kMostBytes; }
  // `lanes` have ended in whatever functions they were. The kernel's own frame stays taken.
  void exit(LaneMask lanes);
  // All are free.
  void reset();

 private:
  // Of a warp's calls. On a GPU, a thread saves its registers on the call stack, which ends long before.
  static constexpr uint64_t kMostBytes = 256 << 20;

  std::vector<std::unique_ptr<Frame>> all_;
  std::vector<Frame*> free_;
  uint64_t used_ = 0;  // bytes of those that are taken
};

}  // namespace vgpu::soft
