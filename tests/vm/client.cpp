// SPDX-License-Identifier: Apache-2.0
// A program on the driver API for the guest's tests: vm-client idle|work|pin SECONDS. "idle" has a context and does
// nothing, "work" copies, sets and compares, "pin" also registers and frees host memory. It says "ready" when its
// context is there. 0 means that all went well, 3 that CUDA reported an error (which is printed), 4 that data were
// wrong.
#include <cuda.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBytes = 256 << 10;
constexpr int kCudaFailed = 3;
constexpr int kWrongData = 4;

void expect_success(CUresult result, const char* call) {
  if (result == CUDA_SUCCESS) return;
  const char* name = "unknown";
  cuGetErrorName(result, &name);
  std::printf("error %s from %s\n", name, call);
  std::fflush(stdout);
  std::_Exit(kCudaFailed);
}

#define EXPECT_SUCCESS(call) expect_success(call, #call)

void copy_once(CUdeviceptr device, unsigned char value) {
  std::vector<unsigned char> sent(kBytes, value), received(kBytes, 0);
  EXPECT_SUCCESS(cuMemcpyHtoD(device, sent.data(), kBytes));
  EXPECT_SUCCESS(cuMemsetD8(device, static_cast<unsigned char>(value + 1), kBytes / 2));
  EXPECT_SUCCESS(cuMemcpyDtoH(received.data(), device, kBytes));
  std::memset(sent.data(), value + 1, kBytes / 2);
  if (sent == received) return;
  std::printf("wrong data\n");
  std::fflush(stdout);
  std::_Exit(kWrongData);
}

void pin_once() {
  void* memory = nullptr;
  if (posix_memalign(&memory, 4096, kBytes) != 0) std::_Exit(1);
  std::memset(memory, 1, kBytes);
  EXPECT_SUCCESS(cuMemHostRegister(memory, kBytes, 0));
  void* allocated = nullptr;
  EXPECT_SUCCESS(cuMemHostAlloc(&allocated, kBytes, 0));
  EXPECT_SUCCESS(cuMemFreeHost(allocated));
  EXPECT_SUCCESS(cuMemHostUnregister(memory));
  std::free(memory);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: vm-client idle|work|pin SECONDS\n");
    return 2;
  }
  const std::string mode = argv[1];
  const auto end = Clock::now() + std::chrono::milliseconds(static_cast<long>(std::atof(argv[2]) * 1000));
  EXPECT_SUCCESS(cuInit(0));
  CUdevice device = 0;
  EXPECT_SUCCESS(cuDeviceGet(&device, 0));
  CUcontext context = nullptr;
  EXPECT_SUCCESS(cuDevicePrimaryCtxRetain(&context, device));
  EXPECT_SUCCESS(cuCtxSetCurrent(context));
  CUdeviceptr memory = 0;
  EXPECT_SUCCESS(cuMemAlloc(&memory, kBytes));
  std::printf("ready\n");
  std::fflush(stdout);
  if (mode == "idle") {
    std::this_thread::sleep_until(end);
  } else {
    unsigned char value = 0;
    do {
      copy_once(memory, value++);
      if (mode == "pin") pin_once();
    } while (Clock::now() < end);
  }
  EXPECT_SUCCESS(cuMemFree(memory));
  return 0;
}
