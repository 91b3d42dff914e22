// SPDX-License-Identifier: Apache-2.0
#include "libcuda/bulk/place.h"

#include "libcuda/by_hand.h"

namespace vgpu::guest::bulk {

Place place_of(const Admitted& admitted, uint64_t address, uint64_t bytes) {
  if (admitted.process->host_memory().containing(address, bytes)) return Place::shared;
  if (bytes != 0 && admitted.process->device_ranges().contains(address, bytes)) return Place::device;
  unsigned type = 0;
  void* data = &type;
  const CUresult status =
      forward(admitted, api::spec::cuPointerGetAttribute, data, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CUdeviceptr{address});
  return status == CUDA_SUCCESS ? Place::device : Place::pageable;
}

CUresult find_capture(const Admitted& admitted, CUstream stream, bool& captured) {
  captured = false;
  if (admitted.process->captures.load(std::memory_order_relaxed) == 0) return CUDA_SUCCESS;
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  VGPU_CHECK(forward(admitted, api::spec::cuStreamIsCapturing, stream, &status));
  captured = status != CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}

}  // namespace vgpu::guest::bulk
