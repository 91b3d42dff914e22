// SPDX-License-Identifier: Apache-2.0
// Sizes of arrays, for the budget and for checking what a copy touches.
#pragma once

#include <cstdint>

#include "vgpu/api/kinds.h"

namespace vgpu::host::hand {

// Bytes of one element; for formats that are not plain channels (block compressed, video), the most that one takes.
constexpr uint64_t element_bytes(CUarray_format format, unsigned channels) {
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: return channels;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: return uint64_t{2} * channels;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT: return uint64_t{4} * channels;
    default: return 16;
  }
}

}  // namespace vgpu::host::hand
