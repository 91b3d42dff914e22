// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/device_fields.h"

#include <cstring>

namespace vgpu::runtime {

void read_field(void* properties, const PropertyField& field, int device) noexcept {
  int value = 0;
  if (VGPU_DRIVER(cuDeviceGetAttribute)(&value, field.attribute, device) != cudaSuccess) return;
  char* at = static_cast<char*>(properties) + field.offset;
  const size_t wide = static_cast<size_t>(value);
  if (field.wide) std::memcpy(at, &wide, sizeof wide);
  else std::memcpy(at, &value, sizeof value);
}

cudaError_t count_devices(int* count) noexcept {
  VGPU_RETURN_ERROR(driver_ready());
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceGetCount)(count));
  return *count == 0 ? cudaErrorNoDevice : cudaSuccess;
}

}  // namespace vgpu::runtime
