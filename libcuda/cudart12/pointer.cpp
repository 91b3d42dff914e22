// SPDX-License-Identifier: Apache-2.0
// What is known of a pointer: CUDA 13's struct has room behind these fields, CUDA 12's has not.
#include "libcuda/cudart/rows.h"
#include "libcuda/cudart12/declarations.h"

namespace vgpu::runtime::twelve {

cudaError_t cudaPointerGetAttributes(PointerAttributes* attributes, const void* pointer) {
  if (attributes == nullptr) return cudaErrorInvalidValue;
  cudaPointerAttributes newer;
  VGPU_RETURN_ERROR(calls::cudaPointerGetAttributes(&newer, pointer));
  *attributes = {newer.type, newer.device, newer.devicePointer, newer.hostPointer};
  return cudaSuccess;
}

}  // namespace vgpu::runtime::twelve
