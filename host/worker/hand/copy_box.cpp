// SPDX-License-Identifier: Apache-2.0
#include "host/worker/hand/copy_box.h"

#include <optional>

#include "common/bits.h"

namespace vgpu::host::hand {
namespace {

// One side of a box, in the struct's own terms.
struct Side {
  uint32_t type, in_window;
  uint64_t host, device, array, context, pitch, height;
};

// Where the copy begins on a side, in bytes of a row, rows and layers.
struct Place {
  uint64_t x, y, z;
};

struct Span {
  uint64_t first, bytes;
};

// column + pitch * (row + height * layer); false on overflow.
bool offset_of(uint64_t column, uint64_t row, uint64_t layer, uint64_t pitch, uint64_t height, uint64_t& offset) {
  return !__builtin_mul_overflow(layer, height, &offset) && !__builtin_add_overflow(offset, row, &offset) &&
         !__builtin_mul_overflow(offset, pitch, &offset) && !__builtin_add_overflow(offset, column, &offset);
}

// From the first to the last byte that the side touches; nothing on overflow. A length of rows or layers that is not
// given may be nothing, or what is left out and what is copied together: drivers differ.
std::optional<Span> span_of(const Side& side, const wire::CopyBox& box, const Place& at, uint64_t address) {
  if (box.width == 0 || box.height == 0 || box.depth == 0) return Span{address, 1};
  uint64_t row = 0, rows = 0, layers = 0, first = 0, last = 0;
  if (__builtin_add_overflow(at.x, box.width, &row) || __builtin_add_overflow(at.y, box.height, &rows) ||
      __builtin_add_overflow(at.z, box.depth, &layers))
    return std::nullopt;
  const uint64_t pitch = side.pitch == 0 ? row : side.pitch;
  const uint64_t height = side.height == 0 ? rows : side.height;
  if (!offset_of(at.x, at.y, at.z, side.pitch, side.height, first) ||
      !offset_of(row, rows - 1, layers - 1, pitch, height, last) || __builtin_add_overflow(address, first, &first) ||
      __builtin_add_overflow(address, last, &last))
    return std::nullopt;
  return Span{first, last - first};
}

// The driver finds out by itself what a unified address is, and takes what it does not know for ordinary memory.
bool may_be_unified(const Session& session, const Side& side, const wire::CopyBox& box, const Place& at) {
  if (box.width == 0 || box.height == 0 || box.depth == 0) return true;  // Nothing is touched.
  const auto span = span_of(side, box, at, side.device);
  return span && (session.shared.contains(span->first, span->bytes) || is_known(session, span->first, span->bytes));
}

// The host pointer of a side: into the window, or into pages that both sides map.
CUresult host_pointer(const Session& session, const Side& side, const wire::CopyBox& box, const Place& at, void*& out) {
  const auto span = span_of(side, box, at, side.host);
  if (!span) return CUDA_ERROR_INVALID_VALUE;
  if (side.in_window != 0) {
    const uint64_t window = uint64_t{ring::kChunks} * ring::kChunkBytes;
    if (side.host > window || span->bytes > window - side.host || at.x != 0 || at.y != 0 || at.z != 0)
      return CUDA_ERROR_INVALID_VALUE;
    out = session.memory.chunk(0) + side.host;
    return CUDA_SUCCESS;
  }
  if (!session.shared.contains(span->first, span->bytes)) return CUDA_ERROR_INVALID_VALUE;
  out = from_bits<void*>(side.host);
  return CUDA_SUCCESS;
}

template <class T>
bool handle_of(Invocation& invocation, Kind kind, uint64_t wire, T& out) {
  out = nullptr;
  return wire == 0 || invocation.real(kind, wire, out);
}

}  // namespace

bool is_known(const Session& session, uint64_t address, uint64_t bytes) {
  uint64_t last = address;
  if (bytes != 0 && __builtin_add_overflow(address, bytes - 1, &last)) return false;
  unsigned type = 0;
  for (const uint64_t at : {address, last})
    if (VGPU_DRIVER(session.driver, cuPointerGetAttribute)(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, at) != CUDA_SUCCESS)
      return false;
  return true;
}

CUresult to_copy3d(Invocation& invocation, const wire::CopyBox& box, CUDA_MEMCPY3D_PEER& out) {
  out = {};
  const Session& session = invocation.session;
  const Side source = {box.source_type,  box.source_in_window, box.source_host,  box.source_device,
                       box.source_array, box.source_context,   box.source_pitch, box.source_height};
  const Side destination = {box.destination_type,   box.destination_in_window, box.destination_host,
                            box.destination_device, box.destination_array,     box.destination_context,
                            box.destination_pitch,  box.destination_height};
  out.srcXInBytes = box.source_x, out.srcY = box.source_y, out.srcZ = box.source_z, out.srcLOD = box.source_lod;
  out.dstXInBytes = box.destination_x, out.dstY = box.destination_y, out.dstZ = box.destination_z;
  out.dstLOD = box.destination_lod;
  out.srcMemoryType = static_cast<CUmemorytype>(box.source_type);
  out.dstMemoryType = static_cast<CUmemorytype>(box.destination_type);
  out.srcDevice = box.source_device, out.dstDevice = box.destination_device;
  out.srcPitch = box.source_pitch, out.srcHeight = box.source_height;
  out.dstPitch = box.destination_pitch, out.dstHeight = box.destination_height;
  out.WidthInBytes = box.width, out.Height = box.height, out.Depth = box.depth;
  const Place from = {box.source_x, box.source_y, box.source_z};
  const Place to = {box.destination_x, box.destination_y, box.destination_z};
  void* host = nullptr;
  if (out.srcMemoryType == CU_MEMORYTYPE_HOST) {
    if (const CUresult status = host_pointer(session, source, box, from, host); status != CUDA_SUCCESS) return status;
    out.srcHost = host;
  }
  if (out.dstMemoryType == CU_MEMORYTYPE_HOST) {
    if (const CUresult status = host_pointer(session, destination, box, to, host); status != CUDA_SUCCESS)
      return status;
    out.dstHost = host;
  }
  const bool unified_source = out.srcMemoryType == CU_MEMORYTYPE_UNIFIED;
  const bool unified_destination = out.dstMemoryType == CU_MEMORYTYPE_UNIFIED;
  if ((unified_source && !may_be_unified(session, source, box, from)) ||
      (unified_destination && !may_be_unified(session, destination, box, to)))
    return CUDA_ERROR_INVALID_VALUE;
  if (!handle_of(invocation, Kind::array, box.source_array, out.srcArray) ||
      !handle_of(invocation, Kind::array, box.destination_array, out.dstArray))
    return CUDA_ERROR_INVALID_HANDLE;
  if (!handle_of(invocation, Kind::context, box.source_context, out.srcContext) ||
      !handle_of(invocation, Kind::context, box.destination_context, out.dstContext))
    return CUDA_ERROR_INVALID_CONTEXT;
  return CUDA_SUCCESS;
}

CUDA_MEMCPY3D without_peers(const CUDA_MEMCPY3D_PEER& peer) {
  CUDA_MEMCPY3D out = {};
  out.srcXInBytes = peer.srcXInBytes, out.srcY = peer.srcY, out.srcZ = peer.srcZ, out.srcLOD = peer.srcLOD;
  out.srcMemoryType = peer.srcMemoryType, out.srcHost = peer.srcHost, out.srcDevice = peer.srcDevice;
  out.srcArray = peer.srcArray, out.srcPitch = peer.srcPitch, out.srcHeight = peer.srcHeight;
  out.dstXInBytes = peer.dstXInBytes, out.dstY = peer.dstY, out.dstZ = peer.dstZ, out.dstLOD = peer.dstLOD;
  out.dstMemoryType = peer.dstMemoryType, out.dstHost = peer.dstHost, out.dstDevice = peer.dstDevice;
  out.dstArray = peer.dstArray, out.dstPitch = peer.dstPitch, out.dstHeight = peer.dstHeight;
  out.WidthInBytes = peer.WidthInBytes, out.Height = peer.Height, out.Depth = peer.Depth;
  return out;
}

wire::CopyBox to_box(Invocation& invocation, const CUDA_MEMCPY3D& copy) {
  wire::CopyBox box = {};
  const auto wire_array = [&](CUarray array) {
    const uint64_t real = bits_of(array);
    return real == 0 ? 0 : invocation.find_or_add(Kind::array, real);
  };
  box.source_x = copy.srcXInBytes, box.source_y = copy.srcY, box.source_z = copy.srcZ, box.source_lod = copy.srcLOD;
  box.source_type = copy.srcMemoryType, box.source_device = copy.srcDevice;
  box.source_host = bits_of(copy.srcHost);
  box.source_array = wire_array(copy.srcArray), box.source_pitch = copy.srcPitch, box.source_height = copy.srcHeight;
  box.destination_x = copy.dstXInBytes, box.destination_y = copy.dstY, box.destination_z = copy.dstZ;
  box.destination_lod = copy.dstLOD, box.destination_type = copy.dstMemoryType;
  box.destination_device = copy.dstDevice;
  box.destination_host = bits_of(copy.dstHost);
  box.destination_array = wire_array(copy.dstArray), box.destination_pitch = copy.dstPitch;
  box.destination_height = copy.dstHeight;
  box.width = copy.WidthInBytes, box.height = copy.Height, box.depth = copy.Depth;
  return box;
}

namespace {

CUDA_MEMCPY2D flattened(const CUDA_MEMCPY3D_PEER& c) {
  CUDA_MEMCPY2D out = {};
  out.srcXInBytes = c.srcXInBytes, out.srcY = c.srcY, out.srcMemoryType = c.srcMemoryType, out.srcHost = c.srcHost;
  out.srcDevice = c.srcDevice, out.srcArray = c.srcArray, out.srcPitch = c.srcPitch;
  out.dstXInBytes = c.dstXInBytes, out.dstY = c.dstY, out.dstMemoryType = c.dstMemoryType, out.dstHost = c.dstHost;
  out.dstDevice = c.dstDevice, out.dstArray = c.dstArray, out.dstPitch = c.dstPitch;
  out.WidthInBytes = c.WidthInBytes, out.Height = c.Height;
  return out;
}

CUresult submit(const Driver& driver, uint16_t opcode, const CUDA_MEMCPY3D_PEER& copy, CUstream stream,
                bool own_stream) {
  const CUDA_MEMCPY2D flat = flattened(copy);
  const CUDA_MEMCPY3D box = without_peers(copy);
  switch (opcode) {
    case api::opcode::cuMemcpy2D_v2:
      if (!own_stream) return VGPU_DRIVER(driver, cuMemcpy2D_v2)(&flat);
      [[fallthrough]];
    case api::opcode::cuMemcpy2DAsync_v2: return VGPU_DRIVER(driver, cuMemcpy2DAsync_v2)(&flat, stream);
    case api::opcode::cuMemcpy2DUnaligned_v2: return VGPU_DRIVER(driver, cuMemcpy2DUnaligned_v2)(&flat);
    case api::opcode::cuMemcpy3D_v2:
      if (!own_stream) return VGPU_DRIVER(driver, cuMemcpy3D_v2)(&box);
      [[fallthrough]];
    case api::opcode::cuMemcpy3DAsync_v2: return VGPU_DRIVER(driver, cuMemcpy3DAsync_v2)(&box, stream);
    case api::opcode::cuMemcpy3DPeer:
      if (!own_stream) return VGPU_DRIVER(driver, cuMemcpy3DPeer)(&copy);
      [[fallthrough]];
    case api::opcode::cuMemcpy3DPeerAsync: return VGPU_DRIVER(driver, cuMemcpy3DPeerAsync)(&copy, stream);
    default: return CUDA_ERROR_NOT_SUPPORTED;
  }
}

bool is_flat(uint16_t opcode) {
  return opcode == api::opcode::cuMemcpy2D_v2 || opcode == api::opcode::cuMemcpy2DAsync_v2 ||
         opcode == api::opcode::cuMemcpy2DUnaligned_v2;
}

bool is_async(uint16_t opcode) {
  return opcode == api::opcode::cuMemcpy2DAsync_v2 || opcode == api::opcode::cuMemcpy3DAsync_v2 ||
         opcode == api::opcode::cuMemcpy3DPeerAsync;
}

}  // namespace

CUresult copy_box(Invocation& invocation) {
  auto box = invocation.request.get<wire::CopyBox>();
  if (!invocation.request.complete()) return invocation.bad_message();
  const uint16_t opcode = invocation.command.opcode;
  // What the driver will not see must not decide which bytes are looked at.
  if (is_flat(opcode)) {
    box.source_z = box.destination_z = box.source_height = box.destination_height = 0;
    box.depth = 1;
  }
  CUDA_MEMCPY3D_PEER copy = {};
  if (const CUresult status = to_copy3d(invocation, box, copy); status != CUDA_SUCCESS) return status;
  CUstream stream = nullptr;
  if (!invocation.real(Kind::stream, box.stream, stream)) return CUDA_ERROR_INVALID_HANDLE;
  const Driver& driver = invocation.session.driver;
  const bool own_stream = !is_async(opcode) && (invocation.command.flags & ring::kPerThreadStream) != 0;
  const CUresult status = submit(driver, opcode, copy, stream, own_stream);
  const bool staged_to_host = box.destination_in_window != 0;
  if (status == CUDA_SUCCESS && (own_stream || (is_async(opcode) && staged_to_host)))
    return VGPU_DRIVER(driver, cuStreamSynchronize)(stream);
  return status;
}

}  // namespace vgpu::host::hand
