// SPDX-License-Identifier: Apache-2.0
// A program that makes known calls again and again, so that they can be traced, while it runs a command:
// caller COMMAND...; its number is $CALLER. A round has a kernel, copies, code, a host function, a failure, a call that
// nobody carries, and resources.
#include <cuda.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr char kText[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n"
    ".visible .entry nothing_to_do(.param .u64 address) { ret; }\n";

// Pools, textures, handles for others, memory of graphs: their messages are written by hand.
bool make_resources(CUdeviceptr memory) {
  CUmemPoolProps pool_of = {};
  pool_of.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  pool_of.handleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  pool_of.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  pool_of.location.id = 0;
  CUmemoryPool pool = nullptr, imported = nullptr;
  int file = -1;
  bool good = cuMemPoolCreate(&pool, &pool_of) == CUDA_SUCCESS;
  good &= cuMemPoolExportToShareableHandle(&file, pool, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0) == CUDA_SUCCESS;
  good &= cuMemPoolImportFromShareableHandle(&imported, reinterpret_cast<void*>(static_cast<long>(file)),
                                             CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0) == CUDA_SUCCESS;
  close(file);
  good &= cuMemPoolDestroy(imported) == CUDA_SUCCESS && cuMemPoolDestroy(pool) == CUDA_SUCCESS;

  CUDA_RESOURCE_DESC resource = {};
  resource.resType = CU_RESOURCE_TYPE_LINEAR;
  resource.res.linear = {memory, CU_AD_FORMAT_FLOAT, 1, 4096};
  CUDA_TEXTURE_DESC sampler = {};
  sampler.addressMode[0] = CU_TR_ADDRESS_MODE_CLAMP;
  CUtexObject texture = 0;
  good &= cuTexObjectCreate(&texture, &resource, &sampler, nullptr) == CUDA_SUCCESS;
  good &= cuTexObjectDestroy(texture) == CUDA_SUCCESS;

  CUDA_MEM_ALLOC_NODE_PARAMS node_of = {};
  node_of.poolProps = pool_of;
  node_of.poolProps.handleTypes = CU_MEM_HANDLE_TYPE_NONE;
  node_of.bytesize = 512;
  CUgraph graph = nullptr;
  CUgraphNode node = nullptr;
  good &= cuGraphCreate(&graph, 0) == CUDA_SUCCESS;
  good &= cuGraphAddMemAllocNode(&node, graph, nullptr, 0, &node_of) == CUDA_SUCCESS;
  return good && cuGraphDestroy(graph) == CUDA_SUCCESS;
}

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
  CUexternalSemaphore none = nullptr;
  return good && cuDestroyExternalSemaphore(none) == CUDA_ERROR_NOT_SUPPORTED;
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
    if (!make_calls(function, kernel, memory) || !make_resources(memory)) return 5;
    usleep(2000);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 4;
}
