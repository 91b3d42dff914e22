// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/context.h"

#include <algorithm>
#include <condition_variable>
#include <thread>

#include "common/face/driver_face.h"
#include "softgpu/driver/address_space.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/host_memory.h"
#include "softgpu/driver/imported_memory.h"
#include "softgpu/driver/output_buffer.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"
#include "softgpu/driver/thread_state.h"

namespace vgpu::soft {
namespace {

constexpr unsigned kSchedulingFlags[] = {CU_CTX_SCHED_AUTO, CU_CTX_SCHED_SPIN, CU_CTX_SCHED_YIELD,
                                         CU_CTX_SCHED_BLOCKING_SYNC};

bool are_valid_flags(unsigned flags) {
  if ((flags & ~unsigned{CU_CTX_FLAGS_MASK}) != 0) return false;
  const unsigned scheduling = flags & CU_CTX_SCHED_MASK;
  return std::find(std::begin(kSchedulingFlags), std::end(kSchedulingFlags), scheduling) != std::end(kSchedulingFlags);
}

uint64_t next_context_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

struct Context::Inside {
  explicit Inside(Context& context) : heap(context) {}
  OutputBuffer output;
  KernelHeap heap;
  // The thread that empties a primary context, guarded by life_mutex_: others that want the context wait for it, what
  // it calls itself (destructors of context-local storage) does not.
  std::thread::id tearing_down;
  std::condition_variable torn_down;
};

Context::Context(Device& device, bool primary)
    : Object(Kind::context),
      device_(device),
      primary_(primary),
      legacy_(make_ref<Stream>(*this, Stream::Type::legacy, 0u, kLeastPriority)),
      inside_(std::make_unique<Inside>(*this)) {}

Context::~Context() = default;

CuResult<Ref<Context>> Context::create(Device& device, unsigned flags) {
  if (!are_valid_flags(flags)) return CUDA_ERROR_INVALID_VALUE;
  Ref<Context> context(new Context(device, false));
  if (publish(context) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  context->activate(flags);
  return context;
}

CuResult<Ref<Context>> Context::create_primary(Device& device) {
  Ref<Context> context(new Context(device, true));
  if (publish(context) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  return context;
}

void Context::activate(unsigned flags) {
  {
    const std::lock_guard lock(state_mutex_);
    std::fill(std::begin(limits_), std::end(limits_), size_t{0});
    limits_[CU_LIMIT_STACK_SIZE] = 1024;
    limits_[CU_LIMIT_PRINTF_FIFO_SIZE] = size_t{1} << 20;
    limits_[CU_LIMIT_MALLOC_HEAP_SIZE] = size_t{8} << 20;
    limits_[CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH] = 2;
    limits_[CU_LIMIT_DEV_RUNTIME_PENDING_LAUNCH_COUNT] = 2048;
    limits_[CU_LIMIT_MAX_L2_FETCH_GRANULARITY] = 64;
  }
  flags_.store(flags, std::memory_order_relaxed);
  id_.store(next_context_id(), std::memory_order_relaxed);
  error_.store(CUDA_SUCCESS, std::memory_order_release);
  active_.store(true, std::memory_order_release);
}

CUresult Context::set_flags(unsigned flags) {
  if (!are_valid_flags(flags)) return CUDA_ERROR_INVALID_VALUE;
  flags_.store(flags, std::memory_order_relaxed);
  return CUDA_SUCCESS;
}

CUresult Context::retain_primary() {
  std::unique_lock lock(life_mutex_);
  inside_->torn_down.wait(lock, [this] {
    return inside_->tearing_down == std::thread::id() || inside_->tearing_down == std::this_thread::get_id();
  });
  ++primary_references_;
  if (!active()) activate(flags());
  return CUDA_SUCCESS;
}

CUresult Context::release_primary() {
  std::unique_lock lock(life_mutex_);
  if (primary_references_ == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--primary_references_ == 0) empty_primary(lock);
  return CUDA_SUCCESS;
}

// A reset releases nothing: whoever retained the context still owes its release.
CUresult Context::reset_primary() {
  std::unique_lock lock(life_mutex_);
  empty_primary(lock);
  return CUDA_SUCCESS;
}

void Context::empty_primary(std::unique_lock<std::mutex>& lock) {
  if (!active_.exchange(false, std::memory_order_acq_rel)) return;
  inside_->tearing_down = std::this_thread::get_id();
  lock.unlock();
  tear_down();
  lock.lock();
  inside_->tearing_down = std::thread::id();
  inside_->torn_down.notify_all();
}

CUresult Context::destroy() {
  if (primary_) return CUDA_ERROR_INVALID_CONTEXT;
  if (!active_.exchange(false, std::memory_order_acq_rel)) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  tear_down();
  retire(handle_value(), Kind::context);
  return CUDA_SUCCESS;
}

void Context::fail(CUresult error) {
  CUresult none = CUDA_SUCCESS;
  error_.compare_exchange_strong(none, error, std::memory_order_acq_rel);
}

void Context::end_streams() {
  legacy_->drain();
  for (const Ref<Stream>& stream : all_streams()) {
    retire(stream);
    stream->set_capture(nullptr);
    stream->drain();
  }
  const std::lock_guard lock(streams_mutex_);
  streams_.clear();
  per_thread_.clear();
}

void Context::tear_down() {
  end_streams();
  flush_output();
  // Destructors of context-local storage and of attached state run with the context current, as with cuCtxDestroy.
  ThreadState& thread = thread_state();
  thread.contexts.emplace_back(this);
  face::context_destroyed(handle_of(*this));
  for (auto& slot : states_) {
    std::unique_ptr<ContextState> state;
    {
      const std::lock_guard lock(state_mutex_);
      state = std::move(slot);
    }
  }
  thread.contexts.pop_back();
  forget_peers(*this);
  inside_->heap.reset();
  AddressSpace& memory = Process::get()->memory();
  for (const Region& region : memory.owned_by(handle_value())) release_region(memory, region);
  error_.store(CUDA_SUCCESS, std::memory_order_release);
}

void Context::release_region(AddressSpace& memory, const Region& region) {
  if (region.kind == RegionKind::registered) {
    memory.remove(region.begin, RegionKind::registered);
  } else if (region.kind == RegionKind::host) {
    free_host_memory(memory, region.begin);
  } else if (region.kind == RegionKind::imported || region.kind == RegionKind::external) {
    close_imported(region.begin, true);
  } else {
    memory.release(region.begin,
                   {RegionKind::device, RegionKind::array, RegionKind::module, RegionKind::heap, RegionKind::managed});
  }
}

Stream& Context::legacy_stream() { return *legacy_; }

Ref<Stream> Context::per_thread_stream() {
  ThreadState& thread = thread_state();
  {
    const std::lock_guard lock(streams_mutex_);
    const auto found = per_thread_.find(thread.id);
    if (found != per_thread_.end()) return found->second;
    const Ref<Stream> stream = make_ref<Stream>(*this, Stream::Type::per_thread, 0u, kLeastPriority);
    per_thread_.emplace(thread.id, stream);
    add_stream_locked(stream);
  }
  thread.streams_in.emplace_back(this);
  return per_thread_stream();
}

void Context::forget_thread(uint64_t thread) {
  Ref<Stream> stream;
  {
    const std::lock_guard lock(streams_mutex_);
    const auto found = per_thread_.find(thread);
    if (found == per_thread_.end()) return;
    stream = found->second;
    per_thread_.erase(found);
  }
  remove_when_done(stream);
}

CuResult<Ref<Stream>> Context::create_stream(unsigned flags, int priority) {
  if ((flags & ~unsigned{CU_STREAM_NON_BLOCKING}) != 0) return CUDA_ERROR_INVALID_VALUE;
  Ref<Stream> stream = make_ref<Stream>(*this, Stream::Type::created, flags, clamp_priority(priority));
  if (publish(stream) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  const std::lock_guard lock(streams_mutex_);
  add_stream_locked(stream);
  return stream;
}

void Context::add_stream_locked(const Ref<Stream>& stream) {
  for (const Ref<Completion>& gate : gates_) stream->wait_for(gate);
  streams_.push_back(stream);
}

CUresult Context::destroy_stream(Stream& stream) {
  if (!retire(stream.handle_value(), Kind::stream)) return CUDA_ERROR_INVALID_HANDLE;
  remove_when_done(Ref<Stream>(&stream));
  return CUDA_SUCCESS;
}

// Work on the legacy stream must still wait for what is left in the stream, so it stays in the list until then.
void Context::remove_when_done(const Ref<Stream>& stream) {
  const Ref<Completion> last = stream->tail();
  if (last && last->subscribe([self = Ref<Context>(this), stream] { self->remove_when_done(stream); })) return;
  const std::lock_guard lock(streams_mutex_);
  std::erase(streams_, stream);
}

CUresult Context::synchronize() {
  for (const Ref<Stream>& stream : all_streams()) VGPU_CHECK(stream->refuse_in_capture());
  return settle();
}

CUresult Context::settle() {
  wait_for_work();
  flush_output();
  return error();
}

void Context::wait_for_work() {
  std::vector<Ref<Completion>> last;
  if (Ref<Completion> tail = legacy_->tail()) last.push_back(std::move(tail));
  for (const Ref<Stream>& stream : all_streams())
    if (Ref<Completion> tail = stream->tail()) last.push_back(std::move(tail));
  for (const Ref<Completion>& completion : last) completion->wait();
}

Ref<Completion> Context::mark() {
  std::vector<Ref<Completion>> last;
  if (Ref<Completion> tail = legacy_->tail()) last.push_back(std::move(tail));
  for (const Ref<Stream>& stream : all_streams())
    if (Ref<Completion> tail = stream->tail()) last.push_back(std::move(tail));
  // A stream of its own, so that nobody else waits.
  const Ref<Stream> aside =
      make_ref<Stream>(*this, Stream::Type::created, unsigned{CU_STREAM_NON_BLOCKING}, kLeastPriority);
  return aside->post(make_ref<PointOperation>(), std::move(last));
}

void Context::wait_for(const Ref<Completion>& completion) {
  if (completion->done()) return;
  std::vector<Ref<Stream>> streams;
  {
    const std::lock_guard lock(streams_mutex_);
    streams = streams_;
    std::erase_if(gates_, [](const Ref<Completion>& gate) { return gate->done(); });
    gates_.push_back(completion);
  }
  legacy_->wait_for(completion);
  for (const Ref<Stream>& stream : streams) stream->wait_for(completion);
}

std::vector<Ref<Stream>> Context::all_streams() {
  const std::lock_guard lock(streams_mutex_);
  return streams_;
}

// Codes as NVIDIA's driver gives them: unknown limits are invalid values, those of graphics contexts unsupported.
CuResult<size_t> Context::limit(CUlimit limit) const {
  if (limit < 0 || limit >= CU_LIMIT_MAX) return CUDA_ERROR_INVALID_VALUE;
  if (limit == CU_LIMIT_CIG_SHMEM_FALLBACK_ENABLED) return CUDA_ERROR_UNSUPPORTED_LIMIT;
  if (limit == CU_LIMIT_SHMEM_SIZE) return static_cast<size_t>(device_.limits().shared_per_block_optin);
  const std::lock_guard lock(state_mutex_);
  return limits_[limit];
}

CUresult Context::set_limit(CUlimit limit, size_t value) {
  if (limit < 0 || limit >= CU_LIMIT_MAX) return CUDA_ERROR_INVALID_VALUE;
  if (limit == CU_LIMIT_CIG_SHMEM_FALLBACK_ENABLED) return CUDA_ERROR_UNSUPPORTED_LIMIT;
  if (limit == CU_LIMIT_SHMEM_SIZE || limit == CU_LIMIT_CIG_ENABLED) return CUDA_ERROR_NOT_PERMITTED;
  if (limit == CU_LIMIT_MAX_L2_FETCH_GRANULARITY && value > 128) return CUDA_ERROR_INVALID_VALUE;
  if (limit == CU_LIMIT_MALLOC_HEAP_SIZE && inside_->heap.in_use()) return CUDA_ERROR_INVALID_VALUE;
  if (limit == CU_LIMIT_PRINTF_FIFO_SIZE) inside_->output.set_capacity(value);
  const std::lock_guard lock(state_mutex_);
  limits_[limit] = value;
  return CUDA_SUCCESS;
}

OutputSink& Context::output() { return inside_->output; }
void Context::flush_output() { inside_->output.flush(); }
DeviceHeap& Context::heap() { return inside_->heap; }

ContextState& Context::state(ContextSlot slot, std::unique_ptr<ContextState> (*make)(Context&)) {
  const std::lock_guard lock(state_mutex_);
  std::unique_ptr<ContextState>& state = states_[static_cast<size_t>(slot)];
  if (!state) state = make(*this);
  return *state;
}

ContextState* Context::find_state(ContextSlot slot) {
  const std::lock_guard lock(state_mutex_);
  return states_[static_cast<size_t>(slot)].get();
}

CuResult<Context*> current_context_unchecked() {
  TRY(current_process());
  const ThreadState& thread = thread_state();
  if (thread.contexts.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  return thread.contexts.back().get();
}

CuResult<Context*> current_context() {
  Context* const context = TRY(current_context_unchecked());
  if (const CUresult status = context->check(); status != CUDA_SUCCESS) return status;
  return context;
}

}  // namespace vgpu::soft
