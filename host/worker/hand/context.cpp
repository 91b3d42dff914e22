// SPDX-License-Identifier: Apache-2.0
// Contexts. The guest keeps stacks and reference counts; the driver sees one retain per living primary context.
#include "common/bits.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {

CUresult primary_retain(Invocation& invocation) {
  const auto device = invocation.request.get<CUdevice>();
  if (!invocation.request.complete() || device < 0 || device >= static_cast<int>(handle::kPrimaryContexts))
    return invocation.bad_message();
  Session& session = invocation.session;
  CUcontext context = session.ready_context.take(session.driver, device);
  if (context == nullptr) {
    const CUresult status = VGPU_DRIVER(session.driver, cuDevicePrimaryCtxRetain)(&context, device);
    if (status != CUDA_SUCCESS) return status;
  }
  session.handles.set_primary(device, bits_of(context));
  // Threads for which it was none: this one, if the command came in the name of the context that it makes.
  session.context_epoch.fetch_add(1, std::memory_order_relaxed);
  return CUDA_SUCCESS;
}

CUresult primary_set_flags(Invocation& invocation) {
  RowCall row{api::spec::cuDevicePrimaryCtxSetFlags_v2, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  Session& session = invocation.session;
  const bool are_set =
      session.ready_context.set_flags(session.driver, row.argument<CUdevice>(0), row.argument<unsigned>(1));
  return are_set ? CUDA_SUCCESS : call_row(invocation, row);
}

namespace {

CUresult end_primary(Invocation& invocation, uint16_t opcode) {
  const auto device = invocation.request.get<CUdevice>();
  if (!invocation.request.complete() || device < 0 || device >= static_cast<int>(handle::kPrimaryContexts))
    return invocation.bad_message();
  // Release and Reset have the same type.
  const auto function = invocation.session.driver.function<decltype(::cuDevicePrimaryCtxRelease_v2)>(opcode);
  const CUresult status = function(device);
  if (status == CUDA_SUCCESS) {
    invocation.session.handles.set_primary(device, 0);
    invocation.session.forget_context(handle::primary_context(device));
  }
  return status;
}

}  // namespace

CUresult primary_release(Invocation& invocation) {
  return end_primary(invocation, api::opcode::cuDevicePrimaryCtxRelease_v2);
}

CUresult primary_reset(Invocation& invocation) {
  const auto device = codec::Reader(invocation.command.payload).get<CUdevice>();
  const CUresult status = end_primary(invocation, api::opcode::cuDevicePrimaryCtxReset_v2);
  // A reset keeps the driver's reference count; the guest's next retain brings its own.
  if (status == CUDA_SUCCESS) VGPU_DRIVER(invocation.session.driver, cuDevicePrimaryCtxRelease_v2)(device);
  return status;
}

CUresult context_create(Invocation& invocation) {
  RowCall row{api::spec::cuCtxCreate_v2, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const CUresult status = call_row(invocation, row);
  if (status == CUDA_SUCCESS) {
    // The new context became current on this thread of ours; what is current is said by each command.
    CUcontext popped = nullptr;
    VGPU_DRIVER(invocation.session.driver, cuCtxPopCurrent_v2)(&popped);
    invocation.session.context_epoch.fetch_add(1, std::memory_order_relaxed);
  }
  return status;
}

}  // namespace vgpu::host::hand
