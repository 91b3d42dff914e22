// SPDX-License-Identifier: Apache-2.0
// Devices: which there are, which one is the thread's, and what is known of each without a context.
#include "libcuda/cudart/array_format.h"
#include "libcuda/cudart/device_fields.h"
#include "libcuda/cudart/rows.h"
#include "libcuda/cudart/thread_state.h"

#include <climits>

namespace vgpu::runtime::calls {

cudaError_t cudaGetDeviceCount(int* count) {
  if (count == nullptr) return cudaErrorInvalidValue;
  return count_devices(count);
}

cudaError_t cudaGetDevice(int* device) {
  if (device == nullptr) return cudaErrorInvalidValue;
  return current_device(device);
}

cudaError_t cudaSetDevice(int device) { return select_device(device); }

cudaError_t cudaInitDevice(int device, unsigned device_flags, unsigned flags) {
  VGPU_RETURN_ERROR(check_device(device));
  if ((flags & cudaInitDeviceFlagsAreValid) != 0)
    VGPU_RETURN_ERROR(VGPU_DRIVER(cuDevicePrimaryCtxSetFlags_v2)(device, device_flags));
  CUcontext context = nullptr;
  return primary_context(device, &context);
}

cudaError_t cudaDeviceReset() { return reset_device(); }

cudaError_t cudaSetDeviceFlags(unsigned flags) {
  int device = 0;
  VGPU_RETURN_ERROR(current_device(&device));
  return VGPU_DRIVER(cuDevicePrimaryCtxSetFlags_v2)(device, flags);
}

cudaError_t cudaGetDeviceFlags(unsigned* flags) {
  if (flags == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  return VGPU_DRIVER(cuCtxGetFlags)(flags);
}

// Only the list that changes nothing is carried: all devices, in their order.
cudaError_t cudaSetValidDevices(int* devices, int count) {
  int all = 0;
  VGPU_RETURN_ERROR(calls::cudaGetDeviceCount(&all));
  if (count == 0) return cudaSuccess;
  if (devices == nullptr || count < 0) return cudaErrorInvalidValue;
  if (count > all) return cudaErrorInvalidValue;
  for (int i = 0; i < count; ++i) VGPU_RETURN_ERROR(check_device(devices[i]));
  if (count != all) return cudaErrorNotSupported;
  for (int i = 0; i < count; ++i)
    if (devices[i] != i) return cudaErrorNotSupported;
  return cudaSuccess;
}

// The attributes' numbers are the driver's.
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (value == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(check_device(device));
  return VGPU_DRIVER(cuDeviceGetAttribute)(value, attribute, device);
}

cudaError_t cudaDeviceGetTexture1DLinearMaxWidth(size_t* width, const cudaChannelFormatDesc* format, int device) {
  if (format == nullptr) return cudaErrorInvalidValue;
  CUarray_format element{};
  unsigned channels = 0;
  if (!find_format(*format, &element, &channels)) return cudaErrorInvalidChannelDescriptor;
  if (width == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(check_device(device));
  return VGPU_DRIVER(cuDeviceGetTexture1DLinearMaxWidth)(width, element, channels, device);
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
  CUcontext context = nullptr;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(primary_context(peer, &context));
  return VGPU_DRIVER(cuCtxEnablePeerAccess)(context, flags);
}

cudaError_t cudaDeviceDisablePeerAccess(int peer) {
  CUcontext context = nullptr;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(primary_context(peer, &context));
  return VGPU_DRIVER(cuCtxDisablePeerAccess)(context);
}

// No driver is version 0 and no error.
cudaError_t cudaDriverGetVersion(int* version) {
  if (version == nullptr) return cudaErrorInvalidValue;
  *version = driver_version();
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  if (version == nullptr) return cudaErrorInvalidValue;
  *version = kRuntimeVersion;
  return cudaSuccess;
}

cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned version,
                                             unsigned long long flags, cudaDriverEntryPointQueryResult* status) {
  if (symbol == nullptr || function == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(driver_ready());
  // The caller's own flavour is what it gets by default.
  if (flags == cudaEnableDefault && per_thread_flavour()) flags = cudaEnablePerThreadDefaultStream;
  if (flags > cudaEnablePerThreadDefaultStream) return cudaErrorInvalidValue;
  CUdriverProcAddressQueryResult found = CU_GET_PROC_ADDRESS_SUCCESS;
  const cudaError_t result =
      VGPU_DRIVER(cuGetProcAddress_v2)(symbol, function, static_cast<int>(version), flags, &found);
  if (status != nullptr) *status = static_cast<cudaDriverEntryPointQueryResult>(found);
  return result;
}

cudaError_t cudaGetDriverEntryPoint(const char* symbol, void** function, unsigned long long flags,
                                    cudaDriverEntryPointQueryResult* status) {
  return calls::cudaGetDriverEntryPointByVersion(symbol, function, static_cast<unsigned>(kRuntimeVersion), flags,
                                                 status);
}

}  // namespace vgpu::runtime::calls
