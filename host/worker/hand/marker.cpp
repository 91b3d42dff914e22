// SPDX-License-Identifier: Apache-2.0
// Markers of the guest's: words in the session's memory that the device writes, so that questions about unfinished work
// are answered in the guest. CUDA driver API: Event Management, Stream Memory Operations.
#include "host/worker/hand/calls.h"
#include "host/worker/hand/copy.h"

namespace vgpu::host::hand {
namespace {

// It would become part of a graph.
bool is_captured(const Driver& driver, CUstream stream) {
  CUstreamCaptureStatus state = CU_STREAM_CAPTURE_STATUS_NONE;
  return VGPU_DRIVER(driver, cuStreamIsCapturing)(stream, &state) != CUDA_SUCCESS ||
         state != CU_STREAM_CAPTURE_STATUS_NONE;
}

void note_wait(Session& session, const CommandCopy& command, uint64_t wire_stream) {
  session.hardware_queues.note_use(wire_stream, (command.flags & ring::kPerThreadStream) != 0, command.thread);
  session.hardware_queues.count_wait();
}

// What failed before is told with the next answer, so a question must come.
bool takes_markers(const Session& session, CUstream stream) {
  return session.posted_error.load(std::memory_order_relaxed) == 0 && !is_captured(session.driver, stream);
}

bool store_later(Invocation& invocation, const wire::Marker& marker, CUstream stream) {
  Session& session = invocation.session;
  return session.guest_words.store_later(session.driver, invocation.command.context, stream,
                                         offsetof(ring::Header, marker) + marker.word * sizeof(uint32_t), marker.value);
}

bool place(Invocation& invocation, const wire::Marker& marker) {
  Session& session = invocation.session;
  note_wait(session, invocation.command, marker.stream);
  CUstream stream = nullptr;
  return invocation.real(Kind::stream, marker.stream, stream) &&
         session.may_mark(invocation.command.context, marker.stream, bits_of(stream)) &&
         takes_markers(session, stream) && store_later(invocation, marker, stream);
}

void refuse(Session& session, const wire::Marker& marker) {
  session.memory.header().marker[marker.word].store(marker.value | wire::kMarkerRefused, std::memory_order_release);
}

bool is_valid(const wire::Marker& marker) {
  return marker.word < ring::kMarkers && marker.value != 0 && (marker.value & wire::kMarkerRefused) == 0;
}

// Whether the driver's own call would do nothing but wait (sync_debts.h). Who traces wants to see calls.
bool is_only_a_wait(const Session& session) { return !session.debts.any() && !session.trace.on(); }

// Helpers have no part in what the dispatcher watches.
bool on_helper(const Invocation& invocation) { return (invocation.command.flags & ring::kHelper) != 0; }

// The marker of a copy holds nobody back whom the copy itself does not.
bool copy_and_mark(Invocation& invocation, const wire::MarkedCopy& message, const wire::Marker& marker) {
  Session& session = invocation.session;
  note_wait(session, invocation.command, marker.stream);
  CUstream stream = nullptr;
  return is_only_a_wait(session) && invocation.real(Kind::stream, marker.stream, stream) &&
         takes_markers(session, stream) &&
         start_marked_copy(invocation, static_cast<uint16_t>(message.call), message.copy, stream) == CUDA_SUCCESS &&
         store_later(invocation, marker, stream);
}

}  // namespace

CUresult place_marker(Invocation& invocation) {
  const auto marker = invocation.request.get<wire::Marker>();
  if (!invocation.request.complete() || !is_valid(marker)) return invocation.bad_message();
  if (!place(invocation, marker)) refuse(invocation.session, marker);
  return CUDA_SUCCESS;
}

// In place of cuStreamSynchronize.
CUresult marked_wait(Invocation& invocation) {
  const auto marker = invocation.request.get<wire::Marker>();
  if (!invocation.request.complete() || !is_valid(marker) || on_helper(invocation)) return invocation.bad_message();
  Session& session = invocation.session;
  if (!is_only_a_wait(session) || !place(invocation, marker)) refuse(session, marker);
  else session.guest_wait.begin(session.memory.header().marker[marker.word], marker.value);
  return CUDA_SUCCESS;
}

// In place of a synchronous copy.
CUresult marked_copy(Invocation& invocation) {
  const auto message = invocation.request.get<wire::MarkedCopy>();
  const wire::Marker marker = {message.copy.stream, message.word, message.value};
  if (!invocation.request.complete() || !is_valid(marker) || on_helper(invocation) ||
      !may_be_marked(message.call, message.copy))
    return invocation.bad_message();
  Session& session = invocation.session;
  if (!copy_and_mark(invocation, message, marker)) refuse(session, marker);
  else session.guest_wait.begin(session.memory.header().marker[marker.word], marker.value);
  return CUDA_SUCCESS;
}

CUresult marked_record(Invocation& invocation) {
  const auto wire_event = invocation.request.get<uint64_t>();
  const auto marker = invocation.request.get<wire::Marker>();
  if (!invocation.request.complete() || !is_valid(marker)) return invocation.bad_message();
  CUevent event = nullptr;
  CUstream stream = nullptr;
  CUresult status = CUDA_ERROR_INVALID_HANDLE;
  if (invocation.real(Kind::event, wire_event, event) && invocation.real(Kind::stream, marker.stream, stream))
    status = VGPU_DRIVER(invocation.session.driver, cuEventRecord)(event, stream);
  if (status != CUDA_SUCCESS || !place(invocation, marker)) refuse(invocation.session, marker);
  return status;
}

}  // namespace vgpu::host::hand
