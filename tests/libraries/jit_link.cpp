// SPDX-License-Identifier: Apache-2.0
// Two sources that NVRTC compiles to the linker's form and nvJitLink links, as libraries do that fuse a caller's
// function into their kernels; then the driver loads and runs what came out. jit_link ptx|binary...: as text, as code
// of the device. Exit status: 0 all right, 1 wrong, 2 wrong use. NVRTC and nvJitLink documentation: LTO.
#include <cuda.h>
#include <nvJitLink.h>
#include <nvrtc.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr char kCaller[] = R"(
extern "C" __device__ float change(float value, int index);
extern "C" __device__ int calls = 0;
extern "C" __global__ void apply(float* values, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  atomicAdd(&calls, 1);
  values[i] = change(values[i], i);
})";
constexpr char kCallee[] = R"(
extern "C" __device__ float change(float value, int index) {
  float sum = value;
  for (int k = 0; k < index % 5; ++k) sum = 2 * sum + 1;
  return sum;
})";

[[noreturn]] void fail(const char* what, long code, const std::string& log = {}) {
  std::fprintf(stderr, "jit_link: %s: %ld\n%s\n", what, code, log.c_str());
  std::exit(1);
}

#define MUST(call)                                                       \
  do {                                                                   \
    if (const auto code_ = (call); code_ != 0) fail(#call, long{code_}); \
  } while (false)

using Bytes = std::vector<char>;

Bytes compile(const char* source, const std::string& architecture) {
  nvrtcProgram program = nullptr;
  MUST(nvrtcCreateProgram(&program, source, "part.cu", 0, nullptr, nullptr));
  const std::string target = "-arch=" + architecture;
  const char* const options[] = {target.c_str(), "-dlto", "-rdc=true"};
  if (const nvrtcResult status = nvrtcCompileProgram(program, 3, options); status != NVRTC_SUCCESS) {
    size_t size = 0;
    nvrtcGetProgramLogSize(program, &size);
    std::string log(size, ' ');
    nvrtcGetProgramLog(program, log.data());
    fail("nvrtcCompileProgram", status, log);
  }
  size_t size = 0;
  MUST(nvrtcGetLTOIRSize(program, &size));
  Bytes code(size);
  MUST(nvrtcGetLTOIR(program, code.data()));
  MUST(nvrtcDestroyProgram(&program));
  return code;
}

// As PTX, or as code of the device.
Bytes link(const std::vector<Bytes>& parts, const std::string& architecture, bool as_ptx) {
  const std::string target = "-arch=" + architecture;
  std::vector<const char*> options = {target.c_str(), "-lto"};
  if (as_ptx) options.push_back("-ptx");
  nvJitLinkHandle linker = nullptr;
  MUST(nvJitLinkCreate(&linker, static_cast<uint32_t>(options.size()), options.data()));
  for (const Bytes& part : parts)
    MUST(nvJitLinkAddData(linker, NVJITLINK_INPUT_LTOIR, part.data(), part.size(), "part"));
  if (const nvJitLinkResult status = nvJitLinkComplete(linker); status != NVJITLINK_SUCCESS) {
    size_t size = 0;
    nvJitLinkGetErrorLogSize(linker, &size);
    std::string log(size, ' ');
    nvJitLinkGetErrorLog(linker, log.data());
    fail("nvJitLinkComplete", status, log);
  }
  size_t size = 0;
  MUST(as_ptx ? nvJitLinkGetLinkedPtxSize(linker, &size) : nvJitLinkGetLinkedCubinSize(linker, &size));
  Bytes image(size);
  MUST(as_ptx ? nvJitLinkGetLinkedPtx(linker, image.data()) : nvJitLinkGetLinkedCubin(linker, image.data()));
  MUST(nvJitLinkDestroy(&linker));
  return image;
}

float changed(float value, int index) {
  for (int k = 0; k < index % 5; ++k) value = 2 * value + 1;
  return value;
}

// How many values are wrong.
int run(const Bytes& image) {
  constexpr int kCount = 1000;
  CUmodule module = nullptr;
  CUfunction apply = nullptr;
  MUST(cuModuleLoadData(&module, image.data()));
  MUST(cuModuleGetFunction(&apply, module, "apply"));
  std::vector<float> values(kCount);
  for (int i = 0; i < kCount; ++i) values[static_cast<size_t>(i)] = static_cast<float>(i) / 4;
  CUdeviceptr memory = 0, calls = 0;
  MUST(cuMemAlloc(&memory, kCount * sizeof(float)));
  MUST(cuMemcpyHtoD(memory, values.data(), kCount * sizeof(float)));
  int count = kCount;
  void* parameters[] = {&memory, &count};
  MUST(cuLaunchKernel(apply, (kCount + 127) / 128, 1, 1, 128, 1, 1, 0, nullptr, parameters, nullptr));
  MUST(cuMemcpyDtoH(values.data(), memory, kCount * sizeof(float)));
  int wrong = 0, called = 0;
  for (int i = 0; i < kCount; ++i) wrong += values[static_cast<size_t>(i)] != changed(static_cast<float>(i) / 4, i);
  MUST(cuModuleGetGlobal(&calls, nullptr, module, "calls"));
  MUST(cuMemcpyDtoH(&called, calls, sizeof called));
  wrong += called != kCount;
  MUST(cuMemFree(memory));
  MUST(cuModuleUnload(module));
  return wrong;
}

std::string architecture_of(CUdevice device) {
  int major = 0, minor = 0;
  MUST(cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device));
  MUST(cuDeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device));
  return "sm_" + std::to_string(major) + std::to_string(minor);
}

}  // namespace

int main(int argc, char** argv) {
  CUdevice device = 0;
  CUcontext context = nullptr;
  MUST(cuInit(0));
  MUST(cuDeviceGet(&device, 0));
  MUST(cuDevicePrimaryCtxRetain(&context, device));
  MUST(cuCtxSetCurrent(context));
  const std::string architecture = architecture_of(device);
  const std::vector<Bytes> parts = {compile(kCaller, architecture), compile(kCallee, architecture)};
  int passed = 0, failed = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view form = argv[i];
    if (form != "ptx" && form != "binary") {
      std::fprintf(stderr, "usage: jit_link ptx|binary...\n");
      return 2;
    }
    const int wrong = run(link(parts, architecture, form == "ptx"));
    std::printf("%s of two parts: %d of 1001 values wrong\n", argv[i], wrong);
    ++(wrong == 0 ? passed : failed);
  }
  MUST(cuDevicePrimaryCtxRelease(device));
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
