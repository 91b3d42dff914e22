// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/context.h"

#include "libcuda/cudart/thread_state.h"

#include <mutex>

namespace vgpu::runtime {
namespace {

constexpr int kMaxDevices = 256;

struct Device {
  CUcontext primary;
  bool retained;
};

constinit std::mutex g_mutex;  // Guards g_devices.
constinit Device g_devices[kMaxDevices] = {};
constinit std::atomic<int> g_device_count{0};  // It never changes in a process.
// Grows by each reset of a device: what threads remember of contexts is then looked at again.
constinit std::atomic<uint32_t> g_generation{1};

cudaError_t retain_locked(int ordinal) {
  Device& device = g_devices[ordinal];
  if (device.retained) return cudaSuccess;
  CUdevice handle = 0;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceGet)(&handle, ordinal));
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDevicePrimaryCtxRetain)(&device.primary, handle));
  device.retained = true;
  return cudaSuccess;
}

// A primary context that somebody else made current: another copy of the runtime, or the program. This library holds it
// too, so that it outlives the other's reference. One that is inactive (reset, or made current before it was retained)
// has no API version yet; a context of the program's own has one, and is left alone.
cudaError_t adopt(CUcontext current) {
  CUdevice device = 0;
  if (VGPU_DRIVER(cuCtxGetDevice)(&device) != cudaSuccess || device < 0 || device >= kMaxDevices) return cudaSuccess;
  const std::lock_guard lock(g_mutex);
  unsigned flags = 0;
  int active = 0;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDevicePrimaryCtxGetState)(device, &flags, &active));
  unsigned version = 0;
  if (active == 0 && VGPU_DRIVER(cuCtxGetApiVersion)(current, &version) == cudaSuccess) return cudaSuccess;
  if (active == 0) g_devices[device].retained = false;
  if (g_devices[device].retained) return cudaSuccess;
  VGPU_RETURN_ERROR(retain_locked(device));
  if (g_devices[device].primary == current) return active != 0 ? cudaSuccess : VGPU_DRIVER(cuCtxSetCurrent)(current);
  g_devices[device].retained = false;
  return VGPU_DRIVER(cuDevicePrimaryCtxRelease_v2)(device);
}

// What the fast paths below ask of the thread's context.
cudaError_t describe(CUcontext current) {
  ThreadState& state = thread_state();
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuCtxGetDevice)(&state.context_device));
  const std::lock_guard lock(g_mutex);
  const int device = state.context_device;
  state.primary =
      device >= 0 && device < kMaxDevices && g_devices[device].retained && g_devices[device].primary == current;
  return cudaSuccess;
}

bool is_known(CUcontext current) {
  const ThreadState& state = thread_state();
  return current != nullptr && current == state.context &&
         state.generation == g_generation.load(std::memory_order_acquire);
}

cudaError_t find_context(CUcontext current) {
  ThreadState& state = thread_state();
  const uint32_t generation = g_generation.load(std::memory_order_acquire);
  if (current == nullptr) {
    VGPU_RETURN_ERROR(primary_context(state.device, &current));
    VGPU_RETURN_ERROR(VGPU_DRIVER(cuCtxSetCurrent)(current));
  } else {
    VGPU_RETURN_ERROR(adopt(current));
  }
  state.context = current;
  state.generation = generation;
  return describe(current);
}

}  // namespace

cudaError_t primary_context(int device, CUcontext* context) noexcept {
  VGPU_RETURN_ERROR(check_device(device));
  const std::lock_guard lock(g_mutex);
  VGPU_RETURN_ERROR(retain_locked(device));
  *context = g_devices[device].primary;
  return cudaSuccess;
}

cudaError_t use_context() noexcept {
  VGPU_RETURN_ERROR(driver_ready());
  CUcontext current = nullptr;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuCtxGetCurrent)(&current));
  if (is_known(current)) [[likely]]
    return cudaSuccess;
  return find_context(current);
}

cudaError_t check_device(int device) noexcept {
  VGPU_RETURN_ERROR(driver_ready());
  int count = g_device_count.load(std::memory_order_relaxed);
  if (count == 0) {
    VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceGetCount)(&count));
    g_device_count.store(count, std::memory_order_relaxed);
  }
  if (count == 0) return cudaErrorNoDevice;
  return device >= 0 && device < count && device < kMaxDevices ? cudaSuccess : cudaErrorInvalidDevice;
}

cudaError_t select_device(int device) noexcept {
  ThreadState& state = thread_state();
  VGPU_RETURN_ERROR(driver_ready());
  CUcontext current = nullptr;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuCtxGetCurrent)(&current));
  if (is_known(current) && state.primary && state.context_device == device) {
    state.device = device;
    return cudaSuccess;
  }
  CUcontext primary = nullptr;
  VGPU_RETURN_ERROR(primary_context(device, &primary));
  state.device = device;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuCtxSetCurrent)(primary));
  return use_context();
}

cudaError_t current_device(int* device) noexcept {
  VGPU_RETURN_ERROR(driver_ready());
  CUcontext current = nullptr;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuCtxGetCurrent)(&current));
  if (is_known(current) && thread_state().primary) {
    *device = thread_state().context_device;
    return cudaSuccess;
  }
  if (current != nullptr && VGPU_DRIVER(cuCtxGetDevice)(device) == cudaSuccess) return cudaSuccess;
  *device = thread_state().device;
  return cudaSuccess;
}

cudaError_t reset_device() noexcept {
  int device = 0;
  VGPU_RETURN_ERROR(current_device(&device));
  VGPU_RETURN_ERROR(check_device(device));
  const std::lock_guard lock(g_mutex);
  g_generation.fetch_add(1, std::memory_order_acq_rel);
  g_devices[device].retained = false;
  return VGPU_DRIVER(cuDevicePrimaryCtxReset_v2)(device);
}

}  // namespace vgpu::runtime
