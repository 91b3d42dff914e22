// SPDX-License-Identifier: Apache-2.0
// Launches. Parameters arrive packed by the function's own layout and go to the driver as one buffer
// (CU_LAUNCH_PARAM_BUFFER_POINTER), so the worker needs no layout of its own.
#include "common/log.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

// Attributes that name an event carry the guest's handle.
bool translate_attribute(Invocation& invocation, CUlaunchAttribute& attribute) {
  CUevent* event = nullptr;
  if (attribute.id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT) event = &attribute.value.programmaticEvent.event;
  if (attribute.id == CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT) event = &attribute.value.launchCompletionEvent.event;
  if (event == nullptr) return true;
  uint64_t wire = 0;
  std::memcpy(&wire, event, sizeof *event);
  return invocation.real(Kind::event, wire, *event);
}

struct DecodedLaunch {
  wire::Launch launch;
  CUfunction function = nullptr;
  CUstream stream = nullptr;
  const std::byte* parameters = nullptr;
  std::vector<CUlaunchAttribute> attributes;
};

CUresult decode(Invocation& invocation, DecodedLaunch& out) {
  codec::Reader& request = invocation.request;
  out.launch = request.get<wire::Launch>();
  out.parameters = request.take(out.launch.parameter_bytes);
  if (request.failed() || out.launch.attribute_count > request.left() / sizeof(CUlaunchAttribute))
    return invocation.bad_message();
  for (uint32_t i = 0; i < out.launch.attribute_count; ++i) out.attributes.push_back(request.get<CUlaunchAttribute>());
  if (!request.complete()) return invocation.bad_message();
  if (!invocation.real(Kind::function, out.launch.function, out.function)) return CUDA_ERROR_INVALID_HANDLE;
  if (!invocation.real(Kind::stream, out.launch.stream, out.stream)) return CUDA_ERROR_INVALID_HANDLE;
  for (CUlaunchAttribute& attribute : out.attributes)
    if (!translate_attribute(invocation, attribute)) return CUDA_ERROR_INVALID_HANDLE;
  return CUDA_SUCCESS;
}

// While anything is being captured, a launch is either answered or another command.
void note_loud(const Invocation& invocation, CUstream stream) {
  SyncDebts& debts = invocation.session.debts;
  debts.may_print(invocation.command.context, bits_of(stream));
  if (invocation.command.opcode == wire::kCapturedLaunch || invocation.command.reply_slot != ring::kNoReply)
    debts.graphs_may_print();
}

CUlaunchConfig config_of(DecodedLaunch& decoded) {
  const wire::Launch& l = decoded.launch;
  return {l.grid[0],        l.grid[1],      l.grid[2],
          l.block[0],       l.block[1],     l.block[2],
          l.shared_bytes,   decoded.stream, decoded.attributes.data(),
          l.attribute_count};
}

}  // namespace

CUresult launch(Invocation& invocation) {
  DecodedLaunch decoded;
  if (const CUresult status = decode(invocation, decoded); status != CUDA_SUCCESS) return status;
  invocation.session.counters.own().launches.add(1);
  const wire::Launch& l = decoded.launch;
  if (!invocation.session.handles.is_silent(l.function)) note_loud(invocation, decoded.stream);
  size_t bytes = l.parameter_bytes;
  auto* parameters = const_cast<std::byte*>(decoded.parameters);
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, parameters, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                   CU_LAUNCH_PARAM_END};
  void** packed = bytes == 0 ? nullptr : extra;
  const Driver& driver = invocation.session.driver;
  if (l.attribute_count == 0)
    return VGPU_DRIVER(driver, cuLaunchKernel)(decoded.function, l.grid[0], l.grid[1], l.grid[2], l.block[0],
                                               l.block[1], l.block[2], l.shared_bytes, decoded.stream,
                                               static_cast<void**>(nullptr), packed);
  const CUlaunchConfig config = config_of(decoded);
  return VGPU_DRIVER(driver, cuLaunchKernelEx)(&config, decoded.function, static_cast<void**>(nullptr), packed);
}

namespace {

// Asking a capturing stream to be waited for is what CUDA documents to make a capture invalid.
bool spoil_capture(const Driver& driver, CUstream stream) {
  CUstreamCaptureStatus state = CU_STREAM_CAPTURE_STATUS_NONE;
  const auto capture_state = [&] {
    if (VGPU_DRIVER(driver, cuStreamIsCapturing)(stream, &state) != CUDA_SUCCESS) state = CU_STREAM_CAPTURE_STATUS_NONE;
    return state;
  };
  if (capture_state() == CU_STREAM_CAPTURE_STATUS_ACTIVE) VGPU_DRIVER(driver, cuStreamSynchronize)(stream);
  return state != CU_STREAM_CAPTURE_STATUS_NONE && capture_state() == CU_STREAM_CAPTURE_STATUS_INVALIDATED;
}

}  // namespace

// A launch that the program did not wait for. Nobody would notice that its graph lacks a kernel, so a refusal ends the
// capture with CUDA_ERROR_STREAM_CAPTURE_INVALIDATED. CUDA C++ Programming Guide, Graphs: Invalidation.
CUresult captured_launch(Invocation& invocation) {
  const CUresult status = launch(invocation);
  if (status == CUDA_SUCCESS || invocation.malformed) return status;
  const auto wire = codec::Reader(invocation.command.payload).get<wire::Launch>();
  CUstream stream = nullptr;
  if (!invocation.real(Kind::stream, wire.stream, stream)) return status;
  invocation.told_later = spoil_capture(invocation.session.driver, stream);
  if (invocation.told_later && status != CUDA_ERROR_STREAM_CAPTURE_INVALIDATED)
    VGPU_WARN_THROTTLED("a captured launch was refused with %d; its capture is invalid", static_cast<int>(status));
  return status;
}

CUresult occupancy_clusters(Invocation& invocation) {
  DecodedLaunch decoded;
  if (const CUresult status = decode(invocation, decoded); status != CUDA_SUCCESS) return status;
  const CUlaunchConfig config = config_of(decoded);
  int value = 0;
  // Both questions have the same type.
  const auto function =
      invocation.session.driver.function<decltype(::cuOccupancyMaxActiveClusters)>(invocation.command.opcode);
  const CUresult status = function(&value, decoded.function, &config);
  if (status == CUDA_SUCCESS) invocation.reply.put(value);
  return status;
}

}  // namespace vgpu::host::hand
