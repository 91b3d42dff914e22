// SPDX-License-Identifier: Apache-2.0
// Two- and three-dimensional copies. A side in ordinary memory goes through a staging chunk, a few rows at a time;
// the rest of the box stays as the program gave it. CUDA driver API: Memory Management.
#include "libcuda/bulk/copy_box.h"

#include <algorithm>
#include <cstring>

#include "common/bits.h"
#include "libcuda/bulk/place.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest::bulk {

wire::CopyBox box_of(const CUDA_MEMCPY3D_PEER& c) {
  wire::CopyBox box = {};
  box.source_x = c.srcXInBytes, box.source_y = c.srcY, box.source_z = c.srcZ, box.source_lod = c.srcLOD;
  box.source_type = c.srcMemoryType, box.source_host = bits_of(c.srcHost), box.source_device = c.srcDevice;
  box.source_array = bits_of(c.srcArray), box.source_context = bits_of(c.srcContext);
  box.source_pitch = c.srcPitch, box.source_height = c.srcHeight;
  box.destination_x = c.dstXInBytes, box.destination_y = c.dstY, box.destination_z = c.dstZ;
  box.destination_lod = c.dstLOD, box.destination_type = c.dstMemoryType;
  box.destination_host = bits_of(c.dstHost), box.destination_device = c.dstDevice;
  box.destination_array = bits_of(c.dstArray), box.destination_context = bits_of(c.dstContext);
  box.destination_pitch = c.dstPitch, box.destination_height = c.dstHeight;
  box.width = c.WidthInBytes, box.height = c.Height, box.depth = c.Depth;
  return box;
}

wire::CopyBox box_of(const CUDA_MEMCPY3D& c) {
  CUDA_MEMCPY3D_PEER peer = {};
  peer.srcXInBytes = c.srcXInBytes, peer.srcY = c.srcY, peer.srcZ = c.srcZ, peer.srcLOD = c.srcLOD;
  peer.srcMemoryType = c.srcMemoryType, peer.srcHost = c.srcHost, peer.srcDevice = c.srcDevice;
  peer.srcArray = c.srcArray, peer.srcPitch = c.srcPitch, peer.srcHeight = c.srcHeight;
  peer.dstXInBytes = c.dstXInBytes, peer.dstY = c.dstY, peer.dstZ = c.dstZ, peer.dstLOD = c.dstLOD;
  peer.dstMemoryType = c.dstMemoryType, peer.dstHost = c.dstHost, peer.dstDevice = c.dstDevice;
  peer.dstArray = c.dstArray, peer.dstPitch = c.dstPitch, peer.dstHeight = c.dstHeight;
  peer.WidthInBytes = c.WidthInBytes, peer.Height = c.Height, peer.Depth = c.Depth;
  return box_of(peer);
}

wire::CopyBox box_of(const CUDA_MEMCPY2D& c) {
  CUDA_MEMCPY3D_PEER peer = {};
  peer.srcXInBytes = c.srcXInBytes, peer.srcY = c.srcY, peer.srcMemoryType = c.srcMemoryType;
  peer.srcHost = c.srcHost, peer.srcDevice = c.srcDevice, peer.srcArray = c.srcArray, peer.srcPitch = c.srcPitch;
  peer.dstXInBytes = c.dstXInBytes, peer.dstY = c.dstY, peer.dstMemoryType = c.dstMemoryType;
  peer.dstHost = c.dstHost, peer.dstDevice = c.dstDevice, peer.dstArray = c.dstArray, peer.dstPitch = c.dstPitch;
  peer.WidthInBytes = c.WidthInBytes, peer.Height = c.Height, peer.Depth = 1;
  return box_of(peer);
}

namespace {

// One side of a box, whichever it is, under one set of names.
struct Side {
  uint64_t &x, &y, &z, &host, &device, &pitch, &height;
  uint32_t &type, &in_window;
};

Side source_of(wire::CopyBox& b) {
  return {b.source_x,     b.source_y,      b.source_z,    b.source_host,     b.source_device,
          b.source_pitch, b.source_height, b.source_type, b.source_in_window};
}

Side destination_of(wire::CopyBox& b) {
  return {b.destination_x,     b.destination_y,      b.destination_z,    b.destination_host,     b.destination_device,
          b.destination_pitch, b.destination_height, b.destination_type, b.destination_in_window};
}

uint64_t pitch_of(const Side& side, const wire::CopyBox& box) {
  return side.pitch == 0 ? box.width + side.x : side.pitch;
}
uint64_t height_of(const Side& side, const wire::CopyBox& box) {
  return side.height == 0 ? box.height + side.y : side.height;
}

uint64_t first_byte(const Side& side, const wire::CopyBox& box) {
  return side.host + (side.z * height_of(side, box) + side.y) * pitch_of(side, box) + side.x;
}

uint64_t span_of(const Side& side, const wire::CopyBox& box) {
  return ((box.depth - 1) * height_of(side, box) + box.height - 1) * pitch_of(side, box) + box.width;
}

// Resolves unified addresses, and says whether the side lies in ordinary memory.
bool is_pageable(const Admitted& admitted, Side side, const wire::CopyBox& box) {
  if (side.type == CU_MEMORYTYPE_UNIFIED) {
    // Under unified addressing the pointer is in the device field.
    const Place place = place_of(admitted, side.device, 1);
    side.type = place == Place::pageable || place == Place::shared ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
    if (side.type == CU_MEMORYTYPE_HOST) side.host = side.device;
  }
  return side.type == CU_MEMORYTYPE_HOST &&
         host_place_of(admitted, first_byte(side, box), span_of(side, box)) == Place::pageable;
}

CUresult send(const Admitted& admitted, uint16_t opcode, const wire::CopyBox& box, bool may_block) {
  Remote remote(admitted, opcode);
  if (may_block) remote.waits_for_device();
  remote.writer().put(box);
  return remote.call();
}

void copy_rows(std::byte* to, uint64_t to_pitch, const std::byte* from, uint64_t from_pitch, uint64_t width,
               uint64_t rows) {
  for (uint64_t row = 0; row < rows; ++row) std::memcpy(to + row * to_pitch, from + row * from_pitch, width);
}

// Points one side at a staging chunk that holds `rows` rows of `width` bytes, packed.
void place_in_window(Side side, uint32_t chunk, uint64_t width, uint64_t rows) {
  side.type = CU_MEMORYTYPE_HOST;
  side.in_window = 1;
  side.host = uint64_t{chunk} * ring::kChunkBytes;
  side.device = 0;
  side.x = side.y = side.z = 0;
  side.pitch = width;
  side.height = rows;
}

// A part of the box: `rows` rows from row `row` of slice `slice`, columns from `column`, `width` bytes wide.
struct Part {
  uint64_t slice, row, rows, column, width;
};

CUresult copy_part(const Admitted& admitted, uint16_t opcode, const wire::CopyBox& whole, const Part& part,
                   bool from_pageable, bool to_pageable) {
  Session& session = admitted.process->session();
  wire::CopyBox box = whole;
  box.width = part.width, box.height = part.rows, box.depth = 1;
  const auto move_side = [&](Side side, const wire::CopyBox& original, Side before) {
    side.pitch = pitch_of(before, original), side.height = height_of(before, original);
    side.x += part.column, side.y += part.row, side.z += part.slice;
  };
  wire::CopyBox original = whole;
  move_side(source_of(box), original, source_of(original));
  move_side(destination_of(box), original, destination_of(original));

  const uint32_t chunk = session.acquire_chunk();
  std::byte* staging = session.chunk(chunk);
  const Side user = from_pageable ? source_of(box) : destination_of(box);
  const uint64_t user_pitch = user.pitch;
  std::byte* user_bytes = from_bits<std::byte*>(first_byte(user, box));
  if (from_pageable) copy_rows(staging, part.width, user_bytes, user_pitch, part.width, part.rows);
  place_in_window(user, chunk, part.width, part.rows);
  const CUresult status = send(admitted, opcode, box, true);
  if (status == CUDA_SUCCESS && to_pageable)
    copy_rows(user_bytes, user_pitch, staging, part.width, part.width, part.rows);
  session.release_chunk(chunk);
  return status;
}

CUresult copy_staged(const Admitted& admitted, uint16_t opcode, const wire::CopyBox& box, bool from_pageable,
                     bool to_pageable) {
  const uint64_t width = std::min<uint64_t>(box.width, ring::kChunkBytes);
  const uint64_t rows = std::clamp<uint64_t>(ring::kChunkBytes / width, 1, box.height);
  for (uint64_t slice = 0; slice < box.depth; ++slice)
    for (uint64_t row = 0; row < box.height; row += rows)
      for (uint64_t column = 0; column < box.width; column += width) {
        const Part part = {slice, row, std::min(rows, box.height - row), column, std::min(width, box.width - column)};
        VGPU_CHECK(copy_part(admitted, opcode, box, part, from_pageable, to_pageable));
      }
  return CUDA_SUCCESS;
}

void copy_on_host(wire::CopyBox& box) {
  const Side from = source_of(box), to = destination_of(box);
  for (uint64_t slice = 0; slice < box.depth; ++slice)
    copy_rows(from_bits<std::byte*>(first_byte(to, box) + slice * height_of(to, box) * pitch_of(to, box)),
              pitch_of(to, box),
              from_bits<std::byte*>(first_byte(from, box) + slice * height_of(from, box) * pitch_of(from, box)),
              pitch_of(from, box), box.width, box.height);
}

// A 2D or 3D copy of one element of the family, `async` when it has a stream.
template <class T>
CUresult copy_box(uint16_t opcode, const T* copy, CUstream stream, bool async) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  wire::CopyBox box = box_of(*copy);
  box.stream = bits_of(stream);
  if (box.width == 0 || box.height == 0 || box.depth == 0) return CUDA_SUCCESS;
  const bool from_pageable = is_pageable(admitted, source_of(box), box);
  const bool to_pageable = is_pageable(admitted, destination_of(box), box);
  if (!from_pageable && !to_pageable) return send(admitted, opcode, box, !async);
  const auto narrow = [&](const Side& side) { return side.pitch != 0 && side.pitch < box.width; };
  if (narrow(source_of(box)) || narrow(destination_of(box))) return CUDA_ERROR_INVALID_VALUE;
  bool captured = false;
  if (async) VGPU_CHECK(find_capture(admitted, stream, captured));
  if (captured) {
    VGPU_CHECK(make_reachable(admitted, box));
    return send(admitted, opcode, box, false);
  }
  const BesideCapture beside(admitted, async);
  if (from_pageable && to_pageable) {
    if (async) VGPU_CHECK(forward(admitted, api::spec::cuStreamSynchronize, stream));
    copy_on_host(box);
    return CUDA_SUCCESS;
  }
  return copy_staged(admitted, opcode, box, from_pageable, to_pageable);
}

}  // namespace

CUresult make_reachable(const Admitted& admitted, wire::CopyBox& box) {
  for (const Side& side : {source_of(box), destination_of(box)}) {
    if (!is_pageable(admitted, side, box)) continue;
    const uint64_t first = first_byte(side, box);
    if (!admitted.process->host_memory().stage(first, span_of(side, box)).ok()) return CUDA_ERROR_OPERATING_SYSTEM;
  }
  return CUDA_SUCCESS;
}

}  // namespace vgpu::guest::bulk

namespace vgpu::guest::by_hand {

namespace op = api::opcode;

CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* pCopy) { return bulk::copy_box(op::cuMemcpy2D_v2, pCopy, nullptr, false); }
CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* pCopy) {
  return bulk::copy_box(op::cuMemcpy2DUnaligned_v2, pCopy, nullptr, false);
}
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* pCopy, CUstream hStream) {
  return bulk::copy_box(op::cuMemcpy2DAsync_v2, pCopy, hStream, true);
}
CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) { return bulk::copy_box(op::cuMemcpy3D_v2, pCopy, nullptr, false); }
CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream hStream) {
  return bulk::copy_box(op::cuMemcpy3DAsync_v2, pCopy, hStream, true);
}
CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* pCopy) {
  return bulk::copy_box(op::cuMemcpy3DPeer, pCopy, nullptr, false);
}
CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* pCopy, CUstream hStream) {
  return bulk::copy_box(op::cuMemcpy3DPeerAsync, pCopy, hStream, true);
}

}  // namespace vgpu::guest::by_hand
