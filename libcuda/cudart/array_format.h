// SPDX-License-Identifier: Apache-2.0
// The element of an array: the runtime's channel description and the driver's format and count. Pure.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstddef>

namespace vgpu::runtime {

// Bytes of one channel, or 0 for a format whose elements are not whole channels.
inline size_t format_bytes(CUarray_format format) noexcept {
  switch (static_cast<int>(format)) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: return 1;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: return 2;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT: return 4;
    default: return 0;
  }
}

inline bool find_format(const cudaChannelFormatDesc& channels, CUarray_format* format, unsigned* count) noexcept {
  const int bits = channels.x;
  const int widths[] = {channels.x, channels.y, channels.z, channels.w};
  *count = 0;
  for (const int width : widths) {
    if (width != 0 && width != bits) return false;
    *count += width != 0;
  }
  if (bits != 8 && bits != 16 && bits != 32) return false;
  switch (channels.f) {
    case cudaChannelFormatKindSigned:
      *format = bits == 8    ? CU_AD_FORMAT_SIGNED_INT8
                : bits == 16 ? CU_AD_FORMAT_SIGNED_INT16
                             : CU_AD_FORMAT_SIGNED_INT32;
      return true;
    case cudaChannelFormatKindUnsigned:
      *format = bits == 8    ? CU_AD_FORMAT_UNSIGNED_INT8
                : bits == 16 ? CU_AD_FORMAT_UNSIGNED_INT16
                             : CU_AD_FORMAT_UNSIGNED_INT32;
      return true;
    case cudaChannelFormatKindFloat:
      if (bits == 8) return false;
      *format = bits == 16 ? CU_AD_FORMAT_HALF : CU_AD_FORMAT_FLOAT;
      return true;
    default: return false;  // Block-compressed and planar formats.
  }
}

inline bool find_channels(CUarray_format format, unsigned count, cudaChannelFormatDesc* channels) noexcept {
  const int bits = static_cast<int>(format_bytes(format) * 8);
  if (bits == 0) return false;
  const bool is_float = format == CU_AD_FORMAT_HALF || format == CU_AD_FORMAT_FLOAT;
  const bool is_signed =
      format == CU_AD_FORMAT_SIGNED_INT8 || format == CU_AD_FORMAT_SIGNED_INT16 || format == CU_AD_FORMAT_SIGNED_INT32;
  *channels = {bits, count > 1 ? bits : 0, count > 2 ? bits : 0, count > 3 ? bits : 0,
               is_float    ? cudaChannelFormatKindFloat
               : is_signed ? cudaChannelFormatKindSigned
                           : cudaChannelFormatKindUnsigned};
  return true;
}

}  // namespace vgpu::runtime
