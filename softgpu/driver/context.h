// SPDX-License-Identifier: Apache-2.0
// A CUDA context: streams, limits, flags, the sticky error, and whatever other parts of the driver keep per context.
// A device's primary context is one permanent object that is activated and reset; others live from cuCtxCreate to
// cuCtxDestroy. After that the handle finds nothing (INVALID_CONTEXT), and threads that still have it on their stack
// get CONTEXT_IS_DESTROYED. Any thread; lock order: life_mutex_, streams_mutex_, then a Stream's own mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "softgpu/driver/completion.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class AddressSpace;
class Device;
class DeviceHeap;
class OutputSink;
class Stream;
struct Region;

// State that another part of the driver attaches to a context, such as its modules. Destroyed when the context dies:
// after its streams have drained, before its memory is freed, outside the context's locks and with it current.
class ContextState {
 public:
  virtual ~ContextState() = default;
};

enum class ContextSlot : uint8_t { modules, graphs, count };

class Context final : public Object {
 public:
  using Handle = CUcontext;
  static constexpr Kind kKind = Kind::context;

  // A fresh, active context of cuCtxCreate, published; or an inactive primary one.
  static CuResult<Ref<Context>> create(Device& device, unsigned flags);
  static CuResult<Ref<Context>> create_primary(Device& device);
  ~Context() override;

  Device& device() const { return device_; }
  bool is_primary() const { return primary_; }
  bool active() const { return active_.load(std::memory_order_acquire); }
  // cuCtxGetId; a primary context gets a new one each time it becomes active.
  uint64_t id() const { return id_.load(std::memory_order_relaxed); }
  unsigned flags() const { return flags_.load(std::memory_order_relaxed); }
  CUresult set_flags(unsigned flags);

  // Primary contexts: reference counting (cuDevicePrimaryCtx*). The last release and reset destroy what is inside.
  CUresult retain_primary();
  CUresult release_primary();
  CUresult reset_primary();
  // cuCtxDestroy of an ordinary context: waits for its work, destroys what is inside, retires the handle.
  CUresult destroy();

  // The sticky error: the first failure of asynchronous work, returned by every later call until the context dies.
  CUresult error() const { return error_.load(std::memory_order_acquire); }
  void fail(CUresult error);

  // CUDA_SUCCESS for an active context without a sticky error, else CONTEXT_IS_DESTROYED or the sticky error.
  CUresult check() const {
    if (!active()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    return error();
  }

  // Streams. NULL and the special handles are resolved by find_stream() below.
  Stream& legacy_stream();
  Ref<Stream> per_thread_stream();
  CuResult<Ref<Stream>> create_stream(unsigned flags, int priority);
  CUresult destroy_stream(Stream& stream);
  void forget_thread(uint64_t thread);
  // Waits until everything enqueued so far is done, writes out device printf text, and returns the sticky error.
  CUresult synchronize();
  // The same for calls that wait of their own accord, which captures of other threads do not forbid.
  CUresult settle();
  // The waiting alone.
  void wait_for_work();
  // A point behind all work enqueued so far, in any stream.
  Ref<Completion> mark();
  // Later work of every stream, present or to come, waits for `completion`.
  void wait_for(const Ref<Completion>& completion);
  // All streams but the legacy one.
  std::vector<Ref<Stream>> all_streams();
  // Held by work on the legacy stream, which must see every blocking stream: see Stream.
  std::mutex& streams_mutex() { return streams_mutex_; }
  const std::vector<Ref<Stream>>& streams() const { return streams_; }

  // Limits (cuCtxSetLimit), kept as set.
  CuResult<size_t> limit(CUlimit limit) const;
  CUresult set_limit(CUlimit limit, size_t value);

  // What kernels write with printf: kept until a synchronising call, then written to the program's stdout.
  OutputSink& output();
  void flush_output();
  // Backs malloc and free inside kernels.
  DeviceHeap& heap();

  // The state in a slot, made by `make` on first use.
  ContextState& state(ContextSlot slot, std::unique_ptr<ContextState> (*make)(Context&));
  // The state in a slot if somebody made it.
  ContextState* find_state(ContextSlot slot);

 private:
  struct Inside;

  Context(Device& device, bool primary);
  void activate(unsigned flags);
  void end_streams();
  void remove_when_done(const Ref<Stream>& stream);
  void add_stream_locked(const Ref<Stream>& stream);
  static void release_region(AddressSpace& memory, const Region& region);
  void empty_primary(std::unique_lock<std::mutex>& lock);
  // Ends all work and destroys everything inside. Called with life_mutex_ not held.
  void tear_down();

  Device& device_;
  const bool primary_;
  std::atomic<bool> active_{false};
  std::atomic<CUresult> error_{CUDA_SUCCESS};
  std::atomic<uint64_t> id_{0};
  std::atomic<unsigned> flags_{0};

  std::mutex life_mutex_;  // guards the reference count of a primary context, and serialises activation and death
  unsigned primary_references_ = 0;

  std::mutex streams_mutex_;  // guards the four below
  std::vector<Ref<Stream>> streams_;
  std::unordered_map<uint64_t, Ref<Stream>> per_thread_;
  Ref<Stream> legacy_;
  std::vector<Ref<Completion>> gates_;  // what streams that are made now wait for

  mutable std::mutex state_mutex_;  // guards the two below
  std::unique_ptr<ContextState> states_[static_cast<size_t>(ContextSlot::count)];
  size_t limits_[CU_LIMIT_MAX] = {};

  std::unique_ptr<Inside> inside_;  // printf buffer and device heap
};

// Ends peer access from and to a context that dies (peer.cpp).
void forget_peers(const Context& context);

// The calling thread's current context, checked: NOT_INITIALIZED, NOT_PERMITTED (inside a host function),
// INVALID_CONTEXT (none), CONTEXT_IS_DESTROYED, or its sticky error. First line of most entry points. The pointer
// stays good for the length of the call: the thread's stack holds a reference.
CuResult<Context*> current_context();
// The same without the check of the context's life and sticky error, for calls that work on a failed context.
CuResult<Context*> current_context_unchecked();

}  // namespace vgpu::soft
