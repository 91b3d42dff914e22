// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Stream Memory Operations, Memory Management (cuMemHostRegister).
#include "host/worker/word_page.h"

#include "common/log.h"

namespace vgpu::host {

CUdeviceptr WordPage::address_in(const Driver& driver, uint64_t context) {
  const std::lock_guard lock(mutex_);
  if (owner_ != 0) return owner_ == context ? address_ : 0;
  // One that refuses is not asked again.
  owner_ = context;
  address_ = 0;
  const CUresult status =
      VGPU_DRIVER(driver, cuMemHostRegister_v2)(page_, kBytes, static_cast<unsigned>(CU_MEMHOSTREGISTER_DEVICEMAP));
  if (status != CUDA_SUCCESS && status != CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED) {
    VGPU_DEBUG("no words for the device to write: error %d", static_cast<int>(status));
    return 0;
  }
  if (VGPU_DRIVER(driver, cuMemHostGetDevicePointer_v2)(&address_, page_, 0u) != CUDA_SUCCESS) address_ = 0;
  return address_;
}

HardwareQueues::Word& WordPage::word_at(size_t offset) const {
  // SAFETY: the page is made of such words.
  return *reinterpret_cast<HardwareQueues::Word*>(static_cast<std::byte*>(page_) + offset);
}

bool WordPage::store_later(const Driver& driver, uint64_t context, CUstream stream, size_t offset, uint32_t value) {
  const CUdeviceptr address = context == 0 ? 0 : address_in(driver, context);
  if (address == 0 || !queues_.has_room_for(stream) ||
      VGPU_DRIVER(driver, cuStreamWriteValue32_v2)(stream, address + offset, value, 0u) != CUDA_SUCCESS)
    return false;
  queues_.add(stream, word_at(offset), value);
  return true;
}

void WordPage::forget_context(uint64_t context) {
  const std::lock_guard lock(mutex_);
  if (owner_ != context) return;
  owner_ = 0;
  queues_.forget();
}

}  // namespace vgpu::host
