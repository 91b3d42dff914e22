// SPDX-License-Identifier: Apache-2.0
// Cooperative launches on several devices at once, which CUDA calls deprecated. CUDA driver API: Execution Control.
#include <array>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace {

constexpr unsigned kWords = 256;

// A device's own context, stream, function and memory, and a launch of them.
struct Part {
  explicit Part(CUdevice which) : device(which) {
    REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
    REQUIRE_CUDA(cuCtxSetCurrent(context));
    REQUIRE_CUDA(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    REQUIRE_CUDA(cuModuleLoadData(&module, kBasicPtx));
    REQUIRE_CUDA(cuModuleGetFunction(&function, module, "iota"));
    REQUIRE_CUDA(cuMemAlloc(&memory, kWords * 4));
    REQUIRE_CUDA(cuMemsetD32(memory, 0xdeadbeef, kWords));
  }
  ~Part() {
    cuCtxSetCurrent(context);
    cuMemFree(memory);
    cuModuleUnload(module);
    cuStreamDestroy(stream);
    cuDevicePrimaryCtxRelease(device);
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  CUDA_LAUNCH_PARAMS launch() { return {function, kWords / 64, 1, 1, 64, 1, 1, 0, stream, parameters}; }
  std::vector<unsigned> result() const {
    REQUIRE_CUDA(cuCtxSetCurrent(context));
    REQUIRE_CUDA(cuStreamSynchronize(stream));
    return read_words(memory, kWords);
  }

  CUdevice device = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  CUdeviceptr memory = 0;
  unsigned count = kWords;
  void* parameters[2] = {&memory, &count};
};

std::vector<unsigned> ascending() {
  std::vector<unsigned> words(kWords);
  for (unsigned i = 0; i < kWords; ++i) words[i] = i;
  return words;
}

class DeviceLaunches : public Gpu {
 public:
  const bool supported = attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_MULTI_DEVICE_LAUNCH) != 0;
};

}  // namespace

TEST_CASE_METHOD(DeviceLaunches, "a launch on several devices may be of one", "[contract][launch]") {
  if (!supported) SKIP("no launches on several devices");
  Part part(device);
  CUDA_LAUNCH_PARAMS launch = part.launch();
  REQUIRE_CUDA(cuLaunchCooperativeKernelMultiDevice(&launch, 1, 0));
  CHECK(part.result() == ascending());
}

TEST_CASE_METHOD(DeviceLaunches, "a launch on several devices runs on each", "[contract][launch]") {
  if (!supported) SKIP("no launches on several devices");
  int devices = 0;
  REQUIRE_CUDA(cuDeviceGetCount(&devices));
  if (devices < 2) SKIP("one device");
  {
    Part first(0), second(1);
    std::array<CUDA_LAUNCH_PARAMS, 2> launches = {first.launch(), second.launch()};
    REQUIRE_CUDA(cuLaunchCooperativeKernelMultiDevice(launches.data(), 2, 0));
    CHECK(first.result() == ascending());
    CHECK(second.result() == ascending());

    launches[1].gridDimX = 1;
    CHECK_REFUSED(cuLaunchCooperativeKernelMultiDevice(launches.data(), 2, 0));
  }
  cuCtxSetCurrent(context);
}

TEST_CASE_METHOD(DeviceLaunches, "a launch on several devices waits for the streams before it", "[contract][launch]") {
  if (!supported) SKIP("no launches on several devices");
  Part part(device);
  CUfunction fill = nullptr;
  REQUIRE_CUDA(cuModuleGetFunction(&fill, part.module, "fill"));
  const unsigned flags = CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_PRE_LAUNCH_SYNC |
                         CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_POST_LAUNCH_SYNC;
  CUDA_LAUNCH_PARAMS launch = part.launch();
  {
    Gate gate(part.stream);
    REQUIRE_CUDA(contract::launch(fill, kWords / 64, 64, part.stream, part.memory, 7u, kWords));
    REQUIRE_CUDA(cuLaunchCooperativeKernelMultiDevice(&launch, 1, flags));
  }
  CHECK(part.result() == ascending());
}

TEST_CASE_METHOD(DeviceLaunches, "a grid that does not fit at once is refused on several devices",
                 "[contract][launch]") {
  if (!supported) SKIP("no launches on several devices");
  Part part(device);
  CUDA_LAUNCH_PARAMS launch = part.launch();
  launch.gridDimX = 1u << 20;
  CHECK(cuLaunchCooperativeKernelMultiDevice(&launch, 1, 0) == CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  CHECK(part.result() == repeated(kWords, 0xdeadbeef));
}

TEST_CASE_METHOD(DeviceLaunches, "wrong launches on several devices are refused", "[contract][launch]") {
  if (!supported) SKIP("no launches on several devices");
  Part part(device);
  CUDA_LAUNCH_PARAMS launch = part.launch();
  CHECK(cuLaunchCooperativeKernelMultiDevice(nullptr, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuLaunchCooperativeKernelMultiDevice(&launch, 0, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuLaunchCooperativeKernelMultiDevice(&launch, 1, 4) == CUDA_ERROR_INVALID_VALUE);
  for (const CUstream stream : {CUstream(nullptr), CU_STREAM_LEGACY, CU_STREAM_PER_THREAD}) {
    CUDA_LAUNCH_PARAMS on_default = launch;
    on_default.hStream = stream;
    CHECK_REFUSED(cuLaunchCooperativeKernelMultiDevice(&on_default, 1, 0));
  }
  CUDA_LAUNCH_PARAMS twice[] = {launch, launch};
  CHECK_REFUSED(cuLaunchCooperativeKernelMultiDevice(twice, 2, 0));
  CUDA_LAUNCH_PARAMS empty = launch;
  empty.blockDimX = 0;
  CHECK_REFUSED(cuLaunchCooperativeKernelMultiDevice(&empty, 1, 0));
  CUDA_LAUNCH_PARAMS nothing = launch;
  nothing.function = nullptr;
  CHECK_REFUSED(cuLaunchCooperativeKernelMultiDevice(&nothing, 1, 0));
  CHECK(part.result() == repeated(kWords, 0xdeadbeef));
}
