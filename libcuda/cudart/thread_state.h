// SPDX-License-Identifier: Apache-2.0
// What the runtime remembers per thread: its device, its last error, the context that was last found usable. No
// destructor, so that it can be used while a thread or the process ends.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstdint>

namespace vgpu::runtime {

struct ThreadState {
  cudaError_t last_error;
  int device;           // The one that was selected.
  bool per_thread;      // Inside of a _ptds or _ptsz call.
  bool primary;         // `context` is a primary context that this library holds.
  int context_device;   // The device of `context`.
  uint32_t generation;  // Of g_generation (context.cpp) when `context` was found usable.
  CUcontext context;
};

inline thread_local constinit ThreadState t_state __attribute__((tls_model("initial-exec"))) = {};
inline ThreadState& thread_state() noexcept { return t_state; }

// The last error is what cudaGetLastError returns, until then.
inline cudaError_t remember(cudaError_t result) noexcept {
  if (result != cudaSuccess) [[unlikely]] {
    t_state.last_error = result;
    // Somebody else destroyed the context: the next call looks for one again.
    if (result == cudaErrorContextIsDestroyed || result == cudaErrorDeviceUninitialized) t_state.context = nullptr;
  }
  return result;
}

// One call of a given flavour; calls may nest (a host function runs inside of a launch).
class Flavour {
 public:
  explicit Flavour(bool per_thread) noexcept : before_(t_state.per_thread) { t_state.per_thread = per_thread; }
  ~Flavour() { t_state.per_thread = before_; }
  Flavour(const Flavour&) = delete;
  Flavour& operator=(const Flavour&) = delete;

 private:
  bool before_;
};

}  // namespace vgpu::runtime
