// SPDX-License-Identifier: Apache-2.0
// A program that holds MIB of device memory, says so, and runs a command meanwhile: holder MIB COMMAND...
#include <cuda.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUdeviceptr memory = 0;
  if (cuInit(0) != CUDA_SUCCESS || cuDeviceGet(&device, 0) != CUDA_SUCCESS ||
      cuDevicePrimaryCtxRetain(&context, device) != CUDA_SUCCESS || cuCtxSetCurrent(context) != CUDA_SUCCESS ||
      cuMemAlloc(&memory, static_cast<size_t>(std::atoi(argv[1])) << 20) != CUDA_SUCCESS ||
      cuMemsetD8(memory, 1, 1 << 20) != CUDA_SUCCESS)
    return 3;
  const pid_t child = fork();
  if (child == 0) {
    char pid[16];
    std::snprintf(pid, sizeof pid, "%d", getppid());
    setenv("HOLDER", pid, 1);
    execv(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}
