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

}  // namespace vgpu::guest::bulk
