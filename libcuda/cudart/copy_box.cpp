// SPDX-License-Identifier: Apache-2.0
// Copies of rectangles and boxes.
#include "libcuda/cudart/box.h"
#include "libcuda/cudart/rows.h"

namespace vgpu::runtime::calls {
namespace {

bool is_empty(const cudaExtent& extent) { return extent.width == 0 || extent.height == 0 || extent.depth == 0; }

CUarray handle_of(cudaArray_const_t array) { return reinterpret_cast<CUarray>(const_cast<cudaArray_t>(array)); }

void set_source(CUDA_MEMCPY2D& copy, CUmemorytype type, const void* pointer, size_t pitch) {
  copy.srcMemoryType = type;
  copy.srcHost = pointer;
  copy.srcDevice = reinterpret_cast<CUdeviceptr>(pointer);
  copy.srcPitch = pitch;
}

void set_destination(CUDA_MEMCPY2D& copy, CUmemorytype type, void* pointer, size_t pitch) {
  copy.dstMemoryType = type;
  copy.dstHost = pointer;
  copy.dstDevice = reinterpret_cast<CUdeviceptr>(pointer);
  copy.dstPitch = pitch;
}

// Offsets of 2D array copies are in bytes, unlike those of 3D copies.
void set_source(CUDA_MEMCPY2D& copy, cudaArray_const_t array, size_t x, size_t y) {
  copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.srcArray = handle_of(array);
  copy.srcXInBytes = x;
  copy.srcY = y;
}

void set_destination(CUDA_MEMCPY2D& copy, cudaArray_const_t array, size_t x, size_t y) {
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = handle_of(array);
  copy.dstXInBytes = x;
  copy.dstY = y;
}

CUDA_MEMCPY2D rectangle(size_t width, size_t height) {
  CUDA_MEMCPY2D copy{};
  copy.WidthInBytes = width;
  copy.Height = height;
  return copy;
}

bool is_empty(const CUDA_MEMCPY2D& copy) { return copy.WidthInBytes == 0 || copy.Height == 0; }

// Nothing is copied, whatever else the arguments say.
cudaError_t copy_now(const CUDA_MEMCPY2D& copy) {
  VGPU_RETURN_ERROR(use_context());
  if (is_empty(copy)) return cudaSuccess;
  return VGPU_DRIVER_FLAVOURED(cuMemcpy2DUnaligned_v2, _ptds)(&copy);
}

cudaError_t copy_later(const CUDA_MEMCPY2D& copy, cudaStream_t stream) {
  VGPU_RETURN_ERROR(use_context());
  if (is_empty(copy)) return cudaSuccess;
  return VGPU_DRIVER(cuMemcpy2DAsync_v2)(&copy, stream);
}

// Of a box nothing is copied either, but its stream is looked at.
cudaError_t copy_nothing_later(cudaStream_t stream) {
  unsigned flags = 0;
  return VGPU_DRIVER(cuStreamGetFlags)(stream, &flags);
}

// A pitch of one row is never used.
bool fits(const CUDA_MEMCPY2D& copy, size_t pitch) { return copy.Height <= 1 || copy.WidthInBytes <= pitch; }

cudaError_t linear(void* dst, size_t dst_pitch, const void* src, size_t src_pitch, CUDA_MEMCPY2D& copy,
                   cudaMemcpyKind kind) {
  CopySides sides{};
  if (is_empty(copy)) return cudaSuccess;
  if (!fits(copy, dst_pitch) || !fits(copy, src_pitch)) return cudaErrorInvalidPitchValue;
  VGPU_RETURN_ERROR(copy_sides(kind, &sides));
  set_source(copy, sides.source, src, src_pitch);
  set_destination(copy, sides.destination, dst, dst_pitch);
  return cudaSuccess;
}

cudaError_t into_array(cudaArray_t dst, size_t x, size_t y, const void* src, size_t pitch, CUDA_MEMCPY2D& copy,
                       cudaMemcpyKind kind) {
  CopySides sides{};
  if (is_empty(copy)) return cudaSuccess;
  if (!fits(copy, pitch)) return cudaErrorInvalidPitchValue;
  VGPU_RETURN_ERROR(sides_into_array(kind, &sides));
  if (dst == nullptr) return cudaErrorInvalidResourceHandle;
  set_source(copy, sides.source, src, pitch);
  set_destination(copy, dst, x, y);
  return cudaSuccess;
}

cudaError_t out_of_array(void* dst, size_t pitch, cudaArray_const_t src, size_t x, size_t y, CUDA_MEMCPY2D& copy,
                         cudaMemcpyKind kind) {
  CopySides sides{};
  if (is_empty(copy)) return cudaSuccess;
  if (!fits(copy, pitch)) return cudaErrorInvalidPitchValue;
  VGPU_RETURN_ERROR(sides_out_of_array(kind, &sides));
  if (src == nullptr) return cudaErrorInvalidResourceHandle;
  set_source(copy, src, x, y);
  set_destination(copy, sides.destination, dst, pitch);
  return cudaSuccess;
}

cudaError_t check_devices(const cudaMemcpy3DPeerParms& parameters) {
  VGPU_RETURN_ERROR(check_device(parameters.srcDevice));
  return check_device(parameters.dstDevice);
}

cudaError_t peer_copy(const cudaMemcpy3DPeerParms& from, CUDA_MEMCPY3D_PEER* to) {
  cudaMemcpy3DParms plain{};
  plain.srcArray = from.srcArray;
  plain.srcPos = from.srcPos;
  plain.srcPtr = from.srcPtr;
  plain.dstArray = from.dstArray;
  plain.dstPos = from.dstPos;
  plain.dstPtr = from.dstPtr;
  plain.extent = from.extent;
  plain.kind = cudaMemcpyDeviceToDevice;
  CUDA_MEMCPY3D box;
  VGPU_RETURN_ERROR(driver_copy(plain, &box));
  static_assert(sizeof box == sizeof *to);  // They differ in the contexts, where the plain one is reserved.
  std::memcpy(to, &box, sizeof box);
  VGPU_RETURN_ERROR(primary_context(from.srcDevice, &to->srcContext));
  return primary_context(from.dstDevice, &to->dstContext);
}

}  // namespace

cudaError_t cudaMemcpy2D(void* dst, size_t dst_pitch, const void* src, size_t src_pitch, size_t width, size_t height,
                         cudaMemcpyKind kind) {
  CUDA_MEMCPY2D copy = rectangle(width, height);
  VGPU_RETURN_ERROR(linear(dst, dst_pitch, src, src_pitch, copy, kind));
  return copy_now(copy);
}

cudaError_t cudaMemcpy2DAsync(void* dst, size_t dst_pitch, const void* src, size_t src_pitch, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  CUDA_MEMCPY2D copy = rectangle(width, height);
  VGPU_RETURN_ERROR(linear(dst, dst_pitch, src, src_pitch, copy, kind));
  return copy_later(copy, stream);
}

cudaError_t cudaMemcpy2DToArray(cudaArray_t dst, size_t x, size_t y, const void* src, size_t pitch, size_t width,
                                size_t height, cudaMemcpyKind kind) {
  CUDA_MEMCPY2D copy = rectangle(width, height);
  VGPU_RETURN_ERROR(into_array(dst, x, y, src, pitch, copy, kind));
  return copy_now(copy);
}

cudaError_t cudaMemcpy2DToArrayAsync(cudaArray_t dst, size_t x, size_t y, const void* src, size_t pitch, size_t width,
                                     size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  CUDA_MEMCPY2D copy = rectangle(width, height);
  VGPU_RETURN_ERROR(into_array(dst, x, y, src, pitch, copy, kind));
  return copy_later(copy, stream);
}

cudaError_t cudaMemcpy2DFromArray(void* dst, size_t pitch, cudaArray_const_t src, size_t x, size_t y, size_t width,
                                  size_t height, cudaMemcpyKind kind) {
  CUDA_MEMCPY2D copy = rectangle(width, height);
  VGPU_RETURN_ERROR(out_of_array(dst, pitch, src, x, y, copy, kind));
  return copy_now(copy);
}

cudaError_t cudaMemcpy2DFromArrayAsync(void* dst, size_t pitch, cudaArray_const_t src, size_t x, size_t y, size_t width,
                                       size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  CUDA_MEMCPY2D copy = rectangle(width, height);
  VGPU_RETURN_ERROR(out_of_array(dst, pitch, src, x, y, copy, kind));
  return copy_later(copy, stream);
}

cudaError_t cudaMemcpy2DArrayToArray(cudaArray_t dst, size_t dst_x, size_t dst_y, cudaArray_const_t src, size_t src_x,
                                     size_t src_y, size_t width, size_t height, cudaMemcpyKind kind) {
  CUDA_MEMCPY2D copy = rectangle(width, height);
  if (is_empty(copy)) return copy_now(copy);
  if (kind != cudaMemcpyDeviceToDevice && kind != cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  set_source(copy, src, src_x, src_y);
  set_destination(copy, dst, dst_x, dst_y);
  return copy_now(copy);
}

cudaError_t cudaMemcpy3D(const cudaMemcpy3DParms* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUDA_MEMCPY3D copy;
  VGPU_RETURN_ERROR(use_context());
  if (is_empty(parameters->extent)) return cudaSuccess;
  VGPU_RETURN_ERROR(driver_copy(*parameters, &copy));
  return VGPU_DRIVER_FLAVOURED(cuMemcpy3D_v2, _ptds)(&copy);
}

cudaError_t cudaMemcpy3DAsync(const cudaMemcpy3DParms* parameters, cudaStream_t stream) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUDA_MEMCPY3D copy;
  VGPU_RETURN_ERROR(use_context());
  if (is_empty(parameters->extent)) return copy_nothing_later(stream);
  VGPU_RETURN_ERROR(driver_copy(*parameters, &copy));
  return VGPU_DRIVER(cuMemcpy3DAsync_v2)(&copy, stream);
}

cudaError_t cudaMemcpy3DPeer(const cudaMemcpy3DPeerParms* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUDA_MEMCPY3D_PEER copy;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(check_devices(*parameters));
  if (is_empty(parameters->extent)) return cudaSuccess;
  VGPU_RETURN_ERROR(peer_copy(*parameters, &copy));
  return VGPU_DRIVER_FLAVOURED(cuMemcpy3DPeer, _ptds)(&copy);
}

cudaError_t cudaMemcpy3DPeerAsync(const cudaMemcpy3DPeerParms* parameters, cudaStream_t stream) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUDA_MEMCPY3D_PEER copy;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(check_devices(*parameters));
  if (is_empty(parameters->extent)) return copy_nothing_later(stream);
  VGPU_RETURN_ERROR(peer_copy(*parameters, &copy));
  return VGPU_DRIVER(cuMemcpy3DPeerAsync)(&copy, stream);
}

}  // namespace vgpu::runtime::calls
