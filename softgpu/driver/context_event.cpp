// SPDX-License-Identifier: Apache-2.0
// cuCtxRecordEvent and cuCtxWaitEvent: an event for all of a context's work, and a wait by all of its later work.
#include "softgpu/driver/context.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

using namespace vgpu::soft;

namespace {

struct Arguments {
  Ref<Context> context;
  Ref<Event> event;
};

CuResult<Arguments> check_arguments(CUcontext context_handle, CUevent event_handle) {
  Context* const current = TRY(current_context());
  Arguments found{context_handle == nullptr ? Ref<Context>(current) : find<Context>(context_handle),
                  find<Event>(event_handle)};
  if (!found.context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!found.event) return CUDA_ERROR_INVALID_HANDLE;
  if (const CUresult status = found.context->check(); status != CUDA_SUCCESS) return status;
  // Neither may take part in a capture, which the attempt ends.
  for (const Ref<Stream>& stream : found.context->all_streams())
    if (const CUresult status = stream->refuse_in_capture(); status != CUDA_SUCCESS) return status;
  if (const Ref<StreamCapture> capture = found.event->capture())
    if (const CUresult status = capture->refuse(); status != CUDA_SUCCESS) return status;
  return found;
}

}  // namespace

extern "C" {

CUresult cuCtxRecordEvent(CUcontext hCtx, CUevent hEvent) {
  const Arguments found = TRY(check_arguments(hCtx, hEvent));
  if (&found.event->context() != found.context.get()) return CUDA_ERROR_INVALID_HANDLE;
  found.event->set_point(found.context->mark());
  return CUDA_SUCCESS;
}

CUresult cuCtxWaitEvent(CUcontext hCtx, CUevent hEvent) {
  const Arguments found = TRY(check_arguments(hCtx, hEvent));
  if (const Ref<Completion> point = found.event->point()) found.context->wait_for(point);
  return CUDA_SUCCESS;
}

}  // extern "C"
