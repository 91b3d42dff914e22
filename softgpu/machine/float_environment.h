// SPDX-License-Identifier: Apache-2.0
// FloatEnvironment: the reset floating-point mode of the host (to nearest, subnormals kept, no traps) while a thread
// runs blocks. The launching thread may be an application's own, with a mode of its own, which it gets back. Handlers
// of other modes return to the reset mode, see ops/float_format.h. Belongs to the thread that makes it.
#pragma once

#include <xmmintrin.h>

#include <cstdint>

namespace vgpu::soft {

class FloatEnvironment {
 public:
  FloatEnvironment() : saved_(_mm_getcsr()) { _mm_setcsr(kReset); }
  ~FloatEnvironment() { _mm_setcsr(saved_); }
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;

 private:
  static constexpr uint32_t kReset = 0x1f80;
  uint32_t saved_;
};

}  // namespace vgpu::soft
