// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/array_format.h"

#include "softgpu/driver/unimplemented.h"

namespace vgpu::soft {
namespace {

// Channels are 0 where the program says how many.
struct Row {
  CUarray_format format;
  ElementFormat is;
};

constexpr Row kRows[] = {
    {CU_AD_FORMAT_UNSIGNED_INT8, {Component::u8, 0, false}},
    {CU_AD_FORMAT_UNSIGNED_INT16, {Component::u16, 0, false}},
    {CU_AD_FORMAT_UNSIGNED_INT32, {Component::u32, 0, false}},
    {CU_AD_FORMAT_SIGNED_INT8, {Component::s8, 0, false}},
    {CU_AD_FORMAT_SIGNED_INT16, {Component::s16, 0, false}},
    {CU_AD_FORMAT_SIGNED_INT32, {Component::s32, 0, false}},
    {CU_AD_FORMAT_HALF, {Component::f16, 0, false}},
    {CU_AD_FORMAT_FLOAT, {Component::f32, 0, false}},
    {CU_AD_FORMAT_UNORM_INT8X1, {Component::u8, 1, true}},
    {CU_AD_FORMAT_UNORM_INT8X2, {Component::u8, 2, true}},
    {CU_AD_FORMAT_UNORM_INT8X4, {Component::u8, 4, true}},
    {CU_AD_FORMAT_UNORM_INT16X1, {Component::u16, 1, true}},
    {CU_AD_FORMAT_UNORM_INT16X2, {Component::u16, 2, true}},
    {CU_AD_FORMAT_UNORM_INT16X4, {Component::u16, 4, true}},
    {CU_AD_FORMAT_SNORM_INT8X1, {Component::s8, 1, true}},
    {CU_AD_FORMAT_SNORM_INT8X2, {Component::s8, 2, true}},
    {CU_AD_FORMAT_SNORM_INT8X4, {Component::s8, 4, true}},
    {CU_AD_FORMAT_SNORM_INT16X1, {Component::s16, 1, true}},
    {CU_AD_FORMAT_SNORM_INT16X2, {Component::s16, 2, true}},
    {CU_AD_FORMAT_SNORM_INT16X4, {Component::s16, 4, true}},
};

// CUDA's other formats have numbers of these kinds: packed, block-compressed, planar.
bool is_other_format(CUarray_format format) {
  return format == CU_AD_FORMAT_UNORM_INT_101010_2 || format == CU_AD_FORMAT_NV12 ||
         (format >= CU_AD_FORMAT_BC1_UNORM && format <= CU_AD_FORMAT_AYUV) ||
         (format >= CU_AD_FORMAT_Y410 && format <= CU_AD_FORMAT_YUV444_16bit_SemiPlanar);
}

}  // namespace

CuResult<ElementFormat> element_format(CUarray_format format, unsigned channels) {
  for (const Row& row : kRows) {
    if (row.format != format) continue;
    if (channels != 1 && channels != 2 && channels != 4) return CUDA_ERROR_INVALID_VALUE;
    if (row.is.channels != 0 && row.is.channels != channels) return CUDA_ERROR_INVALID_VALUE;
    return ElementFormat{row.is.component, channels, row.is.normalised};
  }
  if (is_other_format(format)) return VGPU_UNIMPLEMENTED("an array of compressed or planar format");
  return CUDA_ERROR_INVALID_VALUE;
}

CuResult<ElementFormat> view_format(CUresourceViewFormat format) {
  // Uncompressed formats are numbered by component, three counts of channels each.
  constexpr Component kComponents[] = {Component::u8,  Component::s8,  Component::u16, Component::s16,
                                       Component::u32, Component::s32, Component::f16, Component::f32};
  constexpr unsigned kChannels[] = {1, 2, 4};
  if (format >= CU_RES_VIEW_FORMAT_UINT_1X8 && format <= CU_RES_VIEW_FORMAT_FLOAT_4X32) {
    const auto index = static_cast<unsigned>(format - CU_RES_VIEW_FORMAT_UINT_1X8);
    return ElementFormat{kComponents[index / 3], kChannels[index % 3], false};
  }
  if (format >= CU_RES_VIEW_FORMAT_UNSIGNED_BC1 && format <= CU_RES_VIEW_FORMAT_UNSIGNED_BC7)
    return VGPU_UNIMPLEMENTED("a resource view of compressed format");
  return CUDA_ERROR_INVALID_VALUE;
}

}  // namespace vgpu::soft
