// SPDX-License-Identifier: Apache-2.0
// Markers of the guest's: words in the session's memory that the device writes, so that questions about unfinished work
// are answered in the guest (design D8). CUDA driver API: Event Management, Stream Memory Operations.
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

// It would become part of a graph.
bool is_captured(const Driver& driver, CUstream stream) {
  CUstreamCaptureStatus state = CU_STREAM_CAPTURE_STATUS_NONE;
  return VGPU_DRIVER(driver, cuStreamIsCapturing)(stream, &state) != CUDA_SUCCESS ||
         state != CU_STREAM_CAPTURE_STATUS_NONE;
}

bool place(Invocation& invocation, const wire::Marker& marker) {
  Session& session = invocation.session;
  // What failed before is told with the next answer, so a question must come.
  if (session.posted_error.load(std::memory_order_relaxed) != 0) return false;
  CUstream stream = nullptr;
  if (!invocation.real(Kind::stream, marker.stream, stream)) return false;
  return session.may_mark(invocation.command.context, marker.stream, bits_of(stream)) &&
         !is_captured(session.driver, stream) &&
         session.guest_words.store_later(session.driver, invocation.command.context, stream,
                                         offsetof(ring::Header, marker) + marker.word * sizeof(uint32_t), marker.value);
}

void refuse(Session& session, const wire::Marker& marker) {
  session.memory.header().marker[marker.word].store(marker.value | wire::kMarkerRefused, std::memory_order_release);
}

bool is_valid(const wire::Marker& marker) {
  return marker.word < ring::kMarkers && marker.value != 0 && (marker.value & wire::kMarkerRefused) == 0;
}

}  // namespace

CUresult place_marker(Invocation& invocation) {
  const auto marker = invocation.request.get<wire::Marker>();
  if (!invocation.request.complete() || !is_valid(marker)) return invocation.bad_message();
  if (!place(invocation, marker)) refuse(invocation.session, marker);
  return CUDA_SUCCESS;
}

// In place of cuStreamSynchronize, where that would do nothing but wait (sync_debts.h). Who traces wants to see calls.
CUresult marked_wait(Invocation& invocation) {
  const auto marker = invocation.request.get<wire::Marker>();
  // Helpers have no part in what the dispatcher watches.
  const bool on_helper = (invocation.command.flags & ring::kHelper) != 0;
  if (!invocation.request.complete() || !is_valid(marker) || on_helper) return invocation.bad_message();
  Session& session = invocation.session;
  if (session.debts.any() || session.trace.on() || !place(invocation, marker)) refuse(session, marker);
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
