// SPDX-License-Identifier: Apache-2.0
// WordPage: a page of words that the device writes when a stream has come to a point (stream memory operations). It is
// registered with the driver in the context that first asks, and other contexts get nothing from it while that one
// lives: what is registered dies with its context, and a write that came later would be a fault of the other's. A write
// that is never made, because its stream broke, is just never seen. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>

#include "host/worker/driver.h"
#include "host/worker/hardware_queues.h"

namespace vgpu::host {

class WordPage {
 public:
  static constexpr size_t kBytes = 4096;

  // `page`: kBytes on a page of their own, which outlive this, as `queues` does.
  WordPage(void* page, HardwareQueues& queues) : page_(page), queues_(queues) {}

  // Asks the device to store `value` at `offset` when `stream` of `context` gets there. The context is current, the
  // guest's handle of it. False when the device cannot be asked, or others would have to wait.
  bool store_later(const Driver& driver, uint64_t context, CUstream stream, size_t offset, uint32_t value);
  // The context has died.
  void forget_context(uint64_t context);

 private:
  // The device's address of the page, 0 when there is none for this context.
  CUdeviceptr address_in(const Driver& driver, uint64_t context);

  HardwareQueues::Word& word_at(size_t offset) const;

  void* const page_;
  HardwareQueues& queues_;
  std::mutex mutex_;  // guards all below
  uint64_t owner_ = 0;
  CUdeviceptr address_ = 0;
};

}  // namespace vgpu::host
