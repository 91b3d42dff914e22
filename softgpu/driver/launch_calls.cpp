// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Execution Control": cuLaunchKernel and its relatives.
#include <span>
#include <vector>

#include "softgpu/driver/context.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/launch.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

using namespace vgpu::soft;

namespace {

struct LaunchRequest {
  CUfunction function;
  LaunchShape shape;
  CUstream stream;
  void** kernel_params;
  void** extra;
};

// Events that a launch itself records (CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT, ..._LAUNCH_COMPLETION_EVENT). Here they
// fire when the kernel is done, which CUDA permits.
CUresult check_event(const CUlaunchAttributeValue* value) {
  if (value == nullptr) return CUDA_SUCCESS;
  const Ref<Event> event = find<Event>(value->programmaticEvent.event);
  if (!event) return CUDA_ERROR_INVALID_HANDLE;
  return event->has_timing() ? CUDA_ERROR_NOT_SUPPORTED : CUDA_SUCCESS;
}

CUresult launch_on(const Ref<Stream>& stream, const LaunchRequest& request, LaunchAttributes attributes) {
  Ref<ContextFunction> function = TRY(find_launchable(request.function, stream->context()));
  if (&function->context() != &stream->context()) return CUDA_ERROR_INVALID_HANDLE;
  const CUlaunchAttributeValue* const programmatic = attributes.find(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT);
  const CUlaunchAttributeValue* const started = attributes.find(CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT);
  VGPU_CHECK(check_event(programmatic));
  VGPU_CHECK(check_event(started));
  const CUevent events[] = {programmatic != nullptr ? programmatic->programmaticEvent.event : nullptr,
                            started != nullptr ? started->launchCompletionEvent.event : nullptr};
  auto operation = KernelOperation::create(std::move(function), request.shape, std::move(attributes),
                                           request.kernel_params, request.extra);
  if (!operation) {
    // A launch that fails its checks ends the capture that it was meant for.
    [[maybe_unused]] const CUresult invalidated = stream->refuse_in_capture();
    return operation.error();
  }
  (*operation)->set_named(find<Callable>(request.function));
  VGPU_CHECK(stream->enqueue(*std::move(operation)));
  for (const CUevent event : events)
    if (event != nullptr) VGPU_CHECK(cuEventRecord(event, request.stream));
  return Process::get()->launches_block() && !stream->capture() ? cuStreamSynchronize(request.stream) : CUDA_SUCCESS;
}

CUresult launch(const LaunchRequest& request, LaunchAttributes attributes = {}) {
  const Ref<Stream> stream = TRY(find_stream(request.stream));
  return launch_on(stream, request, std::move(attributes));
}

LaunchAttributes cooperative() {
  LaunchAttributes attributes;
  CUlaunchAttributeValue value{};
  value.cooperative = 1;
  attributes.set(CU_LAUNCH_ATTRIBUTE_COOPERATIVE, value);
  return attributes;
}

// Each of the streams goes on when all of them have come to where they are now.
void join(const std::vector<Ref<Stream>>& streams) {
  std::vector<Ref<Completion>> points;
  points.reserve(streams.size());
  for (const Ref<Stream>& stream : streams) points.push_back(stream->mark());
  for (const Ref<Stream>& stream : streams)
    for (const Ref<Completion>& point : points) stream->wait_for(point);
}

bool same_shape(const CUDA_LAUNCH_PARAMS& a, const CUDA_LAUNCH_PARAMS& b) {
  return a.gridDimX == b.gridDimX && a.gridDimY == b.gridDimY && a.gridDimZ == b.gridDimZ &&
         a.blockDimX == b.blockDimX && a.blockDimY == b.blockDimY && a.blockDimZ == b.blockDimZ &&
         a.sharedMemBytes == b.sharedMemBytes;
}

// The streams of a launch on several devices, each of its own device, none a default stream.
CuResult<std::vector<Ref<Stream>>> find_device_streams(std::span<const CUDA_LAUNCH_PARAMS> launches) {
  std::vector<Ref<Stream>> streams;
  for (const CUDA_LAUNCH_PARAMS& launch : launches) {
    Ref<Stream> stream = TRY(find_stream(launch.hStream));
    if (stream->type() != Stream::Type::created || !same_shape(launch, launches.front()))
      return CUDA_ERROR_INVALID_VALUE;
    for (const Ref<Stream>& other : streams)
      if (&other->context().device() == &stream->context().device()) return CUDA_ERROR_INVALID_DEVICE;
    VGPU_CHECK(stream->refuse_in_capture());
    streams.push_back(std::move(stream));
  }
  return streams;
}

// All grids are made before any of them is started.
CuResult<std::vector<Ref<KernelOperation>>> make_grids(std::span<const CUDA_LAUNCH_PARAMS> launches,
                                                       const std::vector<Ref<Stream>>& streams) {
  std::vector<Ref<KernelOperation>> grids;
  for (size_t i = 0; i < launches.size(); ++i) {
    const CUDA_LAUNCH_PARAMS& l = launches[i];
    Ref<ContextFunction> function = TRY(find_launchable(l.function, streams[i]->context()));
    if (&function->context() != &streams[i]->context()) return CUDA_ERROR_INVALID_HANDLE;
    const LaunchShape shape = {
        {l.gridDimX, l.gridDimY, l.gridDimZ}, {l.blockDimX, l.blockDimY, l.blockDimZ}, l.sharedMemBytes};
    grids.push_back(TRY(KernelOperation::create(std::move(function), shape, cooperative(), l.kernelParams, nullptr)));
    grids.back()->set_named(find<Callable>(l.function));
  }
  return grids;
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                                unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                                unsigned int sharedMemBytes, CUstream hStream, void** kernelParams, void** extra) {
  return launch({f,
                 {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes},
                 hStream,
                 kernelParams,
                 extra});
}

CUresult CUDAAPI cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams, void** extra) {
  if (config == nullptr || (config->numAttrs != 0 && config->attrs == nullptr)) {
    TRY(current_context());
    return CUDA_ERROR_INVALID_VALUE;
  }
  LaunchAttributes attributes = TRY(LaunchAttributes::of_launch({config->attrs, config->numAttrs}));
  return launch({f,
                 {{config->gridDimX, config->gridDimY, config->gridDimZ},
                  {config->blockDimX, config->blockDimY, config->blockDimZ},
                  config->sharedMemBytes},
                 config->hStream,
                 kernelParams,
                 extra},
                std::move(attributes));
}

CUresult CUDAAPI cuLaunchCooperativeKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY,
                                           unsigned int gridDimZ, unsigned int blockDimX, unsigned int blockDimY,
                                           unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream,
                                           void** kernelParams) {
  return launch({f,
                 {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes},
                 hStream,
                 kernelParams,
                 nullptr},
                cooperative());
}

// The grids run at the same time and wait for each other as asked; a barrier over all of them is not there, and what a
// kernel asks for one finds that its grid has none.
CUresult CUDAAPI cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS* launchParamsList, unsigned int numDevices,
                                                      unsigned int flags) {
  TRY(current_context());
  constexpr unsigned kFlags = CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_PRE_LAUNCH_SYNC |
                              CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_POST_LAUNCH_SYNC;
  if (launchParamsList == nullptr || numDevices == 0 || (flags & ~kFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  const std::span<const CUDA_LAUNCH_PARAMS> launches(launchParamsList, numDevices);
  const std::vector<Ref<Stream>> streams = TRY(find_device_streams(launches));
  std::vector<Ref<KernelOperation>> grids = TRY(make_grids(launches, streams));
  if ((flags & CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_PRE_LAUNCH_SYNC) == 0) join(streams);
  for (size_t i = 0; i < grids.size(); ++i) VGPU_CHECK(streams[i]->enqueue(std::move(grids[i])));
  if ((flags & CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_POST_LAUNCH_SYNC) == 0) join(streams);
  return CUDA_SUCCESS;
}

}  // extern "C"
