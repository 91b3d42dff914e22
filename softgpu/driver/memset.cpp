// SPDX-License-Identifier: Apache-2.0
// MemsetOperation, and cuMemset*. The forms without a stream do not wait either, as in CUDA.
#include <algorithm>
#include <cstring>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

CUresult validate(const CUDA_MEMSET_NODE_PARAMS_v1& set) {
  if (set.elementSize != 1 && set.elementSize != 2 && set.elementSize != 4) return CUDA_ERROR_INVALID_VALUE;
  if (set.width == 0 || set.height == 0) return CUDA_SUCCESS;
  if (set.dst % set.elementSize != 0) return CUDA_ERROR_INVALID_VALUE;
  size_t row = 0, offset = 0;
  if (__builtin_mul_overflow(set.width, size_t{set.elementSize}, &row)) return CUDA_ERROR_INVALID_VALUE;
  if (set.height > 1 && (set.pitch < row || set.pitch % set.elementSize != 0)) return CUDA_ERROR_INVALID_VALUE;
  if (set.height > 1 && __builtin_mul_overflow(set.pitch, set.height - 1, &offset)) return CUDA_ERROR_INVALID_VALUE;
  if (offset + row < row) return CUDA_ERROR_INVALID_VALUE;
  return Process::get()->memory().check_range(set.dst, offset + row, false);
}

template <class T>
void fill(uint64_t address, size_t count, unsigned value) {
  // SAFETY: the range was checked against the allocations and the alignment against the element.
  std::fill_n(reinterpret_cast<T*>(address), count, static_cast<T>(value));
}

}  // namespace

CuResult<Ref<MemsetOperation>> MemsetOperation::create(const CUDA_MEMSET_NODE_PARAMS_v1& set) {
  if (const CUresult status = validate(set); status != CUDA_SUCCESS) return status;
  return Ref<MemsetOperation>(new MemsetOperation(set));
}

CUresult MemsetOperation::run(Context&) {
  VGPU_CHECK(validate(set_));
  const std::shared_lock writes(Process::get()->memory().writers());
  for (size_t y = 0; y < set_.height; ++y) {
    const uint64_t row = set_.dst + y * set_.pitch;
    if (set_.elementSize == 1)
      std::memset(reinterpret_cast<void*>(row), static_cast<int>(set_.value & 0xff), set_.width);
    else if (set_.elementSize == 2) fill<uint16_t>(row, set_.width, set_.value);
    else fill<uint32_t>(row, set_.width, set_.value);
  }
  return CUDA_SUCCESS;
}

namespace {

CUresult set_memory(const CUDA_MEMSET_NODE_PARAMS_v1& set, CUstream handle) {
  const Ref<Stream> stream = TRY(find_stream(handle));
  const Ref<MemsetOperation> operation = TRY(MemsetOperation::create(set));
  if ((set.width == 0 || set.height == 0) && !stream->capture()) return CUDA_SUCCESS;
  // Below this, setting takes less time than waking the thread that would do it.
  constexpr size_t kShort = size_t{256} << 10;
  const bool is_short = set.width * set.elementSize * set.height <= kShort;
  return is_short ? stream->enqueue_short(operation) : stream->enqueue(operation);
}

CUresult set_1d(CUdeviceptr at, unsigned value, unsigned element, size_t count, CUstream stream) {
  return set_memory({at, 0, value, element, count, 1}, stream);
}
CUresult set_2d(CUdeviceptr at, size_t pitch, unsigned value, unsigned element, size_t width, size_t height,
                CUstream stream) {
  return set_memory({at, pitch, value, element, width, height}, stream);
}

}  // namespace
}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" {

CUresult cuMemsetD8_v2(CUdeviceptr dstDevice, unsigned char uc, size_t N) {
  return set_1d(dstDevice, uc, 1, N, nullptr);
}
CUresult cuMemsetD16_v2(CUdeviceptr dstDevice, unsigned short us, size_t N) {
  return set_1d(dstDevice, us, 2, N, nullptr);
}
CUresult cuMemsetD32_v2(CUdeviceptr dstDevice, unsigned int ui, size_t N) {
  return set_1d(dstDevice, ui, 4, N, nullptr);
}
CUresult cuMemsetD8Async(CUdeviceptr dstDevice, unsigned char uc, size_t N, CUstream hStream) {
  return set_1d(dstDevice, uc, 1, N, hStream);
}
CUresult cuMemsetD16Async(CUdeviceptr dstDevice, unsigned short us, size_t N, CUstream hStream) {
  return set_1d(dstDevice, us, 2, N, hStream);
}
CUresult cuMemsetD32Async(CUdeviceptr dstDevice, unsigned int ui, size_t N, CUstream hStream) {
  return set_1d(dstDevice, ui, 4, N, hStream);
}

CUresult cuMemsetD2D8_v2(CUdeviceptr dstDevice, size_t dstPitch, unsigned char uc, size_t Width, size_t Height) {
  return set_2d(dstDevice, dstPitch, uc, 1, Width, Height, nullptr);
}
CUresult cuMemsetD2D16_v2(CUdeviceptr dstDevice, size_t dstPitch, unsigned short us, size_t Width, size_t Height) {
  return set_2d(dstDevice, dstPitch, us, 2, Width, Height, nullptr);
}
CUresult cuMemsetD2D32_v2(CUdeviceptr dstDevice, size_t dstPitch, unsigned int ui, size_t Width, size_t Height) {
  return set_2d(dstDevice, dstPitch, ui, 4, Width, Height, nullptr);
}
CUresult cuMemsetD2D8Async(CUdeviceptr dstDevice, size_t dstPitch, unsigned char uc, size_t Width, size_t Height,
                           CUstream hStream) {
  return set_2d(dstDevice, dstPitch, uc, 1, Width, Height, hStream);
}
CUresult cuMemsetD2D16Async(CUdeviceptr dstDevice, size_t dstPitch, unsigned short us, size_t Width, size_t Height,
                            CUstream hStream) {
  return set_2d(dstDevice, dstPitch, us, 2, Width, Height, hStream);
}
CUresult cuMemsetD2D32Async(CUdeviceptr dstDevice, size_t dstPitch, unsigned int ui, size_t Width, size_t Height,
                            CUstream hStream) {
  return set_2d(dstDevice, dstPitch, ui, 4, Width, Height, hStream);
}

}  // extern "C"
