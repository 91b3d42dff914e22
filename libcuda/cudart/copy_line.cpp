// SPDX-License-Identifier: Apache-2.0
// The copies that CUDA 10 deprecated: an array's rows are one line of bytes, which begins at an offset and goes on from
// the end of a row to the beginning of the next. Each is made of rectangles, of which the driver has copies.
#include <algorithm>

#include "libcuda/cudart/box.h"
#include "libcuda/cudart/rows.h"

namespace vgpu::runtime::calls {
namespace {

// One side of such a copy: where its next byte is.
struct Line {
  CUmemorytype type = CU_MEMORYTYPE_ARRAY;
  CUarray array = nullptr;
  char* pointer = nullptr;  // linear memory, of any type but ARRAY
  size_t width = 0;         // bytes of a row; 0: linear memory, which has none
  size_t x = 0, y = 0;      // bytes, rows

  void advance(size_t bytes) {
    if (width == 0) {
      pointer += bytes;
      return;
    }
    y += (x + bytes) / width;
    x = (x + bytes) % width;
  }
};

Line memory(CUmemorytype type, const void* pointer) {
  Line line;
  line.type = type;
  line.pointer = static_cast<char*>(const_cast<void*>(pointer));
  return line;
}

// `count` bytes of the array from (x, y) on.
cudaError_t rows_of(cudaArray_const_t array, size_t x, size_t y, size_t count, Line* line) {
  line->array = reinterpret_cast<CUarray>(const_cast<cudaArray_t>(array));
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuArray3DGetDescriptor_v2)(&descriptor, line->array));
  size_t element = 0;
  VGPU_RETURN_ERROR(element_size(line->array, &element));
  const size_t height = std::max<size_t>(descriptor.Height, 1);
  line->width = descriptor.Width * element;
  line->x = x;
  line->y = y;
  if (x >= line->width || y >= height || count > (height - y) * line->width - x) return cudaErrorInvalidValue;
  return cudaSuccess;
}

// The largest rectangle that both lines begin with; the next ones follow it. At most `count` bytes, which is not 0.
CUDA_MEMCPY2D take_rectangle(Line& dst, Line& src, size_t count) {
  CUDA_MEMCPY2D copy{};
  const size_t width = std::max(dst.width, src.width);
  const bool same_rows = dst.x == 0 && src.x == 0 && (dst.width == 0 || src.width == 0 || dst.width == src.width);
  if (same_rows && count >= width) {
    copy.WidthInBytes = width;
    copy.Height = count / width;
  } else {
    copy.WidthInBytes = count;
    if (dst.width != 0) copy.WidthInBytes = std::min(copy.WidthInBytes, dst.width - dst.x);
    if (src.width != 0) copy.WidthInBytes = std::min(copy.WidthInBytes, src.width - src.x);
    copy.Height = 1;
  }
  copy.srcMemoryType = src.type;
  copy.srcArray = src.array;
  copy.srcHost = src.pointer;
  copy.srcDevice = reinterpret_cast<CUdeviceptr>(src.pointer);
  copy.srcPitch = copy.WidthInBytes;
  copy.srcXInBytes = src.x;
  copy.srcY = src.y;
  copy.dstMemoryType = dst.type;
  copy.dstArray = dst.array;
  copy.dstHost = dst.pointer;
  copy.dstDevice = reinterpret_cast<CUdeviceptr>(dst.pointer);
  copy.dstPitch = copy.WidthInBytes;
  copy.dstXInBytes = dst.x;
  copy.dstY = dst.y;
  dst.advance(copy.WidthInBytes * copy.Height);
  src.advance(copy.WidthInBytes * copy.Height);
  return copy;
}

// copy_rectangle(rectangle) for each that the `count` bytes are made of.
template <class F>
cudaError_t copy_line(Line dst, Line src, size_t count, F copy_rectangle) {
  while (count != 0) {
    const CUDA_MEMCPY2D rectangle = take_rectangle(dst, src, count);
    VGPU_RETURN_ERROR(copy_rectangle(rectangle));
    count -= rectangle.WidthInBytes * rectangle.Height;
  }
  return cudaSuccess;
}

auto now() {
  return [](const CUDA_MEMCPY2D& copy) { return VGPU_DRIVER_FLAVOURED(cuMemcpy2DUnaligned_v2, _ptds)(&copy); };
}

auto later(cudaStream_t stream) {
  return [stream](const CUDA_MEMCPY2D& copy) { return VGPU_DRIVER(cuMemcpy2DAsync_v2)(&copy, stream); };
}

template <class F>
cudaError_t into_array(cudaArray_t dst, size_t x, size_t y, const void* src, size_t count, cudaMemcpyKind kind,
                       F copy_rectangle) {
  CopySides sides{};
  Line line;
  VGPU_RETURN_ERROR(use_context());
  if (count == 0) return cudaSuccess;
  VGPU_RETURN_ERROR(sides_into_array(kind, &sides));
  VGPU_RETURN_ERROR(rows_of(dst, x, y, count, &line));
  return copy_line(line, memory(sides.source, src), count, copy_rectangle);
}

template <class F>
cudaError_t out_of_array(void* dst, cudaArray_const_t src, size_t x, size_t y, size_t count, cudaMemcpyKind kind,
                         F copy_rectangle) {
  CopySides sides{};
  Line line;
  VGPU_RETURN_ERROR(use_context());
  if (count == 0) return cudaSuccess;
  VGPU_RETURN_ERROR(sides_out_of_array(kind, &sides));
  VGPU_RETURN_ERROR(rows_of(src, x, y, count, &line));
  return copy_line(memory(sides.destination, dst), line, count, copy_rectangle);
}

}  // namespace

cudaError_t cudaMemcpyToArray(cudaArray_t dst, size_t x, size_t y, const void* src, size_t count, cudaMemcpyKind kind) {
  return into_array(dst, x, y, src, count, kind, now());
}

cudaError_t cudaMemcpyToArrayAsync(cudaArray_t dst, size_t x, size_t y, const void* src, size_t count,
                                   cudaMemcpyKind kind, cudaStream_t stream) {
  return into_array(dst, x, y, src, count, kind, later(stream));
}

cudaError_t cudaMemcpyFromArray(void* dst, cudaArray_const_t src, size_t x, size_t y, size_t count,
                                cudaMemcpyKind kind) {
  return out_of_array(dst, src, x, y, count, kind, now());
}

cudaError_t cudaMemcpyFromArrayAsync(void* dst, cudaArray_const_t src, size_t x, size_t y, size_t count,
                                     cudaMemcpyKind kind, cudaStream_t stream) {
  return out_of_array(dst, src, x, y, count, kind, later(stream));
}

cudaError_t cudaMemcpyArrayToArray(cudaArray_t dst, size_t dst_x, size_t dst_y, cudaArray_const_t src, size_t src_x,
                                   size_t src_y, size_t count, cudaMemcpyKind kind) {
  Line to, from;
  VGPU_RETURN_ERROR(use_context());
  if (count == 0) return cudaSuccess;
  if (kind != cudaMemcpyDeviceToDevice && kind != cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  VGPU_RETURN_ERROR(rows_of(dst, dst_x, dst_y, count, &to));
  VGPU_RETURN_ERROR(rows_of(src, src_x, src_y, count, &from));
  return copy_line(to, from, count, now());
}

}  // namespace vgpu::runtime::calls
