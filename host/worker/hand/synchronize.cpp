// SPDX-License-Identifier: Apache-2.0
// Calls that wait for the device, when it has to be the driver's own that waits (sync_debts.h).
#include "common/bits.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

// settle(row, before) once the wait has gone well: what was due before it began is not any more.
template <class Settle>
CUresult wait_and_settle(Invocation& invocation, const Call& call, Settle settle) {
  RowCall row{call, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const uint64_t before = invocation.session.debts.now();
  const CUresult status = call_row(invocation, row);
  if (status == CUDA_SUCCESS) settle(row, before);
  return status;
}

}  // namespace

CUresult context_synchronize(Invocation& invocation) {
  return wait_and_settle(invocation, api::spec::cuCtxSynchronize, [&](const RowCall&, uint64_t before) {
    invocation.session.debts.settle_context(invocation.command.context, before);
  });
}

CUresult stream_synchronize(Invocation& invocation) {
  return wait_and_settle(invocation, api::spec::cuStreamSynchronize, [&](const RowCall& row, uint64_t before) {
    const uint64_t stream = bits_of(row.argument<CUstream>(0));
    invocation.session.debts.settle_stream(invocation.command.context, stream, before);
  });
}

}  // namespace vgpu::host::hand
