// SPDX-License-Identifier: Apache-2.0
// One-dimensional copies. The forms without a stream run on the NULL stream; they wait for the copy unless both sides
// are device memory (CUDA driver API, "API synchronization behavior").
#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

using Place = MemcpyOperation::Place;

Place device(CUdeviceptr address) { return {CU_MEMORYTYPE_DEVICE, address}; }
Place unified(CUdeviceptr address) { return {CU_MEMORYTYPE_UNIFIED, address}; }
Place host(const void* address) { return {CU_MEMORYTYPE_HOST, reinterpret_cast<uint64_t>(address)}; }

CUresult copy_now(Place to, Place from, size_t bytes) {
  const Ref<Stream> stream = TRY(find_stream(nullptr));
  if (bytes == 0) return CUDA_SUCCESS;
  const CUresult result = stream->execute(TRY(MemcpyOperation::create_1d(to, from, bytes)));
  stream->context().flush_output();
  return result;
}

CUresult copy_async(Place to, Place from, size_t bytes, CUstream handle) {
  const Ref<Stream> stream = TRY(find_stream(handle));
  if (bytes == 0) return CUDA_SUCCESS;
  return enqueue_copy(*stream, TRY(MemcpyOperation::create_1d(to, from, bytes)));
}

bool is_host(uint64_t address) {
  const std::optional<Region> region = Process::get()->memory().find(address);
  return !region || region->is_host();
}

// The contexts of a peer copy must exist; all memory is in this process, so the copy itself is as any other.
CUresult check_peers(CUcontext a, CUcontext b) {
  TRY(current_context());
  const Ref<Context> first = find<Context>(a), second = find<Context>(b);
  if (!first || !second) return CUDA_ERROR_INVALID_CONTEXT;
  VGPU_CHECK(first->check());
  return second->check();
}

}  // namespace

extern "C" {

CUresult cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  return copy_now(device(dstDevice), host(srcHost), ByteCount);
}
CUresult cuMemcpyDtoH_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  return copy_now(host(dstHost), device(srcDevice), ByteCount);
}
CUresult cuMemcpyDtoD_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount) {
  return copy_async(device(dstDevice), device(srcDevice), ByteCount, nullptr);
}
CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) {
  TRY(current_context());
  if (is_host(dst) || is_host(src)) return copy_now(unified(dst), unified(src), ByteCount);
  return copy_async(unified(dst), unified(src), ByteCount, nullptr);
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return copy_async(device(dstDevice), host(srcHost), ByteCount, hStream);
}
CUresult cuMemcpyDtoHAsync_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return copy_async(host(dstHost), device(srcDevice), ByteCount, hStream);
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return copy_async(device(dstDevice), device(srcDevice), ByteCount, hStream);
}
CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
  return copy_async(unified(dst), unified(src), ByteCount, hStream);
}

// Serialised with the work of both contexts.
CUresult cuMemcpyPeer(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext,
                      size_t ByteCount) {
  VGPU_CHECK(check_peers(dstContext, srcContext));
  find<Context>(srcContext)->wait_for_work();
  find<Context>(dstContext)->wait_for_work();
  return copy_now(device(dstDevice), device(srcDevice), ByteCount);
}
CUresult cuMemcpyPeerAsync(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext,
                           size_t ByteCount, CUstream hStream) {
  VGPU_CHECK(check_peers(dstContext, srcContext));
  return copy_async(device(dstDevice), device(srcDevice), ByteCount, hStream);
}

}  // extern "C"
