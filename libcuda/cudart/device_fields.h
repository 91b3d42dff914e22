// SPDX-License-Identifier: Apache-2.0
// What a cudaDeviceProp is made of, whichever release laid it out: each field is an attribute of the device, but for
// the names and sizes that the driver has calls for. Threads: any.
#pragma once

#include "libcuda/cudart/context.h"

#include <cstddef>
#include <span>

namespace vgpu::runtime {

struct PropertyField {
  size_t offset;
  int attribute;
  bool wide;  // A size_t; the others are int.
};

#define VGPU_PROPERTY(type, field, attribute) \
  { offsetof(type, field), attribute, sizeof(type::field) == sizeof(size_t) }
#define VGPU_PROPERTY_ELEMENT(type, field, index, attribute) \
  { offsetof(type, field) + (index) * sizeof(int), attribute, false }

// Writes an attribute's value into the field of the struct at `properties`. A driver that does not know an attribute
// has not got what it stands for: the field stays as it is.
void read_field(void* properties, const PropertyField& field, int device) noexcept;

template <class Properties>
cudaError_t read_properties(Properties* properties, int device, std::span<const PropertyField> fields) noexcept {
  if (properties == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(check_device(device));
  Properties result{};
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceGetName)(result.name, static_cast<int>(sizeof result.name), device));
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceTotalMem_v2)(&result.totalGlobalMem, device));
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceGetUuid_v2)(&result.uuid, device));
  for (const PropertyField& field : fields) read_field(&result, field, device);
  *properties = result;
  return cudaSuccess;
}

cudaError_t count_devices(int* count) noexcept;

// The device that shares most with what is asked for; the first of equals. `get` is the library's own call.
template <class Properties>
cudaError_t choose_device(int* device, const Properties* wanted, cudaError_t (*get)(Properties*, int)) noexcept {
  if (device == nullptr || wanted == nullptr) return cudaErrorInvalidValue;
  int count = 0;
  VGPU_RETURN_ERROR(count_devices(&count));
  int best_score = -1;
  for (int i = 0; i < count; ++i) {
    Properties properties;
    VGPU_RETURN_ERROR(get(&properties, i));
    const int capability = properties.major * 10 + properties.minor;
    int score = 0;
    if (wanted->major != 0 && capability >= wanted->major * 10 + wanted->minor) score += 4;
    if (wanted->totalGlobalMem != 0 && properties.totalGlobalMem >= wanted->totalGlobalMem) score += 2;
    if (wanted->multiProcessorCount != 0 && properties.multiProcessorCount >= wanted->multiProcessorCount) score += 1;
    if (score > best_score) {
      best_score = score;
      *device = i;
    }
  }
  return cudaSuccess;
}

}  // namespace vgpu::runtime
