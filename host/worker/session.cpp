// SPDX-License-Identifier: Apache-2.0
#include "host/worker/session.h"

#include "common/bits.h"
#include "host/worker/own_threads.h"

namespace vgpu::host {
namespace {

// CUDA's special stream handles keep their meaning on the wire.
constexpr uint64_t kLegacyStream = 1, kPerThreadStream = 2;

}  // namespace

wire::Statistics Session::statistics() const {
  using Counts = ThreadCounters;
  const auto sum = [&](Counter Counts::*which) { return counters.sum(which); };
  wire::Statistics out = {sum(&Counts::commands),
                          sum(&Counts::posted),
                          sum(&Counts::replies),
                          sum(&Counts::helper_calls),
                          sum(&Counts::parks),
                          sum(&Counts::wakeups),
                          sum(&Counts::bytes_inline),
                          sum(&Counts::bytes_window),
                          sum(&Counts::bytes_shared),
                          sum(&Counts::launches),
                          sum(&Counts::refused),
                          device_memory.held(),
                          0,
                          sum(&Counts::ring_depth),
                          memory.header().answered_in_guest.load(std::memory_order_relaxed)};
  // A vendor's driver has threads as well, but they are not what its card does.
  if (config.software_gpu) out.busy_nanoseconds = time_of_others();
  return out;
}

uint64_t Session::per_thread_stream(uint32_t thread, uint64_t context) {
  const std::lock_guard lock(streams_mutex_);
  uint64_t& stream = per_thread_[{thread, context}];
  if (stream == 0) {
    CUstream made = nullptr;
    if (VGPU_DRIVER(driver, cuStreamCreate)(&made, static_cast<unsigned>(CU_STREAM_DEFAULT)) != CUDA_SUCCESS) return 0;
    stream = bits_of(made);
  }
  return stream;
}

void Session::drop_thread(uint32_t thread) {
  const std::lock_guard lock(streams_mutex_);
  for (auto it = per_thread_.begin(); it != per_thread_.end();) {
    if (it->first.first != thread) {
      ++it;
      continue;
    }
    VGPU_DRIVER(driver, cuStreamDestroy_v2)(from_bits<CUstream>(it->second));
    with_strays_.insert(it->first.second);
    it = per_thread_.erase(it);
  }
}

void Session::stream_destroyed(uint64_t context) {
  const std::lock_guard lock(streams_mutex_);
  with_strays_.insert(context);
}

void Session::context_synchronizes(uint64_t context) {
  const std::lock_guard lock(streams_mutex_);
  with_strays_.erase(context);
}

void Session::forget_context(uint64_t context) {
  context_epoch.fetch_add(1, std::memory_order_relaxed);
  faults.forget(context);
  guest_words.forget_context(context);
  markers.forget_context(context);
  event_pool.forget_context(context);
  kept_modules.forget_context(context);
  debts.forget_context(context);
  const std::lock_guard lock(streams_mutex_);
  with_strays_.erase(context);
  std::erase_if(per_thread_, [&](const auto& entry) { return entry.first.second == context; });
}

std::optional<std::vector<uint64_t>> Session::streams_of(uint64_t context, size_t limit) {
  std::vector<uint64_t> streams;
  if (!handles.children(context, Kind::stream, limit, streams)) return std::nullopt;
  const std::lock_guard lock(streams_mutex_);
  if (with_strays_.contains(context)) return std::nullopt;
  for (const auto& [owner, stream] : per_thread_)
    if (owner.second == context) streams.push_back(stream);
  if (streams.size() > limit) return std::nullopt;
  return streams;
}

// A write in the legacy stream waits for all blocking streams and holds them back. No program asked for that, and one
// whose kernels wait for each other would stop: only where there is no other stream.
bool Session::may_mark(uint64_t context, uint64_t wire_stream, uint64_t real) {
  if (wire_stream > kPerThreadStream) return handles.parent_of(wire_stream) == context;
  return real > kLegacyStream || streams_of(context, 0).has_value();
}

bool Invocation::resolve(Kind kind, uint64_t wire, uint64_t& real) {
  if (kind == Kind::stream && wire <= kPerThreadStream) {
    const bool own = wire == kPerThreadStream || (wire == 0 && (command.flags & ring::kPerThreadStream) != 0);
    real = own ? session.per_thread_stream(command.thread, command.context) : wire;
    return !own || real != 0;
  }
  static_assert(kLegacyStream < kPerThreadStream);
  if (!session.handles.resolve(kind, wire, real)) return false;
  if (owner_ == 0 && (kind == Kind::module || kind == Kind::library || kind == Kind::graph)) owner_ = wire;
  if (owner_ == 0 && command.opcode == api::opcode::cuKernelGetFunction) owner_ = session.handles.parent_of(wire);
  if (owner_ == 0 && kind == Kind::graph_node) owner_ = session.handles.parent_of(wire);
  return true;
}

uint64_t Invocation::parent_for(Kind kind) const {
  switch (kind) {
    case Kind::function:
    case Kind::kernel:
    case Kind::graph_node: return owner_;
    case Kind::module:
    case Kind::stream:
    case Kind::event:
    case Kind::array:
    case Kind::mipmapped_array:
    case Kind::link_state:
    case Kind::texture_reference:
    case Kind::surface_reference: return command.context;
    case Kind::none:
    case Kind::context:
    case Kind::library:
    case Kind::graph:
    case Kind::graph_exec:
    case Kind::memory_pool:
    case Kind::memory:
    case Kind::external_memory:
    case Kind::external_semaphore:
    case Kind::user_object:
    case Kind::green_context:
    case Kind::resource:
    case Kind::texture_object:
    case Kind::surface_object:
    case Kind::count_: return 0;
  }
  return 0;
}

uint64_t Invocation::add(Kind kind, uint64_t real) { return named(session.handles.add(kind, real, parent_for(kind))); }

uint64_t Invocation::find_or_add(Kind kind, uint64_t real) {
  if (kind == Kind::stream && real <= kPerThreadStream) return real;
  const uint64_t wire = named(session.handles.find_or_add(kind, real, parent_for(kind)));
  // A library's module.
  if (kind == Kind::module && session.handles.is_silent(owner_)) session.handles.set_silent(wire);
  return wire;
}

void Invocation::drop(Kind kind, uint64_t wire) {
  if (kind == Kind::context) session.forget_context(wire);
  if (kind == Kind::stream) session.stream_destroyed(session.handles.parent_of(wire));
  if (wire != 0) session.handles.drop(wire);
}

CUresult error_for(Kind kind) { return kind == Kind::context ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_INVALID_HANDLE; }

}  // namespace vgpu::host
