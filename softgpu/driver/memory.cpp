// SPDX-License-Identifier: Apache-2.0
// Plain device memory: cuMemAlloc, cuMemAllocPitch, cuMemFree, cuMemGetInfo, cuMemGetAddressRange. The first ABI's
// forms have 32-bit device pointers, which cannot hold this device's addresses: they stay unimplemented.
#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/graph_memory.h"
#include "softgpu/driver/imported_memory.h"
#include "softgpu/driver/pool.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

namespace vgpu::soft {

CUresult free_device_memory(CUdeviceptr address) {
  AddressSpace& memory = Process::get()->memory();
  const std::optional<Region> region = memory.find(address);
  if (!region || region->begin != address) return CUDA_ERROR_INVALID_VALUE;
  if ((region->kind == RegionKind::imported && region->pool != 0) || region->kind == RegionKind::external)
    return close_imported(address, false) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  if (region->kind == RegionKind::pool)
    if (const Ref<Pool> pool = find<Pool>(reinterpret_cast<CUmemoryPool>(region->pool)))
      return pool->take_back(*region) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  const bool released = memory.release(address, {RegionKind::device, RegionKind::managed, RegionKind::pool});
  return released ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

namespace {

// Large allocations begin on huge pages.
constexpr uint64_t kLarge = uint64_t{2} << 20;
constexpr uint64_t kSmallAlignment = 512;
// Rows of pitched memory begin at multiples of this.
constexpr size_t kPitchAlignment = 512;

CUresult allocate(CUdeviceptr* out, size_t size) {
  Context* const context = TRY(current_context());
  if (out == nullptr || size == 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_unsafe_call());
  Region region;
  region.size = size;
  region.kind = RegionKind::device;
  region.device = context->device().ordinal();
  region.context = context->handle_value();
  *out = TRY(Process::get()->memory().allocate(region, size >= kLarge ? kLarge : kSmallAlignment)).begin;
  return CUDA_SUCCESS;
}

CUresult free_memory(CUdeviceptr address) {
  Context* const context = TRY(current_context());
  if (address == 0) return CUDA_SUCCESS;
  VGPU_CHECK(check_unsafe_call());
  const std::optional<Region> region = Process::get()->memory().find(address);
  const bool freeable = region && region->begin == address && !region->freeing &&
                        (region->kind == RegionKind::device || region->kind == RegionKind::managed ||
                         region->kind == RegionKind::external || region->pool != 0);
  if (!freeable) return CUDA_ERROR_INVALID_VALUE;
  // cuMemFree waits for work that may still use the memory: its owner's, and the caller's.
  const Ref<Context> owner = find<Context>(reinterpret_cast<CUcontext>(region->context));
  if (owner && owner.get() != context) owner->wait_for_work();
  context->wait_for_work();
  VGPU_CHECK(context->error());
  if (const auto freed = free_graph_allocation(address)) return *freed;
  return free_device_memory(address);
}

}  // namespace
}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" {

CUresult cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) { return allocate(dptr, bytesize); }

CUresult cuMemAllocPitch_v2(CUdeviceptr* dptr, size_t* pPitch, size_t WidthInBytes, size_t Height,
                            unsigned int ElementSizeBytes) {
  TRY(current_context());
  if (pPitch == nullptr || WidthInBytes == 0 || Height == 0) return CUDA_ERROR_INVALID_VALUE;
  if (ElementSizeBytes != 4 && ElementSizeBytes != 8 && ElementSizeBytes != 16) return CUDA_ERROR_INVALID_VALUE;
  if (WidthInBytes > SIZE_MAX - kPitchAlignment) return CUDA_ERROR_INVALID_VALUE;
  const size_t pitch = (WidthInBytes + kPitchAlignment - 1) / kPitchAlignment * kPitchAlignment;
  size_t bytes = 0;
  if (__builtin_mul_overflow(pitch, Height, &bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  VGPU_CHECK(allocate(dptr, bytes));
  *pPitch = pitch;
  return CUDA_SUCCESS;
}

CUresult cuMemFree_v2(CUdeviceptr dptr) { return free_memory(dptr); }

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  Context* const context = TRY(current_context());
  if (free == nullptr || total == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *total = context->device().total_memory();
  *free = *total - Process::get()->memory().used(context->device().ordinal());
  return CUDA_SUCCESS;
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  TRY(current_context());
  const std::optional<Region> region = Process::get()->memory().find(dptr);
  if (!region) return CUDA_ERROR_NOT_FOUND;
  if (pbase != nullptr) *pbase = region->begin;
  if (psize != nullptr) *psize = region->size;
  return CUDA_SUCCESS;
}

}  // extern "C"
