// SPDX-License-Identifier: Apache-2.0
// A program that makes known calls again and again, so that they can be traced, while it runs a command:
// caller COMMAND...; its number is $CALLER. A round has a kernel, copies, code, a
// host function, a failure and a call that nobody carries.
#include <cuda.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr char kText[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n"
    ".visible .entry nothing_to_do(.param .u64 address) { ret; }\n";

bool make_calls(CUfunction function, CUkernel kernel, CUdeviceptr memory) {
  unsigned char byte = 7;
  void* arguments[] = {&memory};
  CUdeviceptr more = 0;
  bool good = cuMemAlloc(&more, 4096) == CUDA_SUCCESS;
  good &= cuMemsetD8(memory, 1, 100) == CUDA_SUCCESS;
  good &= cuMemcpyHtoD(memory, &byte, 1) == CUDA_SUCCESS;
  good &= cuLaunchKernel(function, 2, 1, 1, 32, 1, 1, 0, nullptr, arguments, nullptr) == CUDA_SUCCESS;
  // As the runtime does.
  good &= cuLaunchKernel(reinterpret_cast<CUfunction>(kernel), 3, 1, 1, 32, 1, 1, 0, nullptr, arguments, nullptr) ==
          CUDA_SUCCESS;
  good &= cuCtxSynchronize() == CUDA_SUCCESS;
  good &= cuMemFree(more) == CUDA_SUCCESS;
  good &= cuMemFree(more) == CUDA_ERROR_INVALID_VALUE;
  CUmodule module = nullptr;
  good &= cuModuleLoadData(&module, kText) == CUDA_SUCCESS;
  good &= cuModuleUnload(module) == CUDA_SUCCESS;
  good &= cuLaunchHostFunc(
              nullptr, [](void*) {}, nullptr) == CUDA_SUCCESS;
  CUexternalMemory none = nullptr;
  return good && cuDestroyExternalMemory(none) == CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace

int main(int argc, char** argv) {
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUdeviceptr memory = 0;
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  if (argc < 2 || cuInit(0) != CUDA_SUCCESS || cuDeviceGet(&device, 0) != CUDA_SUCCESS ||
      cuDevicePrimaryCtxRetain(&context, device) != CUDA_SUCCESS || cuCtxSetCurrent(context) != CUDA_SUCCESS ||
      cuMemAlloc(&memory, 1 << 20) != CUDA_SUCCESS || cuModuleLoadData(&module, kText) != CUDA_SUCCESS ||
      cuModuleGetFunction(&function, module, "nothing_to_do") != CUDA_SUCCESS ||
      cuLibraryLoadData(&library, kText, nullptr, nullptr, 0, nullptr, nullptr, 0) != CUDA_SUCCESS ||
      cuLibraryGetKernel(&kernel, library, "nothing_to_do") != CUDA_SUCCESS)
    return 3;
  const pid_t child = fork();
  if (child == 0) {
    char pid[16];
    std::snprintf(pid, sizeof pid, "%d", getppid());
    setenv("CALLER", pid, 1);
    execv(argv[1], argv + 1);
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (!make_calls(function, kernel, memory)) return 5;
    usleep(2000);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}
