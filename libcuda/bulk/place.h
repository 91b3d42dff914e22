// SPDX-License-Identifier: Apache-2.0
// Where an address of a copy lies: in pages that both sides map, on the device, or in ordinary memory of this process.
#pragma once

#include "libcuda/invoke.h"

namespace vgpu::guest::bulk {

enum class Place { shared, device, pageable };

// `bytes` may be zero. An address that neither the guest nor the driver knows is ordinary memory.
Place place_of(const Admitted& admitted, uint64_t address, uint64_t bytes);

// The same when the caller knows that it is a host pointer.
inline Place host_place_of(const Admitted& admitted, uint64_t address, uint64_t bytes) {
  return admitted.process->host_memory().containing(address, bytes) ? Place::shared : Place::pageable;
}

// Whether work in this stream is being recorded. A graph reads and writes ordinary memory when it runs, so nothing of
// such a copy may be staged, and both sides have to map the pages (HostMemory::stage).
CUresult find_capture(const Admitted& admitted, CUstream stream, bool& captured);

// Waiting for bytes that are staged is our doing: to CUDA, an asynchronous copy beside a capture is no unsafe call.
class BesideCapture {
 public:
  BesideCapture(const Admitted& admitted, bool async) : thread_(*admitted.thread), before_(thread_.capture_mode) {
    if (async && admitted.process->captures.load(std::memory_order_relaxed) != 0)
      thread_.capture_mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  }
  ~BesideCapture() { thread_.capture_mode = before_; }
  BesideCapture(const BesideCapture&) = delete;
  BesideCapture& operator=(const BesideCapture&) = delete;

 private:
  ThreadState& thread_;
  const CUstreamCaptureMode before_;
};

}  // namespace vgpu::guest::bulk
