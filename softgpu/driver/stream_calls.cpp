// SPDX-License-Identifier: Apache-2.0
// cuStream*: creation, destruction, synchronisation, queries and attributes.
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

using namespace vgpu::soft;

namespace {

CUresult create_stream(CUstream* out, unsigned flags, int priority) {
  Context* const context = TRY(current_context());
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *out = handle_of(*TRY(context->create_stream(flags, priority)));
  return CUDA_SUCCESS;
}

CUresult destroy_stream(CUstream handle) {
  TRY(current_process());
  if (handle == nullptr || handle == CU_STREAM_LEGACY || handle == CU_STREAM_PER_THREAD)
    return CUDA_ERROR_INVALID_HANDLE;
  const Ref<Stream> stream = find<Stream>(handle);
  if (!stream) return CUDA_ERROR_INVALID_HANDLE;
  if (const Ref<StreamCapture> recorder = stream->capture()) VGPU_CHECK(recorder->leave(*stream));
  VGPU_CHECK(stream->context().destroy_stream(*stream));
  return stream->context().error();
}

}  // namespace

extern "C" {

CUresult cuStreamCreate(CUstream* phStream, unsigned int Flags) {
  return create_stream(phStream, Flags, kLeastPriority);
}
CUresult cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  return create_stream(phStream, flags, priority);
}
CUresult cuStreamDestroy_v2(CUstream hStream) { return destroy_stream(hStream); }
CUresult cuStreamDestroy(CUstream hStream) { return destroy_stream(hStream); }

CUresult cuStreamSynchronize(CUstream hStream) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  VGPU_CHECK(stream->refuse_in_capture());
  if (stream->type() == Stream::Type::legacy) VGPU_CHECK(check_legacy_use(stream->context()));
  VGPU_CHECK(check_unsafe_call());
  stream->drain();
  stream->context().flush_output();
  return stream->context().error();
}

CUresult cuStreamQuery(CUstream hStream) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  VGPU_CHECK(stream->refuse_in_capture());
  if (stream->type() == Stream::Type::legacy) VGPU_CHECK(check_legacy_use(stream->context()));
  VGPU_CHECK(check_unsafe_call());
  stream->context().flush_output();
  if (!stream->outstanding().empty()) return CUDA_ERROR_NOT_READY;
  return stream->context().error();
}

CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  const Ref<Event> event = find<Event>(hEvent);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  if ((Flags & ~unsigned{CU_EVENT_WAIT_EXTERNAL}) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (const Ref<StreamCapture> capture = stream->capture()) return capture->wait_event(*stream, *event, Flags);
  if (Flags != 0) return CUDA_ERROR_ILLEGAL_STATE;  // External waits are nodes of a capture.
  if (const Ref<StreamCapture> capture = event->capture()) return capture->wait_event(*stream, *event, Flags);
  if (stream->type() == Stream::Type::legacy) VGPU_CHECK(check_legacy_use(stream->context()));
  if (Ref<Completion> point = event->point()) stream->wait_for(std::move(point));
  return CUDA_SUCCESS;
}

CUresult cuStreamGetFlags(CUstream hStream, unsigned int* flags) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  VGPU_CHECK(stream->refuse_in_capture());
  if (flags == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = stream->flags();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetPriority(CUstream hStream, int* priority) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (priority == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *priority = stream->priority();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetId(CUstream hStream, unsigned long long* streamId) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (streamId == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *streamId = stream->id();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCtx(CUstream hStream, CUcontext* pctx) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pctx = handle_of(stream->context());
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCtx_v2(CUstream hStream, CUcontext* pCtx, CUgreenCtx* pGreenCtx) {
  VGPU_CHECK(cuStreamGetCtx(hStream, pCtx));
  if (pGreenCtx != nullptr) *pGreenCtx = nullptr;
  return CUDA_SUCCESS;
}

// There are no green contexts, so no stream belongs to one.
CUresult cuStreamGetGreenCtx(CUstream hStream, CUgreenCtx* phCtx) {
  TRY(find_stream(hStream));
  if (phCtx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *phCtx = nullptr;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetDevice(CUstream hStream, CUdevice* device) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *device = stream->context().device().ordinal();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetAttribute(CUstream hStream, CUstreamAttrID attr, CUstreamAttrValue* value) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *value = TRY(stream->attribute(attr));
  return CUDA_SUCCESS;
}

CUresult cuStreamSetAttribute(CUstream hStream, CUstreamAttrID attr, const CUstreamAttrValue* param) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (param == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return stream->set_attribute(attr, *param);
}

CUresult cuStreamCopyAttributes(CUstream dstStream, CUstream srcStream) {
  const Ref<Stream> to = TRY(find_stream(dstStream));
  const Ref<Stream> from = TRY(find_stream(srcStream));
  to->copy_attributes(*from);
  return CUDA_SUCCESS;
}

}  // extern "C"
