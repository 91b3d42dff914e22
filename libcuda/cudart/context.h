// SPDX-License-Identifier: Apache-2.0
// Contexts: a thread that has none gets the primary context of its device by the first call that needs one. A context
// that the program made current through the driver API is used as it is. Threads: any.
#pragma once

#include "libcuda/cudart/driver.h"

namespace vgpu::runtime {

// The driver is initialised and the calling thread has a usable current context.
cudaError_t use_context() noexcept;
// Makes the device's primary context current and remembers the device as the thread's.
cudaError_t select_device(int device) noexcept;
// The device of the current context, or the one that was selected.
cudaError_t current_device(int* device) noexcept;
cudaError_t check_device(int device) noexcept;
// Destroys the primary context of the thread's device; the next call makes it anew.
cudaError_t reset_device() noexcept;
// The primary context of a device, retained.
cudaError_t primary_context(int device, CUcontext* context) noexcept;

// A driver call that needs a context.
template <class Call, class... Arguments>
cudaError_t in_context(Call call, Arguments... arguments) {
  VGPU_RETURN_ERROR(use_context());
  return call(arguments...);
}

}  // namespace vgpu::runtime
