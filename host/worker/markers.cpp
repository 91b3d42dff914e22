// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Stream Memory Operations.
#include "host/worker/markers.h"

#include "common/bits.h"

namespace vgpu::host {

// A context that dies takes its registrations along; then the page is registered again.
bool Markers::pin(const Driver& driver, uint64_t context_epoch) {
  if (epoch_ == context_epoch) return pinned_;
  epoch_ = context_epoch;
  const CUresult status = VGPU_DRIVER(driver, cuMemHostRegister_v2)(
      static_cast<void*>(words_.data()), sizeof words_,
      static_cast<unsigned>(CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP));
  pinned_ = (status == CUDA_SUCCESS || status == CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED) &&
            VGPU_DRIVER(driver, cuMemHostGetDevicePointer_v2)(&address_, static_cast<void*>(words_.data()), 0u) ==
                CUDA_SUCCESS;
  return pinned_;
}

Markers::Marker Markers::place(const Driver& driver, CUstream stream, uint64_t context_epoch) {
  if (!pin(driver, context_epoch)) return {};
  ++next_;
  if (next_ == 0) ++next_;
  const Marker marker = {next_ % static_cast<uint32_t>(words_.size()), next_};
  const CUdeviceptr address = address_ + marker.word * sizeof(Word);
  if (VGPU_DRIVER(driver, cuStreamWriteValue32_v2)(stream, address, marker.value, 0u) != CUDA_SUCCESS) return {};
  return marker;
}

bool Markers::is_written(const Marker& marker) const {
  return words_[marker.word].value.load(std::memory_order_acquire) == marker.value;
}

}  // namespace vgpu::host
