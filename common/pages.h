// SPDX-License-Identifier: Apache-2.0
// Addresses and sizes as whole pages of the ring's size.
#pragma once

#include <cstdint>

#include "vgpu/ring.h"

namespace vgpu {

constexpr uint64_t page_down(uint64_t value) { return value & ~uint64_t{ring::kPage - 1}; }
constexpr uint64_t page_up(uint64_t value) { return page_down(value + ring::kPage - 1); }

}  // namespace vgpu
