// SPDX-License-Identifier: Apache-2.0
// One-dimensional copies. Pages that both sides map are copied in place by the driver; ordinary memory goes inline
// when it is small, else through the window (staged_copy.h).
// CUDA driver API: Memory Management; completion rules: API synchronization behavior.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <initializer_list>

#include "common/bits.h"
#include "libcuda/bulk/marked_copy.h"
#include "libcuda/bulk/place.h"
#include "libcuda/bulk/staged_copy.h"
#include "libcuda/by_hand.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest::bulk {
namespace {

// Up to this many bytes ride in the message itself: below it, filling a chunk costs more than the extra copy.
constexpr uint64_t kInlineToDevice = 8 << 10;
constexpr uint64_t kInlineToHost = sizeof(ring::ReplySlot::data);

constexpr uint64_t kBytesPerMicrosecond = 10'000;  // of a slow bus

// What CUDA would refuse at once has been seen to be right, so that nobody need wait for the answer.
bool may_post(const Admitted& admitted, const CopyRequest& request, std::initializer_list<uint64_t> ends) {
  Process& process = *admitted.process;
  const uint64_t stream = bits_of(request.stream);
  if (!request.async || process.captures.load(std::memory_order_relaxed) != 0) return false;
  if (stream > bits_of(CU_STREAM_PER_THREAD) && !process.handles().is_live(stream)) return false;
  const auto is_known = [&](uint64_t address) {
    return process.device_ranges().contains(address, request.bytes) ||
           process.host_memory().containing(address, request.bytes).has_value();
  };
  return std::all_of(ends.begin(), ends.end(), is_known);
}

// Both sides reachable by the driver: one message. A synchronous copy may wait for the device.
CUresult copy_in_place(const Admitted& admitted, const CopyRequest& request) {
  const wire::Copy copy = whole(request, wire::HostSide::none);
  if (!request.async)
    if (const std::optional<CUresult> done = copy_marked(admitted, request.opcode, copy)) return *done;
  Remote remote(admitted, request.opcode);
  if (!request.async) remote.waits_for_device(std::chrono::microseconds(request.bytes / kBytesPerMicrosecond));
  remote.concerns(request.stream).writer().put(copy);
  return may_post(admitted, request, {request.destination, request.source}) ? remote.post() : remote.call();
}

// A copy that has one end in ordinary memory, `home`, as it is to be recorded.
CUresult copy_captured(const Admitted& admitted, const CopyRequest& request, uint64_t home) {
  if (!admitted.process->host_memory().stage(home, request.bytes).ok()) return CUDA_ERROR_OPERATING_SYSTEM;
  return copy_in_place(admitted, request);
}

CUresult to_device_inline(const Admitted& admitted, const CopyRequest& request) {
  Remote remote(admitted, request.opcode);
  if (!request.async) remote.waits_for_device();
  remote.concerns(request.stream).writer().put(whole(request, wire::HostSide::inline_data));
  remote.writer().bytes(from_bits<std::byte*>(request.source), static_cast<size_t>(request.bytes));
  // The bytes are in the message, so only the destination matters.
  return may_post(admitted, request, {request.destination}) ? remote.post() : remote.call();
}

// A range that leaves its allocation is refused before the program's memory is touched, as CUDA does.
CUresult check_device_end(const Admitted& admitted, uint64_t address, uint64_t bytes) {
  const Place end = place_of(admitted, address + bytes - 1, 1);
  return end == Place::pageable ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult to_device(const Admitted& admitted, const CopyRequest& request) {
  if (host_place_of(admitted, request.source, request.bytes) == Place::shared) return copy_in_place(admitted, request);
  bool captured = false;
  if (request.async) VGPU_CHECK(find_capture(admitted, request.stream, captured));
  if (captured) return copy_captured(admitted, request, request.source);
  if (request.bytes > kInlineToDevice) VGPU_CHECK(check_device_end(admitted, request.destination, request.bytes));
  return request.bytes <= kInlineToDevice ? to_device_inline(admitted, request) : to_device_staged(admitted, request);
}

CUresult to_host_inline(const Admitted& admitted, const CopyRequest& request) {
  Remote remote(admitted, request.opcode);
  remote.waits_for_device().concerns(request.stream).writer().put(whole(request, wire::HostSide::inline_data));
  VGPU_CHECK(remote.call());
  const std::byte* data = remote.reader().take(request.bytes);
  if (data == nullptr) return CUDA_ERROR_UNKNOWN;
  std::memcpy(from_bits<std::byte*>(request.destination), data, static_cast<size_t>(request.bytes));
  return CUDA_SUCCESS;
}

CUresult to_host(const Admitted& admitted, const CopyRequest& request) {
  if (host_place_of(admitted, request.destination, request.bytes) == Place::shared)
    return copy_in_place(admitted, request);
  bool captured = false;
  if (request.async) VGPU_CHECK(find_capture(admitted, request.stream, captured));
  if (captured) return copy_captured(admitted, request, request.destination);
  // What the driver writes to the window it need not stage once more. To register it is nothing to do during a capture.
  const bool may_register = admitted.process->captures.load(std::memory_order_relaxed) == 0;
  const BesideCapture beside(admitted, request.async);
  if (!may_register && request.bytes <= kInlineToHost) return to_host_inline(admitted, request);
  return request.bytes <= ring::kChunkBytes ? to_host_at_once(admitted, request) : to_host_staged(admitted, request);
}

// Between two pieces of the program's own memory, in order with the stream's earlier work.
CUresult copy_at_home(const Admitted& admitted, const CopyRequest& request) {
  bool captured = false;
  if (request.async) VGPU_CHECK(find_capture(admitted, request.stream, captured));
  if (captured) {
    CUDA_MEMCPY3D box = {};
    box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_HOST;
    box.srcHost = from_bits<const void*>(request.source), box.dstHost = from_bits<void*>(request.destination);
    box.srcPitch = box.dstPitch = box.WidthInBytes = request.bytes;
    box.srcHeight = box.dstHeight = box.Height = box.Depth = 1;
    return by_hand::cuMemcpy3DAsync_v2(&box, request.stream);
  }
  if (request.async) VGPU_CHECK(forward(admitted, api::spec::cuStreamSynchronize, request.stream));
  std::memmove(from_bits<std::byte*>(request.destination), from_bits<std::byte*>(request.source),
               static_cast<size_t>(request.bytes));
  return CUDA_SUCCESS;
}

// Unified addressing: the addresses say what they are.
CUresult copy_anywhere(const Admitted& admitted, CopyRequest request) {
  const Place source = place_of(admitted, request.source, request.bytes);
  const Place destination = place_of(admitted, request.destination, request.bytes);
  if (source == Place::pageable && destination == Place::pageable) return copy_at_home(admitted, request);
  if (source == Place::pageable) {
    request.opcode = request.async ? api::opcode::cuMemcpyHtoDAsync_v2 : api::opcode::cuMemcpyHtoD_v2;
    request.async_opcode = api::opcode::cuMemcpyHtoDAsync_v2;
    return to_device(admitted, request);
  }
  if (destination == Place::pageable) {
    request.opcode = request.async ? api::opcode::cuMemcpyDtoHAsync_v2 : api::opcode::cuMemcpyDtoH_v2;
    return to_host(admitted, request);
  }
  return copy_in_place(admitted, request);
}

template <class Copy>
CUresult with_context(const CopyRequest& request, Copy copy) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (request.bytes == 0) return CUDA_SUCCESS;
  if (request.source == 0 || request.destination == 0) return CUDA_ERROR_INVALID_VALUE;
  return copy(admitted, request);
}

}  // namespace
}  // namespace vgpu::guest::bulk

namespace vgpu::guest::by_hand {

namespace op = api::opcode;
using bulk::with_context;

CUresult cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  return with_context(
      {op::cuMemcpyHtoD_v2, op::cuMemcpyHtoDAsync_v2, dstDevice, bits_of(srcHost), ByteCount, nullptr, false},
      bulk::to_device);
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return with_context(
      {op::cuMemcpyHtoDAsync_v2, op::cuMemcpyHtoDAsync_v2, dstDevice, bits_of(srcHost), ByteCount, hStream, true},
      bulk::to_device);
}

CUresult cuMemcpyDtoH_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  return with_context(
      {op::cuMemcpyDtoH_v2, op::cuMemcpyDtoHAsync_v2, bits_of(dstHost), srcDevice, ByteCount, nullptr, false},
      bulk::to_host);
}

CUresult cuMemcpyDtoHAsync_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return with_context(
      {op::cuMemcpyDtoHAsync_v2, op::cuMemcpyDtoHAsync_v2, bits_of(dstHost), srcDevice, ByteCount, hStream, true},
      bulk::to_host);
}

CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) {
  return with_context({op::cuMemcpy, op::cuMemcpyAsync, dst, src, ByteCount, nullptr, false}, bulk::copy_anywhere);
}

CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
  return with_context({op::cuMemcpyAsync, op::cuMemcpyAsync, dst, src, ByteCount, hStream, true}, bulk::copy_anywhere);
}

}  // namespace vgpu::guest::by_hand
