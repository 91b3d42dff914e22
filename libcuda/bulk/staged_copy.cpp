// SPDX-License-Identifier: Apache-2.0
#include "libcuda/bulk/staged_copy.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <functional>
#include <vector>

#include "common/bits.h"
#include "libcuda/bulk/copy_threads.h"

namespace vgpu::guest::bulk {
namespace {

constexpr size_t kUnderWay = 4;  // staging chunks of one copy to the host at a time
// From this many pieces on, helpers pay.
constexpr uint64_t kManyPieces = 8;

void for_pieces(uint64_t count, const std::function<void(size_t)>& work) {
  if (count >= kManyPieces) return run_on_copy_threads(count, work);
  for (uint64_t i = 0; i < count; ++i) work(i);
}

uint64_t piece_bytes(const CopyRequest& request, uint64_t index) {
  return std::min<uint64_t>(request.bytes - index * ring::kChunkBytes, ring::kChunkBytes);
}
uint64_t piece_count(const CopyRequest& request) { return (request.bytes + ring::kChunkBytes - 1) / ring::kChunkBytes; }

// The message of a piece, as the calling thread would send it: copy threads send in its name.
class PieceSender {
 public:
  PieceSender(const Admitted& admitted, const CopyRequest& request) : admitted_(admitted) {
    Remote remote(admitted, request.async_opcode);
    posted_ = remote.envelope();
    answered_ = Remote(admitted, request.opcode).waits_for_device().envelope();
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

wire::Copy fill_piece(const Admitted& admitted, const CopyRequest& request, uint64_t index) {
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

// The pieces of a copy to the host, shared out among the threads that empty chunks.
struct Pieces {
  const CopyRequest& request;
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
  const CopyRequest& request = pieces.request;
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

}  // namespace

wire::Copy whole(const CopyRequest& request, wire::HostSide side) {
  wire::Copy copy = {};
  copy.destination = request.destination;
  copy.source = request.source;
  copy.bytes = request.bytes;
  std::memcpy(&copy.stream, &request.stream, sizeof request.stream);
  copy.host_side = side;
  return copy;
}

// The pieces before the last are posted: the worker gives their chunks back. The last one is the call's answer, and
// brings the first error of the others.
CUresult to_device_staged(const Admitted& admitted, const CopyRequest& request) {
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
  if (!request.async) remote.waits_for_device();
  remote.writer().put(fill_piece(admitted, request, last));
  return remote.call();
}

CUresult to_host_at_once(const Admitted& admitted, const CopyRequest& request) {
  Session& session = admitted.process->session();
  wire::Copy copy = whole(request, wire::HostSide::window);
  copy.chunk = session.acquire_chunk();
  Remote remote(admitted, request.opcode);
  remote.waits_for_device().concerns(request.stream).writer().put(copy);
  const CUresult status = remote.call();
  if (status == CUDA_SUCCESS)
    copy_streaming(from_bits<std::byte*>(request.destination), session.chunk(copy.chunk),
                   static_cast<size_t>(request.bytes));
  session.release_chunk(copy.chunk);
  return status;
}

CUresult to_host_staged(const Admitted& admitted, const CopyRequest& request) {
  const PieceSender sender(admitted, request);
  Pieces pieces = {request, piece_count(request)};
  if (pieces.count < kManyPieces) fetch_pieces(sender, pieces);
  else run_on_copy_threads(kMostCopyThreads, [&](size_t) { fetch_pieces(sender, pieces); });
  return note_result(admitted, static_cast<CUresult>(pieces.failure.load()));
}

}  // namespace vgpu::guest::bulk
