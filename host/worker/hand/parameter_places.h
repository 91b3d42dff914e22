// SPDX-License-Identifier: Apache-2.0
// ParameterPlaces: where the parameters of a kernel lie in its packed buffer, as the driver tells, remembered for the
// kernels that were asked about last. CUDA driver API: cuFuncGetParamInfo. One thread's.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "host/worker/driver.h"

namespace vgpu::host::hand {

class ParameterPlaces {
 public:
  struct Place {
    size_t offset = 0, size = 0;
  };

  // `wire`: the guest's handle of the function, or of the kernel where there is none. Empty where the driver does not
  // tell. Valid until the next call.
  const std::vector<Place>& find(const Driver& driver, uint64_t wire, const CUDA_KERNEL_NODE_PARAMS& node);

 private:
  // A handle is not used again for another function, so what is known of it stays true.
  struct Entry {
    uint64_t wire = 0;
    std::vector<Place> places;
  };
  std::array<Entry, 64> entries_;
};

}  // namespace vgpu::host::hand
