// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Execution Control": cuLaunchKernel and its relatives.
#include "softgpu/driver/event.h"
#include "softgpu/driver/launch.h"
#include "softgpu/driver/stream.h"
#include "softgpu/driver/unimplemented.h"

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
  return CUDA_SUCCESS;
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

CUresult CUDAAPI cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS*, unsigned int, unsigned int) {
  return VGPU_UNIMPLEMENTED("cuLaunchCooperativeKernelMultiDevice");
}

}  // extern "C"
