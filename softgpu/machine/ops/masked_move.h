// SPDX-License-Identifier: Apache-2.0
// Elements that lie in a row, moved for some lanes only: the memory of the others is not touched, and their registers
// keep their values. Where the host has instructions for that. Included by the memory classes in ops/ only.
#pragma once

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {

#ifdef __AVX2__

template <class T>
inline constexpr bool kHasMaskedMove = sizeof(T) == 4 || sizeof(T) == 8;

template <class T>
VGPU_INLINE __m256i spread(LaneMask lanes) {
  const __m256i bits = sizeof(T) == 4 ? _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128) : _mm256_setr_epi64x(1, 2, 4, 8);
  const __m256i all = sizeof(T) == 4 ? _mm256_set1_epi32(static_cast<int>(lanes)) : _mm256_set1_epi64x(lanes);
  const __m256i chosen = _mm256_and_si256(all, bits);
  return sizeof(T) == 4 ? _mm256_cmpeq_epi32(chosen, bits) : _mm256_cmpeq_epi64(chosen, bits);
}

template <class T>
VGPU_INLINE void load_masked(T* row, const void* memory, LaneMask mask) {
  const char* from = static_cast<const char*>(memory);
  for (unsigned part = 0; part < sizeof(T) * kLanes / 32; ++part) {
    const unsigned lane = part * 32 / sizeof(T);
    const __m256i lanes = spread<T>(mask >> lane);
    __m256i* to = reinterpret_cast<__m256i*>(row + lane);
    __m256i loaded;
    if constexpr (sizeof(T) == 4) loaded = _mm256_maskload_epi32(reinterpret_cast<const int*>(from + part * 32), lanes);
    else loaded = _mm256_maskload_epi64(reinterpret_cast<const long long*>(from + part * 32), lanes);
    *to = _mm256_blendv_epi8(*to, loaded, lanes);
  }
}

template <class T>
VGPU_INLINE void store_masked(void* memory, const T* row, LaneMask mask) {
  char* to = static_cast<char*>(memory);
  for (unsigned part = 0; part < sizeof(T) * kLanes / 32; ++part) {
    const unsigned lane = part * 32 / sizeof(T);
    const __m256i lanes = spread<T>(mask >> lane);
    const __m256i from = *reinterpret_cast<const __m256i*>(row + lane);
    if constexpr (sizeof(T) == 4) _mm256_maskstore_epi32(reinterpret_cast<int*>(to + part * 32), lanes, from);
    else _mm256_maskstore_epi64(reinterpret_cast<long long*>(to + part * 32), lanes, from);
  }
}

#else

template <class T>
inline constexpr bool kHasMaskedMove = false;
template <class T>
VGPU_INLINE void load_masked(T*, const void*, LaneMask) {}
template <class T>
VGPU_INLINE void store_masked(void*, const T*, LaneMask) {}

#endif

}  // namespace vgpu::soft::VGPU_ISA
