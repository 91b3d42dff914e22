// SPDX-License-Identifier: Apache-2.0
// Event, and cuEvent*.
#include "softgpu/driver/event.h"

#include "softgpu/driver/context.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/thread_state.h"

namespace vgpu::soft {

Event::Event(Context& context, unsigned flags, Ref<SharedEvent> shared)
    : Object(Kind::event), context_(&context), flags_(flags), shared_(std::move(shared)) {}

void Event::record(Stream& stream) {
  Ref<Completion> point = stream.mark();
  {
    const std::lock_guard lock(mutex_);
    capture_ = nullptr;
  }
  set_point(std::move(point));
}

void Event::set_point(Ref<Completion> completion) {
  const std::lock_guard lock(mutex_);
  if (shared_) point_number_ = shared_->record(completion);
  std::swap(point_, completion);
}

Ref<Completion> Event::point() const {
  const std::lock_guard lock(mutex_);
  if (!shared_) return point_;
  if (const uint64_t last = shared_->last(); last != point_number_) {
    point_ = shared_->when_reached(last);
    point_number_ = last;
  }
  return point_;
}

bool Event::is_done() const {
  if (shared_) return shared_->is_reached(shared_->last());
  const Ref<Completion> at = point();
  return !at || at->done();
}

Ref<StreamCapture> Event::capture() const {
  const std::lock_guard lock(mutex_);
  return capture_;
}

void Event::set_capture(Ref<StreamCapture> capture) {
  const std::lock_guard lock(mutex_);
  std::swap(capture_, capture);
}

namespace {

CuResult<Ref<Event>> find_event(CUevent handle) {
  TRY(current_process());
  if (inside_host_function()) return CUDA_ERROR_NOT_PERMITTED;
  Ref<Event> event = find<Event>(handle);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  if (const CUresult status = event->context().check(); status != CUDA_SUCCESS) return status;
  return event;
}

CUresult record_event(CUevent handle, CUstream stream_handle, unsigned flags) {
  const Ref<Stream> stream = TRY(find_stream(stream_handle));
  const Ref<Event> event = find<Event>(handle);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  if ((flags & ~unsigned{CU_EVENT_RECORD_EXTERNAL}) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (&event->context() != &stream->context()) return CUDA_ERROR_INVALID_HANDLE;
  if (const Ref<StreamCapture> capture = stream->capture()) return capture->record_event(*stream, *event, flags);
  if (flags != 0) return CUDA_ERROR_ILLEGAL_STATE;  // External records are nodes of a capture.
  if (stream->type() == Stream::Type::legacy) VGPU_CHECK(check_legacy_use(stream->context()));
  event->record(*stream);
  return CUDA_SUCCESS;
}

CUresult destroy_event(CUevent handle) {
  TRY(current_process());
  return retire(reinterpret_cast<uint64_t>(handle), Kind::event) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult elapsed_time(float* out, CUevent start_handle, CUevent end_handle) {
  const Ref<Event> start = TRY(find_event(start_handle));
  const Ref<Event> end = TRY(find_event(end_handle));
  if (!start->has_timing() || !end->has_timing() || &start->context() != &end->context())
    return CUDA_ERROR_INVALID_HANDLE;
  if (start->capture() || end->capture()) return CUDA_ERROR_CAPTURED_EVENT;
  const Ref<Completion> from = start->point(), to = end->point();
  if (!from || !to) return CUDA_ERROR_INVALID_HANDLE;
  if (!from->done() || !to->done()) return CUDA_ERROR_NOT_READY;
  if (out == nullptr) return CUDA_ERROR_INVALID_HANDLE;  // What NVIDIA's driver returns.
  const int64_t nanoseconds = static_cast<int64_t>(to->time_ns() - from->time_ns());
  *out = static_cast<float>(static_cast<double>(nanoseconds) / 1e6);
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" {

CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  Context* const context = TRY(current_context());
  constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if (phEvent == nullptr || (Flags & ~kKnown) != 0) return CUDA_ERROR_INVALID_VALUE;
  if ((Flags & CU_EVENT_INTERPROCESS) != 0 && (Flags & CU_EVENT_DISABLE_TIMING) == 0) return CUDA_ERROR_INVALID_VALUE;
  Ref<SharedEvent> shared;
  if ((Flags & CU_EVENT_INTERPROCESS) != 0) shared = TRY(SharedEvent::create());
  const Ref<Event> event = make_ref<Event>(*context, Flags, std::move(shared));
  if (publish(event) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *phEvent = handle_of(*event);
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent hEvent) { return destroy_event(hEvent); }
CUresult cuEventDestroy(CUevent hEvent) { return destroy_event(hEvent); }

CUresult cuEventRecord(CUevent hEvent, CUstream hStream) { return record_event(hEvent, hStream, 0); }
CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  return record_event(hEvent, hStream, flags);
}

CUresult cuEventQuery(CUevent hEvent) {
  const Ref<Event> event = TRY(find_event(hEvent));
  if (const Ref<StreamCapture> capture = event->capture()) return capture->refuse_event();
  VGPU_CHECK(check_unsafe_call());
  event->context().flush_output();
  if (!event->is_done()) return CUDA_ERROR_NOT_READY;
  return event->context().error();
}

CUresult cuEventSynchronize(CUevent hEvent) {
  const Ref<Event> event = TRY(find_event(hEvent));
  if (const Ref<StreamCapture> capture = event->capture()) return capture->refuse_event();
  VGPU_CHECK(check_unsafe_call());
  if (const Ref<Completion> point = event->point()) point->wait();
  event->context().flush_output();
  return event->context().error();
}

CUresult cuEventElapsedTime_v2(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  return elapsed_time(pMilliseconds, hStart, hEnd);
}
CUresult cuEventElapsedTime(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  return elapsed_time(pMilliseconds, hStart, hEnd);
}

}  // extern "C"
