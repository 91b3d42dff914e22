// SPDX-License-Identifier: Apache-2.0
// Asking and waiting whether the device has finished. What was found finished stays so until something else is sent, or
// the event is recorded again; such a question is answered here (design D8). CUDA driver API: Stream Management, Event
// Management, Context Management.
#include "common/bits.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

// These messages are one unit of the ring: a header and at most a handle.
constexpr uint64_t kMessageUnits = 1;

// The mark of an event that other processes record as well.
constexpr uint64_t kSharedEvent = ~uint64_t{0};

// No error of this context waits to be told.
bool is_clean(const Admitted& admitted) {
  const Context* current = admitted.thread->current();
  return current != nullptr && current->alive() && current->sticky() == CUDA_SUCCESS;
}

// Where it is kept up to which message a stream is known to be idle; null for streams of which nothing is kept.
std::atomic<uint64_t>* idle_mark(const Admitted& admitted, CUstream stream) {
  const uint64_t handle = bits_of(stream);
  if (handle > bits_of(CU_STREAM_PER_THREAD)) return admitted.process->handles().mark(handle);
  const bool own = handle == bits_of(CU_STREAM_PER_THREAD) || (handle == 0 && admitted.thread->per_thread_stream);
  return own || admitted.thread->current() == nullptr ? nullptr : &admitted.thread->current()->legacy_idle;
}

// `ask` sends one message. When it succeeds and nobody else sent anything meanwhile, the mark says so.
template <class Ask>
CUresult ask_unless_idle(const Admitted& admitted, std::atomic<uint64_t>* mark, Ask ask) {
  Session& session = admitted.process->session();
  const uint64_t before = session.position();
  if (mark != nullptr && mark->load(std::memory_order_relaxed) == before && !session.is_lost() && is_clean(admitted))
    return CUDA_SUCCESS;
  const CUresult status = ask();
  if (status == CUDA_SUCCESS && mark != nullptr && session.position() == before + kMessageUnits)
    mark->store(before + kMessageUnits, std::memory_order_relaxed);
  return status;
}

// Runs::on_helper for the calls that wait.
CUresult ask_stream(const Call& call, CUstream stream, Runs runs) {
  VGPU_ADMIT(admitted);
  void* argv[] = {&stream, nullptr};
  return ask_unless_idle(admitted, idle_mark(admitted, stream),
                         [&] { return forward_argv(admitted, call, argv, runs); });
}

// An event that was found finished stays finished until it is recorded again; graphs may record it, too.
CUresult ask_event(const Call& call, CUevent event, Runs runs) {
  VGPU_ADMIT(admitted);
  std::atomic<uint64_t>* mark = admitted.process->handles().mark(bits_of(event));
  const uint64_t graphs = admitted.process->graph_launches.load(std::memory_order_relaxed) + 1;
  if (mark != nullptr && mark->load(std::memory_order_relaxed) == graphs && !admitted.process->session().is_lost() &&
      is_clean(admitted))
    return CUDA_SUCCESS;
  void* argv[] = {&event, nullptr};
  const CUresult status = forward_argv(admitted, call, argv, runs);
  // A shared one may have been recorded anew meanwhile; so may one that has just become shared.
  uint64_t known = mark != nullptr ? mark->load(std::memory_order_relaxed) : kSharedEvent;
  if (status == CUDA_SUCCESS && known != kSharedEvent)
    mark->compare_exchange_strong(known, graphs, std::memory_order_relaxed);
  return status;
}

}  // namespace

void forget_event(const Admitted& admitted, uint64_t event) {
  std::atomic<uint64_t>* mark = admitted.process->handles().mark(event);
  if (mark == nullptr) return;
  uint64_t known = mark->load(std::memory_order_relaxed);
  while (known != kSharedEvent && !mark->compare_exchange_weak(known, 0, std::memory_order_relaxed)) {
  }
}

// A record of a shared event must have been made when the program tells another process of it.
static bool is_shared_event(const Admitted& admitted, CUevent event) {
  const std::atomic<uint64_t>* const mark = admitted.process->handles().mark(bits_of(event));
  return mark != nullptr && mark->load(std::memory_order_relaxed) == kSharedEvent;
}

void share_event(const Admitted& admitted, uint64_t event) {
  if (std::atomic<uint64_t>* mark = admitted.process->handles().mark(event))
    mark->store(kSharedEvent, std::memory_order_relaxed);
}

// Whether event and stream may be of different contexts, which CUDA refuses at once. The worker knows for certain.
static bool may_be_strangers(const Admitted& admitted, CUevent event, CUstream stream) {
  const HandleNotes& notes = admitted.process->handles();
  const bool is_object = bits_of(stream) > bits_of(CU_STREAM_PER_THREAD);
  return notes.maker(bits_of(event)) != (is_object ? notes.maker(bits_of(stream)) : admitted.thread->current());
}

namespace by_hand {

CUresult cuStreamQuery(CUstream hStream) { return ask_stream(api::spec::cuStreamQuery, hStream, Runs::by_path); }

CUresult cuStreamSynchronize(CUstream hStream) {
  return ask_stream(api::spec::cuStreamSynchronize, hStream, Runs::on_helper);
}

CUresult cuEventQuery(CUevent hEvent) { return ask_event(api::spec::cuEventQuery, hEvent, Runs::by_path); }

CUresult cuEventSynchronize(CUevent hEvent) {
  return ask_event(api::spec::cuEventSynchronize, hEvent, Runs::on_helper);
}

CUresult cuCtxSynchronize() {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return ask_unless_idle(admitted, &admitted.thread->current()->idle,
                         [&] { return forward_blocking(admitted, api::spec::cuCtxSynchronize); });
}

CUresult cuEventRecord(CUevent hEvent, CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (is_shared_event(admitted, hEvent)) return forward(admitted, api::spec::cuEventRecord, hEvent, hStream);
  forget_event(admitted, bits_of(hEvent));
  if (may_be_strangers(admitted, hEvent, hStream)) return forward(admitted, api::spec::cuEventRecord, hEvent, hStream);
  return forward_posted(admitted, api::spec::cuEventRecord, hEvent, hStream);
}

CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  forget_event(admitted, bits_of(hEvent));
  return forward(admitted, api::spec::cuEventRecordWithFlags, hEvent, hStream, flags);
}

CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  admitted.process->graph_launches.fetch_add(1, std::memory_order_relaxed);
  return forward_posted(admitted, api::spec::cuGraphLaunch, hGraphExec, hStream);
}

}  // namespace by_hand
}  // namespace vgpu::guest
