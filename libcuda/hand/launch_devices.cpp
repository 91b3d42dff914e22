// SPDX-License-Identifier: Apache-2.0
// cuLaunchCooperativeKernelMultiDevice: a grid per stream, each on a device of its own, launched together. The driver
// judges their shapes, because a device's limits are those of the stream's context. CUDA driver API: Execution Control.
#include <span>

#include "common/bits.h"
#include "libcuda/by_hand.h"
#include "libcuda/function.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest {
namespace {

constexpr unsigned kFlags =
    CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_PRE_LAUNCH_SYNC | CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_POST_LAUNCH_SYNC;

CUresult check_stream(const Admitted& admitted, CUstream stream) {
  const uint64_t handle = bits_of(stream);
  if (handle <= bits_of(CU_STREAM_PER_THREAD)) return CUDA_ERROR_INVALID_VALUE;
  return admitted.process->handles().is_live(handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult append(const Admitted& admitted, const CUDA_LAUNCH_PARAMS& launch, codec::Writer& writer) {
  Function* function = nullptr;
  VGPU_CHECK(function_facts(admitted, launch.function, function));
  uint32_t bytes = 0;
  VGPU_CHECK(packed_size(*function, launch.kernelParams, nullptr, bytes));
  writer.put(wire::Launch{bits_of(launch.function),
                          bits_of(launch.hStream),
                          {launch.gridDimX, launch.gridDimY, launch.gridDimZ},
                          {launch.blockDimX, launch.blockDimY, launch.blockDimZ},
                          launch.sharedMemBytes,
                          bytes,
                          0,
                          0});
  return pack_parameters(*function, launch.kernelParams, nullptr, bytes, writer);
}

}  // namespace

namespace by_hand {

CUresult cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS* launchParamsList, unsigned int numDevices,
                                              unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const bool sound = launchParamsList != nullptr && numDevices != 0 && (flags & ~kFlags) == 0 &&
                     numDevices <= static_cast<unsigned>(admitted.process->device_count());
  if (!sound) return CUDA_ERROR_INVALID_VALUE;
  const std::span<const CUDA_LAUNCH_PARAMS> launches(launchParamsList, numDevices);
  for (const CUDA_LAUNCH_PARAMS& launch : launches) VGPU_CHECK(check_stream(admitted, launch.hStream));
  // Asking for a function's facts uses the buffer that the message is written into.
  std::vector<std::byte> list;
  codec::Writer writer(list);
  writer.put(wire::LaunchOnDevices{numDevices, flags});
  for (const CUDA_LAUNCH_PARAMS& launch : launches) VGPU_CHECK(append(admitted, launch, writer));
  Remote remote(admitted, api::opcode::cuLaunchCooperativeKernelMultiDevice);
  remote.writer().bytes(list.data(), list.size());
  return remote.call();
}

}  // namespace by_hand
}  // namespace vgpu::guest
