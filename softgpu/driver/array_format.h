// SPDX-License-Identifier: Apache-2.0
// CUDA's formats of array elements as the machine's components. Pure functions.
#pragma once

#include "softgpu/driver/cuda_api.h"
#include "softgpu/machine/image.h"

namespace vgpu::soft {

struct ElementFormat {
  Component component = Component::f32;
  unsigned channels = 1;
  bool normalised = false;  // always read as [0, 1] or [-1, 1]

  unsigned bytes() const { return channels * bytes_of(component); }
};

// INVALID_VALUE for formats that CUDA does not know and for numbers of channels that it refuses; NOT_SUPPORTED for
// compressed and planar ones.
CuResult<ElementFormat> element_format(CUarray_format format, unsigned channels);

// The format that a resource view gives. INVALID_VALUE, or NOT_SUPPORTED for compressed ones.
CuResult<ElementFormat> view_format(CUresourceViewFormat format);

}  // namespace vgpu::soft
