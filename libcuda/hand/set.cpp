// SPDX-License-Identifier: Apache-2.0
// Asynchronous sets and copies on the device: posted when what CUDA checks at once can be checked here, which is when
// the memory is one of the allocations that the guest knows. CUDA driver API: Memory Management.
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

// An empty set, a misaligned one and one that leaves its allocation are for the driver to judge.
template <class Value>
CUresult set(const Call& call, CUdeviceptr address, Value value, size_t count, CUstream stream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const bool whole = address % sizeof(Value) == 0 && count != 0 && count < (size_t{1} << 48) &&
                     admitted.process->device_ranges().contains(address, count * sizeof(Value));
  return whole ? forward_posted(admitted, call, address, value, count, stream)
               : forward(admitted, call, address, value, count, stream);
}

}  // namespace

namespace by_hand {

CUresult cuMemsetD8Async(CUdeviceptr dstDevice, unsigned char uc, size_t N, CUstream hStream) {
  return set(api::spec::cuMemsetD8Async, dstDevice, uc, N, hStream);
}

CUresult cuMemsetD16Async(CUdeviceptr dstDevice, unsigned short us, size_t N, CUstream hStream) {
  return set(api::spec::cuMemsetD16Async, dstDevice, us, N, hStream);
}

CUresult cuMemsetD32Async(CUdeviceptr dstDevice, unsigned int ui, size_t N, CUstream hStream) {
  return set(api::spec::cuMemsetD32Async, dstDevice, ui, N, hStream);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const DeviceRanges& ranges = admitted.process->device_ranges();
  const bool known = ByteCount != 0 && ranges.contains(dstDevice, ByteCount) && ranges.contains(srcDevice, ByteCount);
  return known ? forward_posted(admitted, api::spec::cuMemcpyDtoDAsync_v2, dstDevice, srcDevice, ByteCount, hStream)
               : forward(admitted, api::spec::cuMemcpyDtoDAsync_v2, dstDevice, srcDevice, ByteCount, hStream);
}

}  // namespace by_hand
}  // namespace vgpu::guest
