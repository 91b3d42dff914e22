// SPDX-License-Identifier: Apache-2.0
// cuTensorMap*: arithmetic, no device. The rules are those of cuda.h, less two that NVIDIA's driver does not hold
// programs to: where the map lies, and what swizzle goes with interleaving by 32 bytes. What a map means to a kernel is
// in machine/tensor_map.h. Interleaved layouts, elements of less than a byte and im2col along W alone are not carried
// out.
#include "softgpu/driver/process.h"
#include "softgpu/machine/tensor_map.h"

#include <algorithm>
#include <cstring>

namespace vgpu::soft {
namespace {

constexpr uint64_t kMaxSize = uint64_t{1} << 32, kMaxStride = uint64_t{1} << 40;
constexpr cuuint32_t kMaxBox = 256, kMaxStep = 8, kMaxPixels = 1024;

// What all kinds of maps have in common.
struct Layout {
  CUtensorMapDataType type;
  cuuint32_t rank;
  const void* address;
  const cuuint64_t* sizes;
  const cuuint64_t* strides;
  const cuuint32_t* steps;
  CUtensorMapInterleave interleave;
  CUtensorMapSwizzle swizzle;
  CUtensorMapL2promotion promotion;
  CUtensorMapFloatOOBfill fill;
};

bool is_misaligned(const void* pointer, uintptr_t alignment) {
  return reinterpret_cast<uintptr_t>(pointer) % alignment != 0;
}

// As bytes: compilers take a CUtensorMap* for a multiple of 64.
std::byte* place_of(CUtensorMap* map) { return reinterpret_cast<std::byte*>(reinterpret_cast<uintptr_t>(map)); }

// An enum as C gives it: any number.
template <class T>
bool is_one_of(T value, T last) {
  return static_cast<unsigned>(value) <= static_cast<unsigned>(last);
}

bool has_known_words(const Layout& layout) {
  return is_one_of(layout.type, CU_TENSOR_MAP_DATA_TYPE_16U6_ALIGN16B) &&
         is_one_of(layout.interleave, CU_TENSOR_MAP_INTERLEAVE_32B) &&
         is_one_of(layout.swizzle, CU_TENSOR_MAP_SWIZZLE_128B_ATOM_64B) &&
         is_one_of(layout.promotion, CU_TENSOR_MAP_L2_PROMOTION_L2_256B) &&
         is_one_of(layout.fill, CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA);
}

bool has_good_extents(const Layout& layout) {
  if (layout.sizes == nullptr || layout.steps == nullptr) return false;
  if (layout.rank > 1 && layout.strides == nullptr) return false;
  const uint64_t unit = layout.interleave == CU_TENSOR_MAP_INTERLEAVE_32B ? 32 : 16;
  if (is_misaligned(layout.address, unit)) return false;
  for (cuuint32_t i = 0; i < layout.rank; ++i) {
    if (layout.sizes[i] == 0 || layout.sizes[i] > kMaxSize) return false;
    if (layout.steps[i] == 0 || layout.steps[i] > kMaxStep) return false;
    if (i > 0 && (layout.strides[i - 1] % unit != 0 || layout.strides[i - 1] >= kMaxStride)) return false;
  }
  return true;
}

uint32_t span_of(CUtensorMapSwizzle swizzle) {
  switch (swizzle) {
    case CU_TENSOR_MAP_SWIZZLE_NONE: return UINT32_MAX;
    case CU_TENSOR_MAP_SWIZZLE_32B: return 32;
    case CU_TENSOR_MAP_SWIZZLE_64B: return 64;
    default: return 128;
  }
}

// `inner` elements lie side by side in shared memory.
CUresult check(const CUtensorMap* map, const Layout& layout, cuuint32_t inner) {
  if (map == nullptr || !has_known_words(layout)) return CUDA_ERROR_INVALID_VALUE;
  if (!has_good_extents(layout)) return CUDA_ERROR_INVALID_VALUE;
  if (layout.interleave != CU_TENSOR_MAP_INTERLEAVE_NONE && layout.rank < 3) return CUDA_ERROR_INVALID_VALUE;
  if (layout.type > CU_TENSOR_MAP_DATA_TYPE_TFLOAT32_FTZ) return CUDA_ERROR_NOT_SUPPORTED;
  const auto element = static_cast<TensorElement>(layout.type);
  if (layout.fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE && !is_floating(element)) return CUDA_ERROR_INVALID_VALUE;
  if (layout.interleave != CU_TENSOR_MAP_INTERLEAVE_NONE) return CUDA_ERROR_NOT_SUPPORTED;
  const uint32_t row = inner * bytes_of(element);
  return row % 16 == 0 && row <= span_of(layout.swizzle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

void set_swizzle(TensorMap& map, CUtensorMapSwizzle swizzle) {
  map.swizzle = static_cast<TensorSwizzle>(std::min<unsigned>(swizzle, CU_TENSOR_MAP_SWIZZLE_128B));
  if (swizzle > CU_TENSOR_MAP_SWIZZLE_128B) map.atom = static_cast<SwizzleAtom>(swizzle - CU_TENSOR_MAP_SWIZZLE_128B);
}

TensorMap describe(const Layout& layout) {
  TensorMap map = {};
  map.address = reinterpret_cast<uint64_t>(layout.address);
  for (cuuint32_t i = 0; i < layout.rank; ++i) {
    map.last[i] = static_cast<uint32_t>(layout.sizes[i] - 1);
    map.step_last[i] = static_cast<uint8_t>(layout.steps[i] - 1);
    if (i > 0) map.strides[i - 1] = layout.strides[i - 1];
  }
  map.step_last[0] = 0;  // there is none without interleaving
  map.rank_last = static_cast<uint8_t>(layout.rank - 1);
  map.element = static_cast<TensorElement>(layout.type);
  map.fill = static_cast<TensorFill>(layout.fill);
  set_swizzle(map, layout.swizzle);
  return map;
}

// The corners' range is what the bits of a descriptor hold, fewer for more dimensions.
bool are_good_corners(cuuint32_t rank, const int* lower, const int* upper) {
  if (lower == nullptr || upper == nullptr) return false;
  const int limit = rank == 3 ? 32768 : rank == 4 ? 128 : 16;
  const auto fits = [limit](int corner) { return corner >= -limit && corner < limit; };
  return std::all_of(lower, lower + rank - 2, fits) && std::all_of(upper, upper + rank - 2, fits);
}

// The box reaches from the lower corner to the upper one, which counts from the image's last pixel.
bool has_area(const TensorMap& map) {
  for (uint32_t i = 1; i + 1 < map.rank(); ++i)
    if (map.size(i) + map.upper[i - 1] <= map.lower[i - 1]) return false;
  return true;
}

}  // namespace
}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" {

CUresult cuTensorMapEncodeTiled(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType, cuuint32_t tensorRank,
                                void* globalAddress, const cuuint64_t* globalDim, const cuuint64_t* globalStrides,
                                const cuuint32_t* boxDim, const cuuint32_t* elementStrides,
                                CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                CUtensorMapL2promotion l2Promotion, CUtensorMapFloatOOBfill oobFill) {
  TRY(current_process());
  if (tensorRank == 0 || tensorRank > kMaxTensorRank || boxDim == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto fits = [](cuuint32_t size) { return size > 0 && size <= kMaxBox; };
  if (!std::all_of(boxDim, boxDim + tensorRank, fits)) return CUDA_ERROR_INVALID_VALUE;
  const Layout layout{tensorDataType, tensorRank, globalAddress, globalDim,   globalStrides,
                      elementStrides, interleave, swizzle,       l2Promotion, oobFill};
  VGPU_CHECK(check(tensorMap, layout, boxDim[0]));
  TensorMap map = describe(layout);
  for (cuuint32_t i = 0; i < tensorRank; ++i) map.box_last[i] = static_cast<uint8_t>(boxDim[i] - 1);
  std::memcpy(place_of(tensorMap), &map, sizeof map);
  return CUDA_SUCCESS;
}

CUresult cuTensorMapEncodeIm2col(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType, cuuint32_t tensorRank,
                                 void* globalAddress, const cuuint64_t* globalDim, const cuuint64_t* globalStrides,
                                 const int* pixelBoxLowerCorner, const int* pixelBoxUpperCorner,
                                 cuuint32_t channelsPerPixel, cuuint32_t pixelsPerColumn,
                                 const cuuint32_t* elementStrides, CUtensorMapInterleave interleave,
                                 CUtensorMapSwizzle swizzle, CUtensorMapL2promotion l2Promotion,
                                 CUtensorMapFloatOOBfill oobFill) {
  TRY(current_process());
  if (tensorRank < 3 || tensorRank > kMaxTensorRank) return CUDA_ERROR_INVALID_VALUE;
  if (!are_good_corners(tensorRank, pixelBoxLowerCorner, pixelBoxUpperCorner)) return CUDA_ERROR_INVALID_VALUE;
  if (channelsPerPixel == 0 || channelsPerPixel > kMaxBox || pixelsPerColumn == 0 || pixelsPerColumn > kMaxPixels)
    return CUDA_ERROR_INVALID_VALUE;
  const Layout layout{tensorDataType, tensorRank, globalAddress, globalDim,   globalStrides,
                      elementStrides, interleave, swizzle,       l2Promotion, oobFill};
  VGPU_CHECK(check(tensorMap, layout, channelsPerPixel));
  TensorMap map = describe(layout);
  map.access = TensorAccess::im2col;
  map.channels_last = static_cast<uint8_t>(channelsPerPixel - 1);
  map.pixels = static_cast<uint16_t>(pixelsPerColumn);
  for (cuuint32_t i = 0; i + 2 < tensorRank; ++i) {
    map.lower[i] = static_cast<int16_t>(pixelBoxLowerCorner[i]);
    map.upper[i] = static_cast<int16_t>(pixelBoxUpperCorner[i]);
  }
  if (!has_area(map)) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(place_of(tensorMap), &map, sizeof map);
  return CUDA_SUCCESS;
}

CUresult cuTensorMapReplaceAddress(CUtensorMap* tensorMap, void* globalAddress) {
  TRY(current_process());
  if (tensorMap == nullptr || is_misaligned(globalAddress, 16)) return CUDA_ERROR_INVALID_VALUE;
  const auto address = reinterpret_cast<uint64_t>(globalAddress);
  std::memcpy(place_of(tensorMap), &address, sizeof address);
  return CUDA_SUCCESS;
}

}  // extern "C"
