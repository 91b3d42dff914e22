// SPDX-License-Identifier: Apache-2.0
// Row-described calls that take or give back device memory, counted against the session's budget.
#pragma once

#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {

// Decodes the row, reserves `bytes`, calls the driver, and keeps or cancels the reservation.
template <class Bytes, class Key>
CUresult accounted(Invocation& invocation, const Call& call, Bytes bytes, Key key) {
  RowCall row{call, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const uint64_t size = bytes(row);
  DeviceMemory& memory = invocation.session.device_memory;
  if (!memory.reserve(size)) return CUDA_ERROR_OUT_OF_MEMORY;
  // The key must be read before encoding turns real handles into the guest's.
  const CUresult status = call_driver(invocation, row);
  if (status != CUDA_SUCCESS) {
    memory.cancel(size);
    return status;
  }
  memory.keep(key(row), size);
  codec::encode_reply(call, row.arguments, invocation, invocation.reply);
  return status;
}

// Frees what argument 0 names and, on success, what was accounted under it. `before` is told of the call.
template <class Before>
CUresult accounted_release(Invocation& invocation, const Call& call, Before before) {
  RowCall row{call, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const auto key = row.argument<uint64_t>(0);
  before(row);
  const CUresult status = call_row(invocation, row);
  if (status == CUDA_SUCCESS) invocation.session.device_memory.free(key);
  return status;
}

inline CUresult accounted_release(Invocation& invocation, const Call& call) {
  return accounted_release(invocation, call, [](const RowCall&) {});
}

inline uint64_t result_in_argument_0(const RowCall& row) {
  const auto* result = row.argument<uint64_t*>(0);
  return result == nullptr ? 0 : *result;
}

}  // namespace vgpu::host::hand
