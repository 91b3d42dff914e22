// SPDX-License-Identifier: Apache-2.0
// Linear copies and sets, to and from symbols, and between devices.
#include "libcuda/cudart/registry.h"
#include "libcuda/cudart/rows.h"

namespace vgpu::runtime::calls {
namespace {

// The symbol's bytes that a copy touches. A symbol that is none goes before a direction that is none.
cudaError_t locate(const void* symbol, size_t count, size_t offset, bool direction_fits, CUdeviceptr* address) {
  size_t size = 0;
  VGPU_RETURN_ERROR(find_variable(symbol, address, &size));
  if (!direction_fits) return cudaErrorInvalidMemcpyDirection;
  if (offset > size || count > size - offset) return cudaErrorInvalidValue;
  *address += offset;
  return cudaSuccess;
}

bool towards_device(cudaMemcpyKind kind) {
  return kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice || kind == cudaMemcpyDefault;
}

bool from_device(cudaMemcpyKind kind) {
  return kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice || kind == cudaMemcpyDefault;
}

struct Peers {
  CUcontext dst = nullptr, src = nullptr;
};

// The contexts between which a copy from device to device goes.
cudaError_t find_peers(int dst_device, int src_device, Peers* peers) {
  VGPU_RETURN_ERROR(primary_context(dst_device, &peers->dst));
  return primary_context(src_device, &peers->src);
}

}  // namespace

cudaError_t cudaMemcpy(void* dst, const void* src, size_t count, cudaMemcpyKind kind) {
  VGPU_RETURN_ERROR(use_context());
  if (count == 0) return cudaSuccess;
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  switch (kind) {
    case cudaMemcpyHostToDevice: return VGPU_DRIVER_FLAVOURED(cuMemcpyHtoD_v2, _ptds)(dst, src, count);
    case cudaMemcpyDeviceToHost: return VGPU_DRIVER_FLAVOURED(cuMemcpyDtoH_v2, _ptds)(dst, src, count);
    case cudaMemcpyDeviceToDevice: return VGPU_DRIVER_FLAVOURED(cuMemcpyDtoD_v2, _ptds)(dst, src, count);
    case cudaMemcpyHostToHost:
    case cudaMemcpyDefault: break;
  }
  return VGPU_DRIVER_FLAVOURED(cuMemcpy, _ptds)(dst, src, count);
}

cudaError_t cudaMemcpyAsync(void* dst, const void* src, size_t count, cudaMemcpyKind kind, cudaStream_t stream) {
  VGPU_RETURN_ERROR(use_context());
  if (count == 0) return cudaSuccess;
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  switch (kind) {
    case cudaMemcpyHostToDevice: return VGPU_DRIVER(cuMemcpyHtoDAsync_v2)(dst, src, count, stream);
    case cudaMemcpyDeviceToHost: return VGPU_DRIVER(cuMemcpyDtoHAsync_v2)(dst, src, count, stream);
    case cudaMemcpyDeviceToDevice: return VGPU_DRIVER(cuMemcpyDtoDAsync_v2)(dst, src, count, stream);
    case cudaMemcpyHostToHost:
    case cudaMemcpyDefault: break;
  }
  return VGPU_DRIVER(cuMemcpyAsync)(dst, src, count, stream);
}

cudaError_t cudaMemcpyToSymbol(const void* symbol, const void* src, size_t count, size_t offset, cudaMemcpyKind kind) {
  if (count == 0) return use_context();
  CUdeviceptr address = 0;
  VGPU_RETURN_ERROR(locate(symbol, count, offset, towards_device(kind), &address));
  return calls::cudaMemcpy(reinterpret_cast<void*>(address), src, count, kind);
}

cudaError_t cudaMemcpyFromSymbol(void* dst, const void* symbol, size_t count, size_t offset, cudaMemcpyKind kind) {
  if (count == 0) return use_context();
  CUdeviceptr address = 0;
  VGPU_RETURN_ERROR(locate(symbol, count, offset, from_device(kind), &address));
  return calls::cudaMemcpy(dst, reinterpret_cast<void*>(address), count, kind);
}

cudaError_t cudaMemcpyToSymbolAsync(const void* symbol, const void* src, size_t count, size_t offset,
                                    cudaMemcpyKind kind, cudaStream_t stream) {
  if (count == 0) return use_context();
  CUdeviceptr address = 0;
  VGPU_RETURN_ERROR(locate(symbol, count, offset, towards_device(kind), &address));
  return calls::cudaMemcpyAsync(reinterpret_cast<void*>(address), src, count, kind, stream);
}

cudaError_t cudaMemcpyFromSymbolAsync(void* dst, const void* symbol, size_t count, size_t offset, cudaMemcpyKind kind,
                                      cudaStream_t stream) {
  if (count == 0) return use_context();
  CUdeviceptr address = 0;
  VGPU_RETURN_ERROR(locate(symbol, count, offset, from_device(kind), &address));
  return calls::cudaMemcpyAsync(dst, reinterpret_cast<void*>(address), count, kind, stream);
}

cudaError_t cudaMemcpyPeer(void* dst, int dst_device, const void* src, int src_device, size_t count) {
  VGPU_RETURN_ERROR(use_context());
  if (count == 0) return cudaSuccess;
  Peers peers;
  VGPU_RETURN_ERROR(find_peers(dst_device, src_device, &peers));
  return VGPU_DRIVER_FLAVOURED(cuMemcpyPeer, _ptds)(dst, peers.dst, src, peers.src, count);
}

cudaError_t cudaMemcpyPeerAsync(void* dst, int dst_device, const void* src, int src_device, size_t count,
                                cudaStream_t stream) {
  VGPU_RETURN_ERROR(use_context());
  if (count == 0) return cudaSuccess;
  Peers peers;
  VGPU_RETURN_ERROR(find_peers(dst_device, src_device, &peers));
  return VGPU_DRIVER(cuMemcpyPeerAsync)(dst, peers.dst, src, peers.src, count, stream);
}

cudaError_t cudaMemset(void* pointer, int value, size_t count) {
  VGPU_RETURN_ERROR(use_context());
  if (count == 0) return cudaSuccess;
  return VGPU_DRIVER_FLAVOURED(cuMemsetD8_v2, _ptds)(pointer, static_cast<unsigned char>(value), count);
}

cudaError_t cudaMemsetAsync(void* pointer, int value, size_t count, cudaStream_t stream) {
  VGPU_RETURN_ERROR(use_context());
  if (count == 0) return cudaSuccess;
  return VGPU_DRIVER(cuMemsetD8Async)(pointer, static_cast<unsigned char>(value), count, stream);
}

cudaError_t cudaMemset2D(void* pointer, size_t pitch, int value, size_t width, size_t height) {
  VGPU_RETURN_ERROR(use_context());
  if (width == 0 || height == 0) return cudaSuccess;
  return VGPU_DRIVER_FLAVOURED(cuMemsetD2D8_v2, _ptds)(pointer, pitch, static_cast<unsigned char>(value), width,
                                                       height);
}

cudaError_t cudaMemset2DAsync(void* pointer, size_t pitch, int value, size_t width, size_t height,
                              cudaStream_t stream) {
  VGPU_RETURN_ERROR(use_context());
  if (width == 0 || height == 0) return cudaSuccess;
  return VGPU_DRIVER(cuMemsetD2D8Async)(pointer, pitch, static_cast<unsigned char>(value), width, height, stream);
}

// A box is a stack of rectangles; where its slices are full height, it is one rectangle.
cudaError_t cudaMemset3D(cudaPitchedPtr pitched, int value, cudaExtent extent) {
  if (extent.height == pitched.ysize)
    return calls::cudaMemset2D(pitched.ptr, pitched.pitch, value, extent.width, extent.height * extent.depth);
  for (size_t z = 0; z < extent.depth; ++z)
    VGPU_RETURN_ERROR(calls::cudaMemset2D(static_cast<char*>(pitched.ptr) + z * pitched.pitch * pitched.ysize,
                                          pitched.pitch, value, extent.width, extent.height));
  return cudaSuccess;
}

cudaError_t cudaMemset3DAsync(cudaPitchedPtr pitched, int value, cudaExtent extent, cudaStream_t stream) {
  if (extent.height == pitched.ysize)
    return calls::cudaMemset2DAsync(pitched.ptr, pitched.pitch, value, extent.width, extent.height * extent.depth,
                                    stream);
  for (size_t z = 0; z < extent.depth; ++z)
    VGPU_RETURN_ERROR(calls::cudaMemset2DAsync(static_cast<char*>(pitched.ptr) + z * pitched.pitch * pitched.ysize,
                                               pitched.pitch, value, extent.width, extent.height, stream));
  return cudaSuccess;
}

}  // namespace vgpu::runtime::calls
