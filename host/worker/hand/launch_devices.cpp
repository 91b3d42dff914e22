// SPDX-License-Identifier: Apache-2.0
// cuLaunchCooperativeKernelMultiDevice. It takes a pointer per parameter, so each launch's packed parameters are taken
// apart again, by the layout that the driver tells of its function.
#include "common/handle.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

struct DeviceLaunch {
  CUDA_LAUNCH_PARAMS driver = {};
  std::vector<void*> parameters;
};

// The driver reads as many pointers as the function has parameters.
CUresult find_parameters(Invocation& invocation, const wire::Launch& wire, const std::byte* packed,
                         std::vector<void*>& out) {
  const Driver& driver = invocation.session.driver;
  const bool is_kernel = handle::kind_of(wire.function) == Kind::kernel;
  CUfunction function = nullptr;
  CUkernel kernel = nullptr;
  if (is_kernel ? !invocation.real(Kind::kernel, wire.function, kernel)
                : !invocation.real(Kind::function, wire.function, function))
    return CUDA_ERROR_INVALID_HANDLE;
  for (size_t i = 0;; ++i) {
    size_t offset = 0, size = 0;
    const CUresult status = is_kernel ? VGPU_DRIVER(driver, cuKernelGetParamInfo)(kernel, i, &offset, &size)
                                      : VGPU_DRIVER(driver, cuFuncGetParamInfo)(function, i, &offset, &size);
    if (status == CUDA_ERROR_INVALID_VALUE) return CUDA_SUCCESS;  // Past the last one.
    if (status != CUDA_SUCCESS) return status;
    if (offset > wire.parameter_bytes || size > wire.parameter_bytes - offset) return CUDA_ERROR_INVALID_VALUE;
    out.push_back(const_cast<std::byte*>(packed + offset));
  }
}

// The guest waits for the devices of several contexts, each by itself.
uint64_t context_of(const Session& session, CUstream stream) {
  CUcontext owner = nullptr;
  const CUresult status = VGPU_DRIVER(session.driver, cuStreamGetCtx)(stream, &owner);
  return status == CUDA_SUCCESS ? session.handles.handle_of(Kind::context, bits_of(owner)) : 0;
}

CUresult decode(Invocation& invocation, DeviceLaunch& out) {
  const auto wire = invocation.request.get<wire::Launch>();
  const std::byte* const packed = invocation.request.take(wire.parameter_bytes);
  if (invocation.request.failed() || wire.attribute_count != 0) return invocation.bad_message();
  CUfunction function = nullptr;
  CUstream stream = nullptr;
  if (!invocation.real(Kind::function, wire.function, function) || !invocation.real(Kind::stream, wire.stream, stream))
    return CUDA_ERROR_INVALID_HANDLE;
  if (const CUresult status = find_parameters(invocation, wire, packed, out.parameters); status != CUDA_SUCCESS)
    return status;
  out.driver = {function,      wire.grid[0],  wire.grid[1],      wire.grid[2], wire.block[0],
                wire.block[1], wire.block[2], wire.shared_bytes, stream,       out.parameters.data()};
  if (!invocation.session.handles.is_silent(wire.function)) {
    invocation.session.debts.may_print(context_of(invocation.session, stream), bits_of(stream));
    invocation.session.debts.graphs_may_print();
  }
  return CUDA_SUCCESS;
}

}  // namespace

CUresult launch_on_devices(Invocation& invocation) {
  const auto head = invocation.request.get<wire::LaunchOnDevices>();
  if (head.count > invocation.request.left() / sizeof(wire::Launch)) return invocation.bad_message();
  std::vector<DeviceLaunch> launches(head.count);
  std::vector<CUDA_LAUNCH_PARAMS> list;
  for (DeviceLaunch& launch : launches) {
    if (const CUresult status = decode(invocation, launch); status != CUDA_SUCCESS) return status;
    list.push_back(launch.driver);
  }
  if (!invocation.request.complete()) return invocation.bad_message();
  invocation.session.counters.own().launches.add(head.count);
  return VGPU_DRIVER(invocation.session.driver, cuLaunchCooperativeKernelMultiDevice)(list.data(), head.count,
                                                                                      head.flags);
}

}  // namespace vgpu::host::hand
