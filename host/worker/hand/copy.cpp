// SPDX-License-Identifier: Apache-2.0
// Copies. The host's side of a copy is inline in the message, in a staging chunk, or in pages that both sides map;
// an address is never passed to the driver as a host pointer unless it lies in such pages.
#include "host/worker/hand/copy.h"

#include <algorithm>
#include <iterator>

#include "common/bits.h"
#include "host/worker/hand/copy_box.h"

namespace vgpu::host::hand {
namespace {

enum class Way { to_device, to_host, any };

struct CopyCall {
  uint16_t opcode;
  Way way;
  bool async;
};

constexpr CopyCall kCopies[] = {
    {api::opcode::cuMemcpyHtoD_v2, Way::to_device, false},
    {api::opcode::cuMemcpyHtoDAsync_v2, Way::to_device, true},
    {api::opcode::cuMemcpyDtoH_v2, Way::to_host, false},
    {api::opcode::cuMemcpyDtoHAsync_v2, Way::to_host, true},
    {api::opcode::cuMemcpy, Way::any, false},
    {api::opcode::cuMemcpyAsync, Way::any, true},
};

const CopyCall& call_of(uint16_t opcode) {
  for (const CopyCall& call : kCopies)
    if (call.opcode == opcode) return call;
  return kCopies[0];  // The table of hand calls sends only these opcodes here.
}

// A graph keeps the host pointers of its copies, and the bytes of a message are gone after it.
bool is_captured(const Session& session, CUstream stream) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  return VGPU_DRIVER(session.driver, cuStreamIsCapturing)(stream, &status) == CUDA_SUCCESS &&
         status != CU_STREAM_CAPTURE_STATUS_NONE;
}

CUresult submit_async(const Driver& driver, Way way, const wire::Copy& copy, void* host, CUstream stream) {
  switch (way) {
    case Way::to_device: return VGPU_DRIVER(driver, cuMemcpyHtoDAsync_v2)(copy.destination, host, copy.bytes, stream);
    case Way::to_host: return VGPU_DRIVER(driver, cuMemcpyDtoHAsync_v2)(host, copy.source, copy.bytes, stream);
    case Way::any: return VGPU_DRIVER(driver, cuMemcpyAsync)(copy.destination, copy.source, copy.bytes, stream);
  }
  return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult submit_blocking(const Driver& driver, Way way, const wire::Copy& copy, void* host) {
  switch (way) {
    case Way::to_device: return VGPU_DRIVER(driver, cuMemcpyHtoD_v2)(copy.destination, host, copy.bytes);
    case Way::to_host: return VGPU_DRIVER(driver, cuMemcpyDtoH_v2)(host, copy.source, copy.bytes);
    case Way::any: return VGPU_DRIVER(driver, cuMemcpy)(copy.destination, copy.source, copy.bytes);
  }
  return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult submit(const Session& session, const CopyCall& call, const wire::Copy& copy, void* host, CUstream stream,
                bool own_stream) {
  const Driver& driver = session.driver;
  // A synchronous copy of a per-thread flavour runs on that thread's stream, which the driver cannot know.
  const CUresult status = call.async || own_stream ? submit_async(driver, call.way, copy, host, stream)
                                                   : submit_blocking(driver, call.way, copy, host);
  // What lands in a chunk or in the reply must be there before the guest hears of it.
  const bool staged_to_host = call.way == Way::to_host && copy.host_side != wire::HostSide::none;
  if (status == CUDA_SUCCESS && (own_stream || (call.async && staged_to_host)))
    return VGPU_DRIVER(driver, cuStreamSynchronize)(stream);
  return status;
}

// What the host's side of a copy stands for, and whether the copy may have it.
CUresult find_host(Invocation& invocation, const CopyCall& call, const wire::Copy& copy, void*& host) {
  Session& session = invocation.session;
  switch (copy.host_side) {
    case wire::HostSide::none:
      host = from_bits<void*>(call.way == Way::to_device ? copy.source : copy.destination);
      if (call.way != Way::any &&
          !session.shared.contains(call.way == Way::to_device ? copy.source : copy.destination, copy.bytes))
        return CUDA_ERROR_INVALID_VALUE;
      if (call.way == Way::any &&
          (!is_known(session, copy.source, copy.bytes) || !is_known(session, copy.destination, copy.bytes)))
        return CUDA_ERROR_INVALID_VALUE;
      session.counters.own().bytes_shared.add(copy.bytes);
      return CUDA_SUCCESS;
    case wire::HostSide::inline_data:
      if (call.way == Way::any || copy.bytes > ring::kMaxInline) return invocation.bad_message();
      host = call.way == Way::to_device ? const_cast<std::byte*>(invocation.request.take(copy.bytes))
                                        : invocation.reply.room(static_cast<size_t>(copy.bytes));
      return CUDA_SUCCESS;
    case wire::HostSide::window:
      if (call.way == Way::any || copy.chunk >= ring::kChunks || copy.bytes > ring::kChunkBytes)
        return invocation.bad_message();
      host = session.memory.chunk(copy.chunk);
      session.counters.own().bytes_window.add(copy.bytes);
      return CUDA_SUCCESS;
  }
  return invocation.bad_message();
}

// The request as far as the driver's call, whichever it will be.
CUresult read_copy(Invocation& invocation, const CopyCall& call, wire::Copy& copy, void*& host, CUstream& stream) {
  copy = invocation.request.get<wire::Copy>();
  if (invocation.request.failed()) return invocation.bad_message();
  if (const CUresult status = find_host(invocation, call, copy, host); status != CUDA_SUCCESS) return status;
  if (!invocation.request.complete()) return invocation.bad_message();
  return invocation.real(Kind::stream, copy.stream, stream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace

CUresult copy(Invocation& invocation) {
  Session& session = invocation.session;
  const CopyCall& call = call_of(invocation.command.opcode);
  wire::Copy copy = {};
  void* host = nullptr;
  CUstream stream = nullptr;
  if (const CUresult status = read_copy(invocation, call, copy, host, stream); status != CUDA_SUCCESS) return status;
  const bool own_stream = !call.async && (invocation.command.flags & ring::kPerThreadStream) != 0;
  if (copy.host_side != wire::HostSide::none && (call.async || own_stream) && is_captured(session, stream)) {
    if (copy.host_side == wire::HostSide::window && copy.release_chunk != 0) session.window.release(copy.chunk);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  const bool in_window = copy.host_side == wire::HostSide::window;
  const bool pinned = in_window && session.window.pin(session.context_epoch.load(std::memory_order_relaxed));
  const CUresult status = submit(session, call, copy, host, stream, own_stream);
  if (!in_window || copy.release_chunk == 0) return status;
  // The driver takes bytes that are not pinned before it returns (CUDA driver API, API synchronization behavior).
  if (pinned && call.async && status == CUDA_SUCCESS)
    session.window.release_after(copy.chunk, invocation.command.context, stream);
  else session.window.release(copy.chunk);
  return status;
}

bool may_copy_by_itself(const CommandCopy& command) {
  const auto* const call = std::find_if(std::begin(kCopies), std::end(kCopies),
                                        [&](const CopyCall& known) { return known.opcode == command.opcode; });
  if (call == std::end(kCopies) || command.payload.size() != sizeof(wire::Copy)) return false;
  const auto copy = codec::Reader(command.payload).get<wire::Copy>();
  if (copy.host_side == wire::HostSide::none) return !call->async;
  return copy.host_side == wire::HostSide::window && call->way == Way::to_host && copy.release_chunk == 0;
}

bool copies_by_itself(const CommandCopy& command) {
  if (!may_copy_by_itself(command)) return false;
  const auto copy = codec::Reader(command.payload).get<wire::Copy>();
  // Below this, the driver's blocking call is through before an event could tell.
  constexpr uint64_t kFewBytes = 64 << 10;
  return copy.bytes > (copy.host_side == wire::HostSide::none ? kMaxCopyOfDispatcher : kFewBytes);
}

bool may_be_marked(uint64_t call, const wire::Copy& copy) {
  return copy.host_side == wire::HostSide::none &&
         std::any_of(std::begin(kCopies), std::end(kCopies),
                     [&](const CopyCall& known) { return known.opcode == call && !known.async; });
}

CUresult start_marked_copy(Invocation& invocation, uint16_t call, const wire::Copy& copy, CUstream stream) {
  const Way way = call_of(call).way;
  void* host = nullptr;
  const CUresult status = find_host(invocation, call_of(call), copy, host);
  return status == CUDA_SUCCESS ? submit_async(invocation.session.driver, way, copy, host, stream) : status;
}

std::optional<CUresult> start_copy(Invocation& invocation, CUstream& stream) {
  Session& session = invocation.session;
  const CopyCall& call = call_of(invocation.command.opcode);
  auto copy = codec::Reader(invocation.command.payload).get<wire::Copy>();
  if (copy.host_side == wire::HostSide::window &&
      !session.window.pin(session.context_epoch.load(std::memory_order_relaxed)))
    return std::nullopt;
  // Copies that stay on one side do not wait for the device, or not for it alone.
  if (call.way == Way::any &&
      session.shared.contains(copy.source, copy.bytes) == session.shared.contains(copy.destination, copy.bytes))
    return std::nullopt;
  void* host = nullptr;
  if (const CUresult status = read_copy(invocation, call, copy, host, stream); status != CUDA_SUCCESS) return status;
  if (is_captured(session, stream)) return std::nullopt;
  return submit_async(session.driver, call.way, copy, host, stream);
}

}  // namespace vgpu::host::hand
