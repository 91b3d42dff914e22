// SPDX-License-Identifier: Apache-2.0
// What cuMemMapArrayAsync may ask for. NVIDIA's driver takes much of a mapping without a look, and dies of what is
// wrong with it; so the worker keeps the shapes of arrays that come without memory, and lets pass what lies within
// them. The rules are the documentation's. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

#include "host/worker/driver.h"

namespace vgpu::host::hand {

// The shape of a sparse array, or of one whose memory is mapped later as a whole.
struct MappableArray {
  CUDA_ARRAY3D_DESCRIPTOR shape = {};
  unsigned levels = 1;
};

// By the driver's handles of arrays and mipmapped arrays.
class MappableArrays {
 public:
  // Every array that was made: its handle may have been that of one that went with its context.
  void created(uint64_t array, const MappableArray& made);
  std::optional<MappableArray> take(uint64_t array);
  // Nothing for an array with memory of its own.
  std::optional<MappableArray> find(uint64_t array) const;

 private:
  mutable std::mutex mutex_;  // guards arrays_
  std::map<uint64_t, MappableArray> arrays_;
};

// A mapping in the driver's handles, of this array, onto memory of so many bytes (0: nobody knows).
CUresult check_mapping(const Driver& driver, const CUarrayMapInfo& mapping, const MappableArray& array,
                       uint64_t memory_bytes);

}  // namespace vgpu::host::hand
