// SPDX-License-Identifier: Apache-2.0
// Asking and waiting whether the device has finished. What was found finished stays so until something else is sent, or
// the event is recorded again; what was found unfinished stays so until the device has written a marker. Such questions
// are answered here. CUDA driver API: Stream Management, Event Management, Context Management.
#include <optional>

#include "common/bits.h"
#include "libcuda/by_hand.h"
#include "libcuda/marked_wait.h"

namespace vgpu::guest {
namespace {

// These messages are one unit of the ring: a header and at most 16 bytes. A marked record is two.
constexpr uint64_t kMessageUnits = 1;

// Progress::mark. Only what was waited for has printed what its kernels had to print, so a question's answer is no
// answer for a call that waits.
constexpr uint64_t kWaited = 1;
// Of a stream: the session's position << 1. Of an event: graphs launched so far << 1, and above it a number that each
// record changes, so that an answer about an older one is not kept.
constexpr uint64_t kRecord = uint64_t{1} << 40;
constexpr uint64_t kState = kRecord - 1;
// Of an event that other processes record as well.
constexpr uint64_t kSharedEvent = ~uint64_t{0};

// Progress::watch of an event: somebody has asked about it since it was recorded. The rest is a Markers::Id.
constexpr uint64_t kAsked = uint64_t{1} << 31;
static_assert(kAsked >= ring::kMarkers);

bool may_answer(const Admitted& admitted) { return !admitted.process->session().is_lost() && is_clean(admitted); }

// Null for streams of which nothing is kept: a thread's own.
Progress* stream_progress(const Admitted& admitted, CUstream stream) {
  const uint64_t handle = bits_of(stream);
  if (handle > bits_of(CU_STREAM_PER_THREAD)) return admitted.process->handles().progress(handle);
  Context* const current = admitted.thread->current();
  return !is_legacy(admitted, handle) || current == nullptr ? nullptr : &current->legacy_stream;
}

// --- Markers

// A marker behind all that the stream has been given; 0 when there is none.
Markers::Id mark_end(const Admitted& admitted, uint64_t stream) {
  const Markers::Id id = may_mark(admitted, stream) ? take_marker(admitted) : 0;
  if (id == 0) return 0;
  Remote remote(admitted, wire::kPlaceMarker);
  remote.writer().put(Markers::on_wire(id, stream));
  return remote.post() == CUDA_SUCCESS ? id : 0;
}

// What the marker says; nothing when the worker must be asked.
std::optional<Markers::State> look_at(const Admitted& admitted, Markers::Id id, bool legacy) {
  Markers& markers = admitted.process->markers();
  const Markers::State state = markers.look(id);
  switch (state) {
    case Markers::State::written: return state;
    case Markers::State::waiting:
      if (markers.asked_lately(id)) return state;
      markers.asked_now(id);
      return std::nullopt;
    case Markers::State::refused:
      if (legacy) admitted.process->marks_legacy_stream.store(false, std::memory_order_relaxed);
      return std::nullopt;
    case Markers::State::lost: return std::nullopt;
  }
  return std::nullopt;
}

// --- Streams

bool is_idle(const Progress& progress, uint64_t position, bool waited) {
  const uint64_t mark = progress.mark.load(std::memory_order_relaxed);
  return mark == (position << 1 | kWaited) || (!waited && mark == position << 1);
}

// `ask` sends one message, or gets another position to begin from before the one that counts. When it succeeds and
// nobody else sent anything meanwhile, the mark says so.
template <class Ask>
CUresult wait_unless_idle(const Admitted& admitted, Progress* progress, Ask ask) {
  Session& session = admitted.process->session();
  uint64_t before = session.position();
  if (progress != nullptr && is_idle(*progress, before, true) && may_answer(admitted)) return CUDA_SUCCESS;
  const CUresult status = ask(before);
  if (status == CUDA_SUCCESS && progress != nullptr && session.position() == before + kMessageUnits)
    progress->mark.store((before + kMessageUnits) << 1 | kWaited, std::memory_order_relaxed);
  return status;
}

// Waits for the stream by looking at a word that the device writes: no answer has to come. Anything but `written`: the
// driver's call is needed; `waiting`: and the thread has lost its patience.
Markers::State wait_marked(const Admitted& admitted, CUstream stream) {
  if (!admitted.process->serves_private(wire::kMarkedWait) || !may_mark(admitted, bits_of(stream)) ||
      !wants_marked_wait(admitted, bits_of(stream)))
    return Markers::State::refused;
  const Markers::Id id = take_marker(admitted);
  if (id == 0) return Markers::State::refused;
  Remote remote(admitted, wire::kMarkedWait);
  remote.concerns(stream).writer().put(Markers::on_wire(id, bits_of(stream)));
  if (remote.post() != CUDA_SUCCESS) return Markers::State::refused;
  return wait_for_marker(admitted, id, bits_of(stream));
}

CUresult wait_by_driver(const Admitted& admitted, CUstream stream, Runs runs) {
  Extent extent;
  void* argv[] = {&stream, nullptr};
  const CUresult status = forward_argv(admitted, api::spec::cuStreamSynchronize, argv, runs, &extent);
  carry_idle_streams(admitted, stream, extent);
  return status;
}

// What is not there yet will not be there before the marker is, whatever else was sent. What was there when the marker
// was written is all there is, if nothing was sent.
std::optional<CUresult> answer_for_stream(const Admitted& admitted, CUstream stream, Progress& progress,
                                          uint64_t position) {
  if (is_idle(progress, position, false)) return CUDA_SUCCESS;
  const Markers::Id id = progress.watch.load(std::memory_order_acquire);
  if (id == 0) return std::nullopt;
  const std::optional<uint64_t> placed = admitted.process->markers().note(id);
  const auto state = look_at(admitted, id, is_legacy(admitted, bits_of(stream)));
  if (state == Markers::State::waiting) return CUDA_ERROR_NOT_READY;
  if (state != Markers::State::written || placed != position) return std::nullopt;
  progress.mark.store(position << 1, std::memory_order_relaxed);
  return CUDA_SUCCESS;
}

// The stream was found unfinished by a message at `position`.
void watch_stream(const Admitted& admitted, CUstream stream, Progress& progress, uint64_t position) {
  Session& session = admitted.process->session();
  Markers& markers = admitted.process->markers();
  const Markers::Id present = progress.watch.load(std::memory_order_acquire);
  const Markers::State state = present != 0 ? markers.look(present) : Markers::State::lost;
  // What refused one will refuse the next.
  if (state == Markers::State::refused && markers.asked_lately(present)) return;
  if (state == Markers::State::waiting) {
    // Nothing came behind the marker but this question.
    if (markers.note(present) == position && session.position() == position + kMessageUnits)
      markers.set_note(present, position + kMessageUnits);
    return;
  }
  const uint64_t before = session.position();
  const Markers::Id id = mark_end(admitted, bits_of(stream));
  if (id != 0 && session.position() == before + kMessageUnits) markers.set_note(id, before + kMessageUnits);
  progress.watch.store(id, std::memory_order_release);
}

// --- Events

uint64_t finished(uint64_t mark, uint64_t graphs) { return (mark & ~kState) | (graphs << 1 & kState); }

// Graphs may record events, too: each launch makes what is known of one doubtful. Counts more than launches; never 0.
uint64_t graphs_launched(const Admitted& admitted) {
  return admitted.process->graph_launches.load(std::memory_order_relaxed) + 1;
}

// `mark` was read before: a record in between is noticed.
std::optional<CUresult> answer_for_event(const Admitted& admitted, Progress& progress, uint64_t mark, bool waits) {
  const uint64_t graphs = graphs_launched(admitted);
  if (mark == (finished(mark, graphs) | kWaited) || (!waits && mark == finished(mark, graphs))) return CUDA_SUCCESS;
  const uint64_t watch = waits ? 0 : progress.watch.load(std::memory_order_acquire);
  const Markers::Id id = watch & ~kAsked;
  if (id == 0 || admitted.process->markers().note(id) != finished(mark, graphs)) return std::nullopt;
  if ((watch & kAsked) == 0) progress.watch.fetch_or(kAsked, std::memory_order_relaxed);
  const auto state = look_at(admitted, id, is_legacy(admitted, progress.stream.load(std::memory_order_relaxed)));
  if (state == Markers::State::waiting) return CUDA_ERROR_NOT_READY;
  if (state != Markers::State::written) return std::nullopt;
  progress.mark.compare_exchange_strong(mark, finished(mark, graphs), std::memory_order_relaxed);
  return CUDA_SUCCESS;
}

// The event was found unfinished by a message at `position`. The end of its stream stands for it if nothing was sent
// since its record; else its next record brings a marker. `mark` was read before the question: a marker that stands for
// an older record has an older number.
void watch_event(const Admitted& admitted, Progress& progress, uint64_t mark, uint64_t watch, uint64_t position) {
  Session& session = admitted.process->session();
  Markers& markers = admitted.process->markers();
  if (watch != kAsked && markers.look(watch & ~kAsked) == Markers::State::waiting) return;
  if (progress.recorded_at.load() != position || session.position() != position + kMessageUnits) return;
  const uint64_t graphs = graphs_launched(admitted);
  const Markers::Id id = mark_end(admitted, progress.stream.load());
  if (id == 0 || session.position() != position + 2 * kMessageUnits) return;
  markers.set_note(id, finished(mark, graphs));
  progress.watch.compare_exchange_strong(watch, id | kAsked);
}

Runs runs_of_wait(const Progress* event) {
  const bool blocks = event != nullptr && event->blocks.load(std::memory_order_relaxed);
  return blocks ? Runs::on_helper : Runs::waiting;
}

CUresult ask_event(const Call& call, CUevent event, bool waits) {
  VGPU_ADMIT(admitted);
  Progress* const progress = admitted.process->handles().progress(bits_of(event));
  uint64_t mark = progress == nullptr ? kSharedEvent : progress->mark.load(std::memory_order_acquire);
  const uint64_t before = mark;
  if (mark != kSharedEvent && may_answer(admitted))
    if (const auto answer = answer_for_event(admitted, *progress, mark, waits)) return *answer;
  const uint64_t graphs = graphs_launched(admitted);
  const uint64_t position = admitted.process->session().position();
  void* argv[] = {&event, nullptr};
  const CUresult status = forward_argv(admitted, call, argv, waits ? runs_of_wait(progress) : Runs::by_path);
  if (mark == kSharedEvent) return status;
  const uint64_t watch = waits ? 0 : progress->watch.fetch_or(kAsked) | kAsked;
  if (status == CUDA_SUCCESS)
    progress->mark.compare_exchange_strong(mark, finished(mark, graphs) | (waits ? kWaited : 0));
  if (status == CUDA_ERROR_NOT_READY && !waits) watch_event(admitted, *progress, before, watch, position);
  return status;
}

// Gives the event's next record a number; what is known is out of date then. The new mark.
uint64_t count_record(Progress& progress) {
  uint64_t mark = progress.mark.load();
  uint64_t next = mark;
  do {
    next = mark == kSharedEvent ? mark : (mark & ~kState) + kRecord;
  } while (!progress.mark.compare_exchange_weak(mark, next));
  return next;
}

// Before and after a record is sent: an answer to what another thread asks in between may be about either record. What
// was watched until now, and whether somebody asked.
uint64_t start_record(Progress& progress) {
  progress.recorded_at.store(0);
  const uint64_t watch = progress.watch.exchange(0);
  count_record(progress);
  return watch;
}

// Around calls that record an event in another way.
class EventForgotten {
 public:
  EventForgotten(const Admitted& admitted, CUevent event) : admitted_(admitted), event_(bits_of(event)) {
    forget_event(admitted_, event_);
  }
  ~EventForgotten() { forget_event(admitted_, event_); }
  EventForgotten(const EventForgotten&) = delete;
  EventForgotten& operator=(const EventForgotten&) = delete;

 private:
  const Admitted& admitted_;
  const uint64_t event_;
};

// For a record whose event was asked about since the last one; 0 for others. The word of the last record serves again
// if its stream is the same, so that a loop, which is faster than the device, needs one word and not all of them.
Markers::Id next_marker(const Admitted& admitted, const Progress& progress, uint64_t watch, uint64_t stream) {
  if ((watch & kAsked) == 0 || !may_mark(admitted, stream)) return 0;
  const bool one_stream = stream > bits_of(CU_STREAM_PER_THREAD) || is_legacy(admitted, stream);
  const Markers::Id last = watch & ~kAsked;
  if (last != 0 && one_stream && progress.stream.load() == stream)
    if (const Markers::Id id = admitted.process->markers().renew(last, admitted.thread->current()->handle()); id != 0)
      return id;
  return take_marker(admitted);
}

// A record with a marker behind it, for an event whose last record was asked about.
CUresult record_marked(const Admitted& admitted, CUevent event, CUstream stream, Markers::Id id) {
  Remote remote(admitted, wire::kMarkedRecord);
  remote.writer().put(bits_of(event));
  remote.writer().put(Markers::on_wire(id, bits_of(stream)));
  return remote.post();
}

}  // namespace

void carry_idle_streams(const Admitted& admitted, CUstream concerned, const Extent& extent) {
  if (!is_legacy(admitted, bits_of(concerned)))
    admitted.thread->idle.carry(admitted.process->handles(), extent, bits_of(concerned));
}

void forget_event(const Admitted& admitted, uint64_t event) {
  if (Progress* const progress = admitted.process->handles().progress(event)) start_record(*progress);
}

void share_event(const Admitted& admitted, uint64_t event) {
  if (Progress* const progress = admitted.process->handles().progress(event)) progress->mark.store(kSharedEvent);
}

// Whether event and stream may be of different contexts, which CUDA refuses at once. The worker knows for certain.
static bool may_be_strangers(const Admitted& admitted, CUevent event, CUstream stream) {
  const HandleNotes& notes = admitted.process->handles();
  const bool is_object = bits_of(stream) > bits_of(CU_STREAM_PER_THREAD);
  return notes.maker(bits_of(event)) != (is_object ? notes.maker(bits_of(stream)) : admitted.thread->current());
}

namespace by_hand {

CUresult cuStreamQuery(CUstream hStream) {
  VGPU_ADMIT(admitted);
  Session& session = admitted.process->session();
  Progress* const progress = stream_progress(admitted, hStream);
  const uint64_t position = session.position();
  if (progress != nullptr && may_answer(admitted))
    if (const auto answer = answer_for_stream(admitted, hStream, *progress, position)) return *answer;
  const CUresult status = forward(admitted, api::spec::cuStreamQuery, hStream);
  if (progress == nullptr) return status;
  if (status == CUDA_SUCCESS && session.position() == position + kMessageUnits)
    progress->mark.store((position + kMessageUnits) << 1, std::memory_order_relaxed);
  if (status == CUDA_ERROR_NOT_READY) watch_stream(admitted, hStream, *progress, position);
  return status;
}

CUresult cuStreamSynchronize(CUstream hStream) {
  VGPU_ADMIT(admitted);
  Progress* const progress = stream_progress(admitted, hStream);
  const CUresult status = wait_unless_idle(admitted, progress, [&](uint64_t& before) {
    const Markers::State state = wait_marked(admitted, hStream);
    if (state == Markers::State::written) return CUDA_SUCCESS;
    before = admitted.process->session().position();
    return wait_by_driver(admitted, hStream, state == Markers::State::waiting ? Runs::on_helper : Runs::waiting);
  });
  if (status == CUDA_SUCCESS && progress != nullptr && bits_of(hStream) > bits_of(CU_STREAM_PER_THREAD))
    admitted.thread->idle.found(bits_of(hStream));
  return status;
}

CUresult cuEventQuery(CUevent hEvent) { return ask_event(api::spec::cuEventQuery, hEvent, false); }

CUresult cuEventSynchronize(CUevent hEvent) { return ask_event(api::spec::cuEventSynchronize, hEvent, true); }

CUresult cuCtxSynchronize() {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return wait_unless_idle(admitted, &admitted.thread->current()->progress, [&](uint64_t&) {
    void* argv[] = {nullptr};
    return forward_argv(admitted, api::spec::cuCtxSynchronize, argv, Runs::waiting);
  });
}

CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  VGPU_ADMIT(admitted);
  VGPU_CHECK(forward(admitted, api::spec::cuEventCreate, phEvent, Flags));
  if (Progress* const progress = admitted.process->handles().progress(bits_of(*phEvent)))
    progress->blocks.store((Flags & CU_EVENT_BLOCKING_SYNC) != 0, std::memory_order_relaxed);
  return CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent hEvent, CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  Progress* const progress = admitted.process->handles().progress(bits_of(hEvent));
  if (progress == nullptr) return forward_posted(admitted, api::spec::cuEventRecord, hEvent, hStream);
  // A record of a shared event must have been made when the program tells another process of it.
  if (progress->mark.load() == kSharedEvent) return forward(admitted, api::spec::cuEventRecord, hEvent, hStream);
  if (may_be_strangers(admitted, hEvent, hStream)) {
    const EventForgotten forgotten(admitted, hEvent);
    return forward(admitted, api::spec::cuEventRecord, hEvent, hStream);
  }
  const uint64_t watch = start_record(*progress);
  const Markers::Id id = next_marker(admitted, *progress, watch, bits_of(hStream));
  progress->stream.store(bits_of(hStream));
  Session& session = admitted.process->session();
  const uint64_t before = session.position(), graphs = graphs_launched(admitted);
  const CUresult status = id != 0 ? record_marked(admitted, hEvent, hStream, id)
                                  : forward_posted(admitted, api::spec::cuEventRecord, hEvent, hStream);
  const uint64_t mark = count_record(*progress);
  if (id != 0) admitted.process->markers().set_note(id, finished(mark, graphs));
  progress->watch.store(id);
  if (id == 0 && session.position() == before + kMessageUnits) progress->recorded_at.store(before + kMessageUnits);
  return status;
}

CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const EventForgotten forgotten(admitted, hEvent);
  return forward(admitted, api::spec::cuEventRecordWithFlags, hEvent, hStream, flags);
}

CUresult cuCtxRecordEvent(CUcontext hCtx, CUevent hEvent) {
  VGPU_ADMIT(admitted);
  const EventForgotten forgotten(admitted, hEvent);
  return forward(admitted, api::spec::cuCtxRecordEvent, hCtx, hEvent);
}

CUresult cuGreenCtxRecordEvent(CUgreenCtx hCtx, CUevent hEvent) {
  VGPU_ADMIT(admitted);
  const EventForgotten forgotten(admitted, hEvent);
  return forward(admitted, api::spec::cuGreenCtxRecordEvent, hCtx, hEvent);
}

CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  // Twice, as for a record: an answer in between may be about the time before.
  admitted.process->graph_launches.fetch_add(1);
  const CUresult status = admitted.process->graphs_allocate.load(std::memory_order_relaxed)
                              ? forward(admitted, api::spec::cuGraphLaunch, hGraphExec, hStream)
                              : forward_posted(admitted, api::spec::cuGraphLaunch, hGraphExec, hStream);
  admitted.process->graph_launches.fetch_add(1);
  return status;
}

}  // namespace by_hand
}  // namespace vgpu::guest
