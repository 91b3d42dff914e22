// SPDX-License-Identifier: Apache-2.0
// Which elements of a tensor a copy moves, and where they lie in shared memory (PTX ISA 5.5.3 to 5.5.7). A box is rows:
// what lies side by side along dimension 0, or the channels of a pixel. Included by tensor_copy.cpp only.
#pragma once

#include <algorithm>

#include "softgpu/machine/ops/lanes.h"
#include "softgpu/machine/tensor_map.h"

namespace vgpu::soft::VGPU_ISA {

enum class BoxMode : uint8_t { tile, im2col, rows };  // rows: tile::gather4, tile::scatter4

// One copy: the map and what the instruction says.
struct BoxRequest {
  TensorMap map;
  BoxMode mode;
  int32_t at[kMaxTensorRank];  // coordinates; of rows: the column and four rows
  uint16_t offsets[3];         // im2col: W, H, D
};

// A row: its elements [first, end) are in the tensor, the others outside.
struct BoxRow {
  uint32_t number = 0;
  uint64_t address = 0;  // of element 0, wherever that is
  uint32_t first = 0, end = 0;
};

VGPU_INLINE uint32_t row_elements(const BoxRequest& request) {
  return request.mode == BoxMode::im2col ? uint32_t{request.map.channels_last} + 1 : request.map.box(0);
}

VGPU_INLINE uint64_t count_rows(const BoxRequest& request) {
  if (request.mode == BoxMode::rows) return 4;
  if (request.mode == BoxMode::im2col) return request.map.pixels;
  uint64_t rows = 1;
  for (uint32_t i = 1; i < request.map.rank(); ++i) rows *= request.map.box(i);
  return rows;
}

VGPU_INLINE BoxRow row_at(const BoxRequest& request, uint32_t number, const int64_t* at) {
  const TensorMap& map = request.map;
  BoxRow row;
  row.number = number;
  bool inside = true;
  for (uint32_t i = 1; i < map.rank(); ++i) {
    inside = inside && at[i] >= 0 && at[i] < map.size(i);
    row.address += static_cast<uint64_t>(at[i]) * map.strides[i - 1];
  }
  row.address += map.address + static_cast<uint64_t>(at[0]) * bytes_of(map.element);
  const int64_t elements = row_elements(request);
  if (!inside) return row;
  row.first = static_cast<uint32_t>(std::clamp<int64_t>(-at[0], 0, elements));
  row.end = static_cast<uint32_t>(std::clamp<int64_t>(map.size(0) - at[0], row.first, elements));
  return row;
}

// The next position of a tile: `index` counts the rows along each dimension but the first.
VGPU_INLINE void advance_tile(const BoxRequest& request, uint32_t* index, int64_t* at) {
  for (uint32_t i = 1; i < request.map.rank(); ++i) {
    at[i] += request.map.step(i);
    if (++index[i] < request.map.box(i)) return;
    index[i] = 0;
    at[i] = request.at[i];
  }
}

// The next pixel: along W, H and D from corner to corner of the bounding box, then in the next image. `base` is where
// the filter stands, to which the offsets are added.
VGPU_INLINE void advance_pixel(const TensorMap& map, int64_t* base) {
  for (uint32_t i = 1; i + 1 < map.rank(); ++i) {
    base[i] += map.step(i);
    if (base[i] < map.size(i) + map.upper[i - 1]) return;
    base[i] = map.lower[i - 1];
  }
  ++base[map.rank() - 1];
}

// visit(row) for each; stops when it says false, and says so.
template <class Visit>
VGPU_INLINE bool for_box_rows(const BoxRequest& request, Visit visit) {
  const uint64_t rows = count_rows(request);
  uint32_t index[kMaxTensorRank] = {};
  int64_t base[kMaxTensorRank] = {};
  for (uint32_t i = 0; i < kMaxTensorRank; ++i) base[i] = request.at[i];
  for (uint32_t number = 0; number < rows; ++number) {
    int64_t at[kMaxTensorRank] = {base[0], base[1], base[2], base[3], base[4]};
    if (request.mode == BoxMode::rows) at[1] = request.at[1 + number];
    for (uint32_t i = 0; request.mode == BoxMode::im2col && i + 2 < request.map.rank(); ++i)
      at[i + 1] += request.offsets[i];
    if (!visit(row_at(request, number, at))) return false;
    if (request.mode == BoxMode::tile) advance_tile(request, index, base);
    if (request.mode == BoxMode::im2col) advance_pixel(request.map, base);
  }
  return true;
}

// Bytes from row to row in shared memory: a swizzle's whole span, of which a row may fill less.
VGPU_INLINE uint32_t row_pitch(const TensorMap& map, uint32_t row_bytes) {
  switch (map.swizzle) {
    case TensorSwizzle::bytes_32: return std::max(row_bytes, 32u);
    case TensorSwizzle::bytes_64: return std::max(row_bytes, 64u);
    case TensorSwizzle::bytes_128: return std::max(row_bytes, 128u);
    default: return row_bytes;
  }
}

// Where 8 bytes at a shared-memory address go. Patterns repeat from addresses that are multiples of their size, so they
// are bits of the address that change others.
VGPU_INLINE uint32_t swizzled(const TensorMap& map, uint32_t address) {
  const uint32_t line = address >> 7;
  switch (map.swizzle) {
    case TensorSwizzle::bytes_32:
    case TensorSwizzle::bytes_96: return address ^ (line & 1) << 4;
    case TensorSwizzle::bytes_64: return address ^ (line & 3) << 4;
    case TensorSwizzle::bytes_128: break;
    default: return address;
  }
  switch (map.atom) {
    case SwizzleAtom::bytes_32: return address ^ (line & 3) << 5;
    case SwizzleAtom::bytes_32_flipped: return address ^ (line & 3) << 5 ^ (line & 1) << 3;
    case SwizzleAtom::bytes_64: return address ^ (line & 1) << 6;
    default: return address ^ (line & 7) << 4;
  }
}

}  // namespace vgpu::soft::VGPU_ISA
