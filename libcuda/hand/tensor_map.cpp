// SPDX-License-Identifier: Apache-2.0
// Tensor maps. Some arrays have fewer elements than the rank; copies of full length travel instead, so that nothing is
// read that the program did not pass. CUDA driver API: Tensor Map Object Management.
#include <algorithm>
#include <array>

#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

constexpr cuuint32_t kMaxRank = 5;

// `rank - missing` elements of the program, then zeros.
template <class T>
class Padded {
 public:
  Padded(const T* from, cuuint32_t rank, cuuint32_t missing) : given_(from != nullptr) {
    if (given_) std::copy_n(from, rank - std::min(rank, missing), values_.begin());
  }
  const T* get() const { return given_ ? values_.data() : nullptr; }

 private:
  bool given_;
  std::array<T, kMaxRank> values_ = {};
};

}  // namespace

namespace by_hand {

CUresult cuTensorMapEncodeTiled(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType, cuuint32_t tensorRank,
                                void* globalAddress, const cuuint64_t* globalDim, const cuuint64_t* globalStrides,
                                const cuuint32_t* boxDim, const cuuint32_t* elementStrides,
                                CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                CUtensorMapL2promotion l2Promotion, CUtensorMapFloatOOBfill oobFill) {
  VGPU_ADMIT(admitted);
  if (tensorMap == nullptr || tensorRank == 0 || tensorRank > kMaxRank) return CUDA_ERROR_INVALID_VALUE;
  const Padded<cuuint64_t> strides(globalStrides, tensorRank, 1);
  return forward(admitted, api::spec::cuTensorMapEncodeTiled, tensorMap, tensorDataType, tensorRank, globalAddress,
                 globalDim, strides.get(), boxDim, elementStrides, interleave, swizzle, l2Promotion, oobFill);
}

CUresult cuTensorMapEncodeIm2col(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType, cuuint32_t tensorRank,
                                 void* globalAddress, const cuuint64_t* globalDim, const cuuint64_t* globalStrides,
                                 const int* pixelBoxLowerCorner, const int* pixelBoxUpperCorner,
                                 cuuint32_t channelsPerPixel, cuuint32_t pixelsPerColumn,
                                 const cuuint32_t* elementStrides, CUtensorMapInterleave interleave,
                                 CUtensorMapSwizzle swizzle, CUtensorMapL2promotion l2Promotion,
                                 CUtensorMapFloatOOBfill oobFill) {
  VGPU_ADMIT(admitted);
  if (tensorMap == nullptr || tensorRank < 3 || tensorRank > kMaxRank) return CUDA_ERROR_INVALID_VALUE;
  const Padded<cuuint64_t> strides(globalStrides, tensorRank, 1);
  const Padded<int> lower(pixelBoxLowerCorner, tensorRank, 2), upper(pixelBoxUpperCorner, tensorRank, 2);
  return forward(admitted, api::spec::cuTensorMapEncodeIm2col, tensorMap, tensorDataType, tensorRank, globalAddress,
                 globalDim, strides.get(), lower.get(), upper.get(), channelsPerPixel, pixelsPerColumn, elementStrides,
                 interleave, swizzle, l2Promotion, oobFill);
}

CUresult cuTensorMapEncodeIm2colWide(CUtensorMap* tensorMap, CUtensorMapDataType tensorDataType, cuuint32_t tensorRank,
                                     void* globalAddress, const cuuint64_t* globalDim, const cuuint64_t* globalStrides,
                                     int pixelBoxLowerCornerWidth, int pixelBoxUpperCornerWidth,
                                     cuuint32_t channelsPerPixel, cuuint32_t pixelsPerColumn,
                                     const cuuint32_t* elementStrides, CUtensorMapInterleave interleave,
                                     CUtensorMapIm2ColWideMode mode, CUtensorMapSwizzle swizzle,
                                     CUtensorMapL2promotion l2Promotion, CUtensorMapFloatOOBfill oobFill) {
  VGPU_ADMIT(admitted);
  if (tensorMap == nullptr || tensorRank < 3 || tensorRank > kMaxRank) return CUDA_ERROR_INVALID_VALUE;
  const Padded<cuuint64_t> strides(globalStrides, tensorRank, 1);
  return forward(admitted, api::spec::cuTensorMapEncodeIm2colWide, tensorMap, tensorDataType, tensorRank, globalAddress,
                 globalDim, strides.get(), pixelBoxLowerCornerWidth, pixelBoxUpperCornerWidth, channelsPerPixel,
                 pixelsPerColumn, elementStrides, interleave, mode, swizzle, l2Promotion, oobFill);
}

}  // namespace by_hand
}  // namespace vgpu::guest
