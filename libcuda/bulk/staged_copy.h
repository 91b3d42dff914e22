// SPDX-License-Identifier: Apache-2.0
// Copies between ordinary memory and the device through the window: in pieces of one staging chunk each, of which the
// device has several while this side fills and empties others.
#pragma once

#include "libcuda/invoke.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest::bulk {

// A copy of one run of bytes.
struct CopyRequest {
  uint16_t opcode;        // of the call as the program made it
  uint16_t async_opcode;  // of the pieces that need not be waited for
  uint64_t destination;
  uint64_t source;
  uint64_t bytes;
  CUstream stream;
  bool async;
};

// The message of all of it.
wire::Copy whole(const CopyRequest& request, wire::HostSide side);

CUresult to_device_staged(const Admitted& admitted, const CopyRequest& request);
// Of one piece: nothing of it could go on beside the rest.
CUresult to_host_at_once(const Admitted& admitted, const CopyRequest& request);
// Copying into ordinary memory is complete when the call returns, also for the asynchronous call.
CUresult to_host_staged(const Admitted& admitted, const CopyRequest& request);

}  // namespace vgpu::guest::bulk
