// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/stream.h"

#include "softgpu/driver/context.h"
#include "softgpu/driver/executor.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/thread_state.h"

namespace vgpu::soft {
namespace {

uint64_t next_stream_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

void add_unless_done(std::vector<Ref<Completion>>& list, const Ref<Completion>& completion) {
  if (completion && !completion->done()) list.push_back(completion);
}

}  // namespace

struct Stream::Ticket final : Completion {
  Ref<Operation> operation;
  std::vector<Ref<Completion>> after;  // only touched by the thread that runs the queue, once enqueued
};

Stream::Stream(Context& context, Type type, unsigned flags, int priority)
    : Object(Kind::stream),
      context_(context),
      // The legacy stream is part of its context and must not keep it alive.
      keep_context_(type == Type::legacy ? nullptr : &context),
      type_(type),
      flags_(flags),
      id_(next_stream_id()),
      priority_(priority) {}

Stream::~Stream() = default;

// True when nothing is in the ticket's way and the caller wants to run it: the caller then owns the queue. Where no
// thread can be started, the executor runs the queue at once, so no lock may be held.
bool Stream::push(const Ref<Ticket>& ticket, bool run_here) {
  const Runner runner = append(ticket, run_here);
  if (runner == Runner::executor) submit_queue();
  return runner == Runner::caller;
}

void Stream::submit_queue() {
  Process::get()->executor().submit([self = Ref<Stream>(this)] { self->run_queue(); });
}

// Under the locks that its order against other streams needs.
Stream::Runner Stream::append(const Ref<Ticket>& ticket, bool run_here) {
  if (type_ == Type::legacy) return append_legacy(ticket, run_here);
  const std::lock_guard lock(mutex_);
  // SAFETY of the read: legacy work changes this only with the mutexes of all blocking streams held.
  if (is_blocking()) add_unless_done(ticket->after, context_.legacy_stream().legacy_tail_);
  return append_locked(ticket, run_here);
}

Stream::Runner Stream::append_legacy(const Ref<Ticket>& ticket, bool run_here) {
  const std::lock_guard streams_lock(context_.streams_mutex());
  const std::vector<Ref<Stream>>& streams = context_.streams();
  for (const Ref<Stream>& stream : streams)
    if (stream->is_blocking()) stream->mutex_.lock();
  for (const Ref<Stream>& stream : streams)
    if (stream->is_blocking()) add_unless_done(ticket->after, stream->tail_);
  legacy_tail_ = ticket;
  Runner runner;
  {
    const std::lock_guard lock(mutex_);
    runner = append_locked(ticket, run_here);
  }
  for (const Ref<Stream>& stream : streams)
    if (stream->is_blocking()) stream->mutex_.unlock();
  return runner;
}

Stream::Runner Stream::append_locked(const Ref<Ticket>& ticket, bool run_here) {
  queue_.push_back(ticket);
  tail_ = ticket;
  if (scheduled_) return Runner::somebody_does;
  scheduled_ = true;
  return run_here && ticket->after.empty() ? Runner::caller : Runner::executor;
}

bool Stream::head_is_ready(Ticket& head) {
  while (!head.after.empty()) {
    const Ref<Completion> dependency = std::move(head.after.back());
    head.after.pop_back();
    if (dependency->done()) continue;
    const bool subscribed = dependency->subscribe([self = Ref<Stream>(this)] { self->submit_queue(); });
    if (subscribed) return false;
  }
  return true;
}

// Runs the head of the queue, whose dependencies are done, and takes it out. False when the queue is empty then; the
// caller no longer owns it in that case.
bool Stream::run_head(Ticket& head) {
  const CUresult before = context_.error();
  CUresult result = before;
  if (before == CUDA_SUCCESS || head.operation->runs_after_failure()) {
    result = head.operation->run(context_);
    if (result != CUDA_SUCCESS) context_.fail(result);
  }
  head.operation = nullptr;  // Gives back what the operation holds even if somebody keeps the completion.
  Ref<Ticket> ticket;
  bool more;
  {
    const std::lock_guard lock(mutex_);
    ticket = std::move(queue_.front());
    queue_.pop_front();
    ticket->finish(result);
    more = !queue_.empty();
    if (!more) scheduled_ = false;
  }
  ticket->announce();
  return more;
}

void Stream::run_queue() {
  for (;;) {
    Ticket* head;
    {
      const std::lock_guard lock(mutex_);
      head = queue_.front().get();
    }
    if (!head_is_ready(*head) || !run_head(*head)) return;
  }
}

Ref<Completion> Stream::post(Ref<Operation> operation, std::vector<Ref<Completion>> after) {
  Ref<Ticket> ticket = make_ref<Ticket>();
  ticket->operation = std::move(operation);
  ticket->after = std::move(after);
  push(ticket, false);
  return ticket;
}

CUresult Stream::enqueue(Ref<Operation> operation) {
  if (const Ref<StreamCapture> recorder = capture()) return recorder->add(*this, std::move(operation));
  if (type_ == Type::legacy) VGPU_CHECK(check_legacy_use(context_));
  post(std::move(operation));
  return CUDA_SUCCESS;
}

CUresult Stream::enqueue_short(Ref<Operation> operation) {
  if (const Ref<StreamCapture> recorder = capture()) return recorder->add(*this, std::move(operation));
  if (type_ == Type::legacy) VGPU_CHECK(check_legacy_use(context_));
  Ref<Ticket> ticket = make_ref<Ticket>();
  ticket->operation = std::move(operation);
  if (push(ticket, true)) run_here(*ticket);
  return CUDA_SUCCESS;
}

CUresult Stream::execute(Ref<Operation> operation) {
  VGPU_CHECK(refuse_in_capture());
  if (type_ == Type::legacy) VGPU_CHECK(check_legacy_use(context_));
  Ref<Ticket> ticket = make_ref<Ticket>();
  ticket->operation = std::move(operation);
  if (push(ticket, true)) run_here(*ticket);
  else ticket->wait();
  return ticket->result();
}

void Stream::run_here(Ticket& ticket) {
  if (!run_head(ticket)) return;
  submit_queue();  // others enqueued behind it in the meantime
}

Ref<Completion> Stream::mark() {
  Ref<Ticket> ticket = make_ref<Ticket>();
  ticket->operation = make_ref<PointOperation>();
  if (push(ticket, true)) run_here(*ticket);
  return ticket;
}

bool Stream::is_idle() {
  const auto idle_alone = [](Stream& stream) {
    const std::lock_guard lock(stream.mutex_);
    return !stream.scheduled_;
  };
  if (!idle_alone(*this)) return false;
  if (is_blocking()) return idle_alone(context_.legacy_stream());
  if (type_ != Type::legacy) return true;
  const std::lock_guard lock(context_.streams_mutex());
  for (const Ref<Stream>& stream : context_.streams())
    if (stream->is_blocking() && !idle_alone(*stream)) return false;
  return true;
}

void Stream::wait_for(Ref<Completion> completion) {
  if (completion->done()) return;
  // A wait orders later work even when none comes for a while, so that tail() includes it.
  post(make_ref<PointOperation>(), {std::move(completion)});
}

Ref<Completion> Stream::tail() {
  const std::lock_guard lock(mutex_);
  if (tail_ && tail_->done()) tail_ = nullptr;
  return tail_;
}

std::vector<Ref<Completion>> Stream::outstanding() {
  std::vector<Ref<Completion>> result;
  if (const Ref<Completion> last = tail()) result.push_back(last);
  if (type_ != Type::legacy) return result;
  const std::lock_guard lock(context_.streams_mutex());
  for (const Ref<Stream>& stream : context_.streams())
    if (stream->is_blocking())
      if (const Ref<Completion> last = stream->tail()) result.push_back(last);
  return result;
}

void Stream::drain() {
  for (const Ref<Completion>& completion : outstanding()) completion->wait();
}

Ref<StreamCapture> Stream::capture() {
  if (!capturing_.load(std::memory_order_acquire)) return {};
  const std::lock_guard lock(mutex_);
  return capture_;
}

void Stream::set_capture(Ref<StreamCapture> capture) {
  Ref<StreamCapture> before;
  const std::lock_guard lock(mutex_);
  before = std::exchange(capture_, std::move(capture));
  capturing_.store(static_cast<bool>(capture_), std::memory_order_release);
}

CUresult Stream::refuse_in_capture() {
  const Ref<StreamCapture> recorder = capture();
  return recorder ? recorder->refuse() : CUDA_SUCCESS;
}

CuResult<Ref<Stream>> find_stream(CUstream handle) {
  if (handle == CU_STREAM_PER_THREAD || handle == nullptr || handle == CU_STREAM_LEGACY) {
    Context* const context = TRY(current_context());
    const bool per_thread = handle == CU_STREAM_PER_THREAD || (handle == nullptr && null_stream_is_per_thread());
    return per_thread ? context->per_thread_stream() : Ref<Stream>(&context->legacy_stream());
  }
  TRY(current_process());
  if (inside_host_function()) return CUDA_ERROR_NOT_PERMITTED;
  Ref<Stream> stream = find<Stream>(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (const CUresult status = stream->context().check(); status != CUDA_SUCCESS) return status;
  return stream;
}

CuResult<Ref<Stream>> find_batch_stream(CUstream handle) {
  Ref<Stream> stream = TRY(find_stream(handle));
  if (stream->type() == Stream::Type::legacy) return CUDA_ERROR_INVALID_VALUE;
  return stream;
}

}  // namespace vgpu::soft
