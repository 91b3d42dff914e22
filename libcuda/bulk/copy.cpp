// SPDX-License-Identifier: Apache-2.0
// One-dimensional copies. Pages that both sides map are copied in place by the driver; ordinary memory goes inline
// when it is small, else through staging chunks, several under way at once.
// CUDA driver API: Memory Management; completion rules: API synchronization behavior.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <initializer_list>
#include <optional>

#include "common/bits.h"
#include "libcuda/bulk/copy_threads.h"
#include "libcuda/bulk/place.h"
#include "libcuda/by_hand.h"
#include "libcuda/marked_wait.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest::bulk {

Place place_of(const Admitted& admitted, uint64_t address, uint64_t bytes) {
  if (admitted.process->host_memory().containing(address, bytes)) return Place::shared;
  if (bytes != 0 && admitted.process->device_ranges().contains(address, bytes)) return Place::device;
  unsigned type = 0;
  void* data = &type;
  const CUresult status =
      forward(admitted, api::spec::cuPointerGetAttribute, data, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CUdeviceptr{address});
  return status == CUDA_SUCCESS ? Place::device : Place::pageable;
}

CUresult find_capture(const Admitted& admitted, CUstream stream, bool& captured) {
  captured = false;
  if (admitted.process->captures.load(std::memory_order_relaxed) == 0) return CUDA_SUCCESS;
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  VGPU_CHECK(forward(admitted, api::spec::cuStreamIsCapturing, stream, &status));
  captured = status != CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}

namespace {

// Up to this many bytes ride in the message itself: below it, filling a chunk costs more than the extra copy.
constexpr uint64_t kInlineToDevice = 8 << 10;
constexpr uint64_t kInlineToHost = sizeof(ring::ReplySlot::data);
constexpr size_t kUnderWay = 4;  // staging chunks of one copy to the host at a time

constexpr uint64_t kBytesPerMicrosecond = 10'000;  // of a slow bus

// From this many pieces on, helpers pay.
constexpr uint64_t kManyPieces = 8;

void for_pieces(uint64_t count, const std::function<void(size_t)>& work) {
  if (count >= kManyPieces) return run_on_copy_threads(count, work);
  for (uint64_t i = 0; i < count; ++i) work(i);
}

struct Request {
  uint16_t opcode;        // of the call as the program made it
  uint16_t async_opcode;  // of the pieces that need not be waited for
  uint64_t destination;
  uint64_t source;
  uint64_t bytes;
  CUstream stream;
  bool async;
};

wire::Copy whole(const Request& request, wire::HostSide side) {
  wire::Copy copy = {};
  copy.destination = request.destination;
  copy.source = request.source;
  copy.bytes = request.bytes;
  std::memcpy(&copy.stream, &request.stream, sizeof request.stream);
  copy.host_side = side;
  return copy;
}

// What CUDA would refuse at once has been seen to be right, so that nobody need wait for the answer.
bool may_post(const Admitted& admitted, const Request& request, std::initializer_list<uint64_t> ends) {
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

// A copy between the device and pages of the program's whose thread looks for its end itself (marked_wait.h), instead
// of the driver, which takes longer to see it. Of many bytes that is little, and these might have to be copied again.
bool suits_marked_copy(const Admitted& admitted, const Request& request) {
  constexpr uint64_t kMostBytes = 4 << 20;
  Process& process = *admitted.process;
  if (request.async || request.bytes > kMostBytes || !process.serves_private(wire::kMarkedCopy)) return false;
  const auto is_device = [&](uint64_t address) { return process.device_ranges().contains(address, request.bytes); };
  const auto is_host = [&](uint64_t address) {
    return process.host_memory().containing(address, request.bytes).has_value();
  };
  return (is_device(request.destination) && is_host(request.source)) ||
         (is_host(request.destination) && is_device(request.source));
}

// Nothing when the copy must be made in the driver's way: it may have been made already, and need not have been.
std::optional<CUresult> copy_marked(const Admitted& admitted, const Request& request) {
  if (!suits_marked_copy(admitted, request) || !may_mark_any(admitted) || !wants_marked_wait(admitted))
    return std::nullopt;
  const Markers::Id id = take_marker(admitted);
  if (id == 0) return std::nullopt;
  const wire::Marker marker = Markers::on_wire(id, bits_of(request.stream));
  Remote remote(admitted, wire::kMarkedCopy);
  remote.concerns(request.stream)
      .writer()
      .put(wire::MarkedCopy{whole(request, wire::HostSide::none), marker.word, marker.value, request.opcode});
  if (remote.post() != CUDA_SUCCESS) return std::nullopt;
  const std::chrono::microseconds expected(request.bytes / kBytesPerMicrosecond);
  switch (wait_for_marker(admitted, id, expected)) {
    case Markers::State::written: return CUDA_SUCCESS;
    // Other work comes before it, or the device has failed.
    case Markers::State::waiting: return forward_blocking(admitted, api::spec::cuStreamSynchronize, request.stream);
    default: return std::nullopt;
  }
}

// Both sides reachable by the driver: one message. A synchronous copy may wait for the device.
CUresult copy_in_place(const Admitted& admitted, const Request& request) {
  if (const std::optional<CUresult> done = copy_marked(admitted, request)) return *done;
  Remote remote(admitted, request.opcode);
  if (!request.async) remote.may_block(std::chrono::microseconds(request.bytes / kBytesPerMicrosecond));
  remote.concerns(request.stream).writer().put(whole(request, wire::HostSide::none));
  return may_post(admitted, request, {request.destination, request.source}) ? remote.post() : remote.call();
}

// A copy that has one end in ordinary memory, `home`, as it is to be recorded.
CUresult copy_captured(const Admitted& admitted, const Request& request, uint64_t home) {
  if (!admitted.process->host_memory().stage(home, request.bytes).ok()) return CUDA_ERROR_OPERATING_SYSTEM;
  return copy_in_place(admitted, request);
}

CUresult to_device_inline(const Admitted& admitted, const Request& request) {
  Remote remote(admitted, request.opcode);
  if (!request.async) remote.may_block();
  remote.concerns(request.stream).writer().put(whole(request, wire::HostSide::inline_data));
  remote.writer().bytes(from_bits<std::byte*>(request.source), static_cast<size_t>(request.bytes));
  // The bytes are in the message, so only the destination matters.
  return may_post(admitted, request, {request.destination}) ? remote.post() : remote.call();
}

// A copy in pieces of one staging chunk each.
uint64_t piece_bytes(const Request& request, uint64_t index) {
  return std::min<uint64_t>(request.bytes - index * ring::kChunkBytes, ring::kChunkBytes);
}
uint64_t piece_count(const Request& request) { return (request.bytes + ring::kChunkBytes - 1) / ring::kChunkBytes; }

// The message of a piece, as the calling thread would send it: copy threads send in its name.
class PieceSender {
 public:
  PieceSender(const Admitted& admitted, const Request& request) : admitted_(admitted) {
    Remote remote(admitted, request.async_opcode);
    posted_ = remote.envelope();
    answered_ = Remote(admitted, request.opcode).may_block().envelope();
  }
  Session& session() const { return admitted_.process->session(); }

  CUresult post(const wire::Copy& copy) const { return session().post(with(posted_, copy)); }
  Session::Pending begin(const wire::Copy& copy) const { return session().begin(with(answered_, copy)); }

 private:
  static Message with(Message message, const wire::Copy& copy) {
    message.payload = std::as_bytes(std::span(&copy, 1));
    return message;
  }

  const Admitted& admitted_;
  Message posted_, answered_;
};

wire::Copy fill_piece(const Admitted& admitted, const Request& request, uint64_t index) {
  Session& session = admitted.process->session();
  const uint64_t offset = index * ring::kChunkBytes;
  wire::Copy copy = whole(request, wire::HostSide::window);
  copy.destination += offset;
  copy.bytes = piece_bytes(request, index);
  copy.chunk = session.acquire_chunk();
  copy.release_chunk = 1;
  copy_streaming(session.chunk(copy.chunk), from_bits<std::byte*>(request.source + offset),
                 static_cast<size_t>(copy.bytes));
  return copy;
}

// The pieces before the last are posted: the worker gives their chunks back. The last one is the call's answer, and
// brings the first error of the others.
CUresult to_device_staged(const Admitted& admitted, const Request& request) {
  const PieceSender sender(admitted, request);
  const uint64_t last = piece_count(request) - 1;
  std::atomic<int> failure{CUDA_SUCCESS};
  const auto send = [&](size_t index) {
    if (failure.load(std::memory_order_relaxed) != CUDA_SUCCESS) return;
    const CUresult status = sender.post(fill_piece(admitted, request, index));
    if (status != CUDA_SUCCESS) failure.store(status, std::memory_order_relaxed);
  };
  for_pieces(last, send);
  if (failure.load() != CUDA_SUCCESS) return static_cast<CUresult>(failure.load());
  Remote remote(admitted, request.opcode);
  if (!request.async) remote.may_block();
  remote.writer().put(fill_piece(admitted, request, last));
  return remote.call();
}

// A range that leaves its allocation is refused before the program's memory is touched, as CUDA does.
CUresult check_device_end(const Admitted& admitted, uint64_t address, uint64_t bytes) {
  const Place end = place_of(admitted, address + bytes - 1, 1);
  return end == Place::pageable ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult to_device(const Admitted& admitted, const Request& request) {
  if (host_place_of(admitted, request.source, request.bytes) == Place::shared) return copy_in_place(admitted, request);
  bool captured = false;
  if (request.async) VGPU_CHECK(find_capture(admitted, request.stream, captured));
  if (captured) return copy_captured(admitted, request, request.source);
  if (request.bytes > kInlineToDevice) VGPU_CHECK(check_device_end(admitted, request.destination, request.bytes));
  return request.bytes <= kInlineToDevice ? to_device_inline(admitted, request) : to_device_staged(admitted, request);
}

CUresult to_host_inline(const Admitted& admitted, const Request& request) {
  Remote remote(admitted, request.opcode);
  remote.may_block().concerns(request.stream).writer().put(whole(request, wire::HostSide::inline_data));
  VGPU_CHECK(remote.call());
  const std::byte* data = remote.reader().take(request.bytes);
  if (data == nullptr) return CUDA_ERROR_UNKNOWN;
  std::memcpy(from_bits<std::byte*>(request.destination), data, static_cast<size_t>(request.bytes));
  return CUDA_SUCCESS;
}

// A copy of one piece: nothing of it could go on beside the rest.
CUresult to_host_at_once(const Admitted& admitted, const Request& request) {
  Session& session = admitted.process->session();
  wire::Copy copy = whole(request, wire::HostSide::window);
  copy.chunk = session.acquire_chunk();
  Remote remote(admitted, request.opcode);
  remote.may_block().concerns(request.stream).writer().put(copy);
  const CUresult status = remote.call();
  if (status == CUDA_SUCCESS)
    copy_streaming(from_bits<std::byte*>(request.destination), session.chunk(copy.chunk),
                   static_cast<size_t>(request.bytes));
  session.release_chunk(copy.chunk);
  return status;
}

// The pieces of a copy to the host, shared out among the threads that empty chunks.
struct Pieces {
  const Request& request;
  const uint64_t count;
  std::atomic<uint64_t> next{0};
  std::atomic<int> failure{CUDA_SUCCESS};

  bool failed() const { return failure.load(std::memory_order_relaxed) != CUDA_SUCCESS; }
};

// One thread's part: the device fills the next chunks while the thread empties the first.
void fetch_pieces(const PieceSender& sender, Pieces& pieces) {
  struct Piece {
    Session::Pending pending;
    uint32_t chunk;
    uint64_t index;
  };
  const Request& request = pieces.request;
  Session& session = sender.session();
  std::deque<Piece> under_way;
  std::vector<std::byte> reply;
  for (bool more = true; more || !under_way.empty();) {
    if (more && under_way.size() < kUnderWay) {
      const uint64_t index = pieces.next.fetch_add(1, std::memory_order_relaxed);
      more = index < pieces.count && !pieces.failed();
      if (!more) continue;
      wire::Copy copy = whole(request, wire::HostSide::window);
      copy.source += index * ring::kChunkBytes;
      copy.bytes = piece_bytes(request, index);
      copy.chunk = session.acquire_chunk();
      under_way.push_back({sender.begin(copy), copy.chunk, index});
      continue;
    }
    const Piece piece = under_way.front();
    under_way.pop_front();
    const CUresult status = session.finish(piece.pending, reply);
    int none = CUDA_SUCCESS;
    if (status != CUDA_SUCCESS) pieces.failure.compare_exchange_strong(none, status, std::memory_order_relaxed);
    else
      copy_streaming(from_bits<std::byte*>(request.destination + piece.index * ring::kChunkBytes),
                     session.chunk(piece.chunk), static_cast<size_t>(piece_bytes(request, piece.index)));
    session.release_chunk(piece.chunk);
  }
}

// Copying into ordinary memory is complete when the call returns, also for the asynchronous call.
CUresult to_host_staged(const Admitted& admitted, const Request& request) {
  const PieceSender sender(admitted, request);
  Pieces pieces = {request, piece_count(request)};
  if (pieces.count < kManyPieces) fetch_pieces(sender, pieces);
  else run_on_copy_threads(kMostCopyThreads, [&](size_t) { fetch_pieces(sender, pieces); });
  return note_result(admitted, static_cast<CUresult>(pieces.failure.load()));
}

CUresult to_host(const Admitted& admitted, const Request& request) {
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
CUresult copy_at_home(const Admitted& admitted, const Request& request) {
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
CUresult copy_anywhere(const Admitted& admitted, Request request) {
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
CUresult with_context(const Request& request, Copy copy) {
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
