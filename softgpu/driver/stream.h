// SPDX-License-Identifier: Apache-2.0
// A stream: work in order, run asynchronously by the executor's threads. Streams of a context run concurrently, but
// for the rules of the legacy NULL stream (CUDA driver API, "Stream synchronization behavior"): its work waits for all
// earlier work of the blocking streams of its context, and their later work waits for it.
// Any thread. Lock order: the context's streams_mutex, then stream mutexes in the order of Context::streams().
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "softgpu/driver/completion.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"
#include "softgpu/driver/operation.h"

namespace vgpu::soft {

class Context;
class Event;
class Stream;

// The recorder of a capture in progress (capture.cpp). A stream that has one enqueues nothing; it records.
class StreamCapture : public RefCounted {
 public:
  // Work enqueued on a capturing stream: becomes a node that depends on the stream's last ones.
  virtual CUresult add(Stream& stream, Ref<Operation> operation) = 0;
  // cuEventRecord on a capturing stream. The implementation marks the event: Event::set_capture.
  virtual CUresult record_event(Stream& stream, Event& event, unsigned flags) = 0;
  // cuStreamWaitEvent on a stream that captures into this, or on any stream for an event recorded in this capture,
  // which then joins it.
  virtual CUresult wait_event(Stream& stream, Event& event, unsigned flags) = 0;
  // A call that cannot be captured (synchronise, query): invalidates the capture and returns the error for it.
  virtual CUresult refuse() = 0;
  // A query of, or wait for, an event that was recorded in it: the same, with the error for that.
  virtual CUresult refuse_event() = 0;
  // A capturing stream is being destroyed: it captures no longer, and what it has recorded stays. Refused, and
  // invalidates, for the stream where the capture began, which has to end it.
  virtual CUresult leave(Stream& stream) = 0;
};

class Stream final : public Object {
 public:
  using Handle = CUstream;
  static constexpr Kind kKind = Kind::stream;
  enum class Type : uint8_t { legacy, per_thread, created };

  // Made by Context only.
  Stream(Context& context, Type type, unsigned flags, int priority);
  ~Stream() override;

  Context& context() const { return context_; }
  Type type() const { return type_; }
  unsigned flags() const { return flags_; }
  int priority() const { return priority_.load(std::memory_order_relaxed); }
  // cuStreamGetId.
  uint64_t id() const { return id_; }
  // Synchronises with the legacy stream.
  bool is_blocking() const { return type_ != Type::legacy && (flags_ & CU_STREAM_NON_BLOCKING) == 0; }

  // Enqueues and returns; while the stream captures, the operation is recorded instead. What enqueue returns is an
  // error of the call itself, not of the work.
  CUresult enqueue(Ref<Operation> operation);
  // The same for work that is short: runs on the calling thread when nothing is in its way, which is cheaper than to
  // wake another.
  CUresult enqueue_short(Ref<Operation> operation);
  // Enqueues, waits and returns the work's own result; runs it on the calling thread when nothing is in its way.
  // CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED while capturing.
  CUresult execute(Ref<Operation> operation);
  // True when execute() would run at once: nothing is enqueued before it.
  bool is_idle();

  // Below the capture: for graph launches and for the calls above. `after` are further completions to wait for.
  // Returns the completion of this run.
  Ref<Completion> post(Ref<Operation> operation, std::vector<Ref<Completion>> after = {});
  // A point behind everything enqueued so far: done at once when there is nothing.
  Ref<Completion> mark();
  // Later work of this stream waits for `completion`.
  void wait_for(Ref<Completion> completion);
  // Completion of the last work enqueued, or null when there is none outstanding.
  Ref<Completion> tail();
  // What a synchronisation of this stream waits for; the legacy stream includes the blocking streams.
  std::vector<Ref<Completion>> outstanding();
  // Waits for everything enqueued so far (for the legacy stream: of the blocking streams, too).
  void drain();

  // The capture in progress, or null.
  Ref<StreamCapture> capture();
  void set_capture(Ref<StreamCapture> capture);
  // CUDA_SUCCESS, or the error for a call that may not be made while the stream captures.
  CUresult refuse_in_capture();

  // Attributes of cuStreamSetAttribute, kept as set.
  CUresult set_attribute(CUstreamAttrID attribute, const CUstreamAttrValue& value);
  CuResult<CUstreamAttrValue> attribute(CUstreamAttrID attribute) const;
  void copy_attributes(const Stream& from);

 private:
  struct Ticket;

  // Who runs the queue after something was appended.
  enum class Runner { somebody_does, caller, executor };

  bool push(const Ref<Ticket>& ticket, bool run_here);
  Runner append(const Ref<Ticket>& ticket, bool run_here);
  Runner append_legacy(const Ref<Ticket>& ticket, bool run_here);
  Runner append_locked(const Ref<Ticket>& ticket, bool run_here);
  void submit_queue();
  bool head_is_ready(Ticket& head);
  bool run_head(Ticket& head);
  // Runs queued work until the queue is empty or its head must wait; called by the one thread that owns the queue.
  void run_queue();
  // Runs a ticket that push() let this thread run, then leaves the queue to others.
  void run_here(Ticket& ticket);

  Context& context_;
  const Ref<Context> keep_context_;
  const Type type_;
  const unsigned flags_;
  const uint64_t id_;
  std::atomic<int> priority_;

  mutable std::mutex mutex_;  // guards everything below
  std::deque<Ref<Ticket>> queue_;
  Ref<Completion> tail_;
  bool scheduled_ = false;  // a thread runs the queue, or is about to, or a dependency will start one
  Ref<StreamCapture> capture_;
  std::atomic<bool> capturing_{false};  // capture_ != null, readable without the mutex
  // The legacy stream's last work. Written by legacy work with the mutexes of all blocking streams held, so that a
  // blocking stream may read it under its own.
  Ref<Completion> legacy_tail_;

  // Attributes, also guarded by the mutex.
  CUstreamAttrValue access_policy_{};
  CUsynchronizationPolicy sync_policy_ = CU_SYNC_POLICY_AUTO;
  CUlaunchMemSyncDomain sync_domain_ = CU_LAUNCH_MEM_SYNC_DOMAIN_DEFAULT;
  CUlaunchMemSyncDomainMap sync_domain_map_{0, 1};
};

// Stream priorities run from kLeastPriority to kGreatestPriority; others are clamped, as CUDA does.
constexpr int kLeastPriority = 0;
constexpr int kGreatestPriority = -5;
constexpr int clamp_priority(int priority) {
  return priority > kLeastPriority ? kLeastPriority : priority < kGreatestPriority ? kGreatestPriority : priority;
}

// Resolves a stream argument in the current context: NULL, CU_STREAM_LEGACY, CU_STREAM_PER_THREAD or a created
// stream. INVALID_HANDLE for a stale one, the context's error where it has one, CUDA_ERROR_INVALID_CONTEXT for NULL
// without a current context.
CuResult<Ref<Stream>> find_stream(CUstream handle);
// Of a batch of copies or prefetches, which may not go to the legacy stream.
CuResult<Ref<Stream>> find_batch_stream(CUstream handle);

// Implemented by capture.cpp. The first: an operation that is unsafe while any capture in global mode (or this
// thread's own in thread-local mode) is in progress, such as cuMemAlloc, returns the error and invalidates the
// captures. The second: work for the legacy stream while a blocking stream of its context captures.
CUresult check_unsafe_call();
CUresult check_legacy_use(Context& context);

}  // namespace vgpu::soft
