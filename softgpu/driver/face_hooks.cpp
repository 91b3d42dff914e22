// SPDX-License-Identifier: Apache-2.0
// What common/face asks of a driver (driver_face.h).
#include "common/face/driver_face.h"

#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/thread_state.h"

namespace vgpu::face {

bool initialised() noexcept { return soft::Process::get() != nullptr; }

CUcontext primary_context_handle(CUdevice device) noexcept {
  soft::Process* const process = soft::Process::get();
  soft::Device* const found = process == nullptr ? nullptr : process->find_device(device);
  return found == nullptr ? nullptr : soft::handle_of(found->primary());
}

CUcontext current_context() noexcept {
  const auto& stack = soft::thread_state().contexts;
  return stack.empty() ? nullptr : soft::handle_of(*stack.back());
}

bool is_context(CUcontext context) noexcept { return static_cast<bool>(soft::find<soft::Context>(context)); }

// There are no green contexts here.
CUcontext wrapped_context(CUcontext) noexcept { return nullptr; }

// Nor clusters of multiprocessors.
bool has_tpc_places() noexcept { return false; }
CUresult tpc_places(TpcPlaces&) noexcept { return CUDA_ERROR_NOT_SUPPORTED; }

}  // namespace vgpu::face
