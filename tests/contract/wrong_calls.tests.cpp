// SPDX-License-Identifier: Apache-2.0
// Calls with one thing wrong, and what CUDA answers: one row per call. Where a driver does not have the call at all,
// the row is passed over. A second look at the context after each family: a refused call must leave no error behind.
#include <cstdio>
#include <cstdlib>

#include "tests/contract/fixture.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace {

// Somewhere for every result to go, and one living object of each kind.
struct Scene {
  CUdevice gpu = 0, device = 0;
  CUcontext context_of_test = nullptr, context = nullptr;
  CUdeviceptr buffer = 0, address = 0;
  CUstream live_stream = nullptr, stream = nullptr;
  CUevent live_event = nullptr, event = nullptr;
  CUmodule live_module = nullptr, module = nullptr;
  CUfunction live_function = nullptr, function = nullptr;
  CUgraph live_graph = nullptr, graph = nullptr;
  CUgraphNode live_node = nullptr, node = nullptr;
  CUmemoryPool default_pool = nullptr, pool = nullptr;
  CUgraphExec exec = nullptr;
  CUgraphExecUpdateResultInfo update = {};
  CUgraphNodeType node_type = CU_GRAPH_NODE_TYPE_EMPTY;
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CUmemGenericAllocationHandle memory = 0;
  CUarray array = nullptr;
  CUmipmappedArray mipmap = nullptr;
  CUDA_ARRAY_DESCRIPTOR flat = {};
  CUDA_ARRAY3D_DESCRIPTOR box = {};
  CUDA_RESOURCE_DESC resource = {};
  CUDA_TEXTURE_DESC texture = {};
  CUtensorMap tensor_map = {};
  CUstreamAttrValue stream_value = {};
  CUuuid uuid = {};
  unsigned long long wide = 0;
  size_t size = 0;
  void* pointer = nullptr;
  const char* name = nullptr;
  char text[64] = {};
  int number = 0, other = 0;
  unsigned word = 0;
  float real = 0;
};

struct WrongCall {
  const char* text;
  CUresult (*call)(Scene&);
  CUresult expected;
};

// The documentation leaves the code open, and no card has settled it yet: any error will do.
constexpr CUresult kAnyError = CUDA_SUCCESS;

#define WRONG(expected, ...)                                                                          \
  {                                                                                                   \
#__VA_ARGS__, [](Scene & s) -> CUresult { return (static_cast<void>(s), __VA_ARGS__); }, expected \
  }

constexpr const char* kEmptyKernel =
    ".version 6.0\n.target sm_50\n.address_size 64\n.visible .entry empty() { ret; }\n";

// For whoever compares two drivers' answers (tests/gpu/wrong_calls): "result call" in the file that WRONG_CALLS_LOG
// names.
void note(const char* call, CUresult result) {
  const char* const path = std::getenv("WRONG_CALLS_LOG");
  std::FILE* const log = path == nullptr ? nullptr : std::fopen(path, "a");
  if (log == nullptr) return;
  std::fprintf(log, "%d %s\n", static_cast<int>(result), call);
  std::fclose(log);
}

class Wrong : public Gpu {
 public:
  Wrong() : buffer_(4096), module_(kEmptyKernel) {
    scene_.gpu = device;
    scene_.context_of_test = context;
    scene_.buffer = buffer_;
    scene_.live_stream = stream_;
    scene_.live_event = event_;
    scene_.live_module = module_;
    scene_.live_function = module_.function("empty");
    scene_.live_graph = graph_;
    REQUIRE_CUDA(cuGraphAddEmptyNode(&scene_.live_node, graph_, nullptr, 0));
    REQUIRE_CUDA(cuDeviceGetDefaultMemPool(&scene_.default_pool, device));
  }

  template <size_t N>
  void run(const WrongCall (&calls)[N]) {
    for (const WrongCall& wrong : calls) {
      INFO(wrong.text);
      const CUresult result = wrong.call(scene_);
      note(wrong.text, result);
      if (result == CUDA_ERROR_NOT_SUPPORTED) continue;
      if (wrong.expected == kAnyError) CHECK(result != CUDA_SUCCESS);
      else CHECK(result == wrong.expected);
    }
    CHECK_CUDA(cuCtxSynchronize());
    CUcontext current = nullptr;
    CHECK_CUDA(cuCtxGetCurrent(&current));
    CHECK(current == context);
  }

 private:
  Scene scene_;
  DeviceBuffer buffer_;
  Module module_;
  Stream stream_;
  Event event_;
  Graph graph_;
};

}  // namespace

// One row per line.
// clang-format off
TEST_CASE_METHOD(Wrong, "wrong calls of device are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetCount(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDriverGetVersion(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGet(nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&s.device, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&s.device, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetName(s.text, 16, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetUuid(&s.uuid, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceTotalMem(&s.size, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetAttribute(&s.number, CU_DEVICE_ATTRIBUTE_WARP_SIZE, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetPCIBusId(s.text, 16, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxGetState(-1, &s.word, &s.number)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxRetain(&s.context, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxSetFlags(-1, 0)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetDefaultMemPool(&s.pool, -1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetMemPool(&s.pool, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceCanAccessPeer(&s.number, -1, 0)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceCanAccessPeer(&s.number, 0, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetP2PAttribute(&s.number, CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED, -1, 0)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetTexture1DLinearMaxWidth(&s.size, CU_AD_FORMAT_FLOAT, 1, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetExecAffinitySupport(&s.number, CU_EXEC_AFFINITY_TYPE_SM_COUNT, -1)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetName(s.text, 16, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetUuid(&s.uuid, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceTotalMem(&s.size, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetAttribute(&s.number, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetPCIBusId(s.text, 16, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxGetState(4096, &s.word, &s.number)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxRetain(&s.context, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxSetFlags(4096, 0)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetDefaultMemPool(&s.pool, 4096)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetMemPool(&s.pool, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceCanAccessPeer(&s.number, 4096, 0)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceCanAccessPeer(&s.number, 0, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetP2PAttribute(&s.number, CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED, 4096, 0)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetTexture1DLinearMaxWidth(&s.size, CU_AD_FORMAT_FLOAT, 1, 4096)),
    WRONG(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetExecAffinitySupport(&s.number, CU_EXEC_AFFINITY_TYPE_SM_COUNT, 4096)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetName(nullptr, 16, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetUuid(nullptr, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceTotalMem(nullptr, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(nullptr, CU_DEVICE_ATTRIBUTE_WARP_SIZE, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&s.number, static_cast<CUdevice_attribute>(0), s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&s.number, static_cast<CUdevice_attribute>(-1), s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetAttribute(&s.number, static_cast<CUdevice_attribute>(100000), s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetPCIBusId(nullptr, 16, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetByPCIBusId(nullptr, "0000:01:00.0")),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetByPCIBusId(&s.device, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetDefaultMemPool(nullptr, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetMemPool(nullptr, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceCanAccessPeer(nullptr, s.gpu, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDevicePrimaryCtxRetain(nullptr, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceSetMemPool(s.gpu, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetP2PAttribute(nullptr, CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED, s.gpu, s.gpu)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetGraphMemAttribute(s.gpu, static_cast<CUgraphMem_attribute>(99), &s.wide)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetGraphMemAttribute(s.gpu, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDevicePrimaryCtxSetFlags(s.gpu, 0xffff)),
  };
  run(calls);
}

TEST_CASE_METHOD(Wrong, "wrong calls of context are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxGetCurrent(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxGetDevice(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxGetFlags(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxGetLimit(nullptr, CU_LIMIT_STACK_SIZE)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxGetCacheConfig(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxGetLimit(&s.size, static_cast<CUlimit>(-1))),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxSetLimit(static_cast<CUlimit>(-1), 1024)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxSetCacheConfig(static_cast<CUfunc_cache>(-1))),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxGetLimit(&s.size, static_cast<CUlimit>(99))),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxSetLimit(static_cast<CUlimit>(99), 1024)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxSetCacheConfig(static_cast<CUfunc_cache>(99))),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxGetLimit(&s.size, static_cast<CUlimit>(1000))),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxSetLimit(static_cast<CUlimit>(1000), 1024)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxSetCacheConfig(static_cast<CUfunc_cache>(1000))),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxGetApiVersion(s.context_of_test, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxPushCurrent(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxDestroy(nullptr)),
    WRONG(CUDA_ERROR_INVALID_CONTEXT, cuCtxEnablePeerAccess(nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_CONTEXT, cuCtxDisablePeerAccess(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuCtxEnablePeerAccess(s.context_of_test, 1)),
    WRONG(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, cuCtxEnablePeerAccess(s.context_of_test, 0)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuCtxRecordEvent(s.context_of_test, nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuCtxWaitEvent(s.context_of_test, nullptr)),
  };
  run(calls);
}

TEST_CASE_METHOD(Wrong, "wrong calls of memory are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAlloc(nullptr, 64)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAlloc(&s.address, 0)),
    WRONG(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(&s.address, size_t{1} << 60)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch(nullptr, &s.size, 64, 4, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch(&s.address, nullptr, 64, 4, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch(&s.address, &s.size, 0, 4, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch(&s.address, &s.size, 64, 0, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch(&s.address, &s.size, 64, 4, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch(&s.address, &s.size, 64, 4, 3)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch(&s.address, &s.size, 64, 4, 5)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocPitch(&s.address, &s.size, 64, 4, 32)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemFree(s.buffer + 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemFree(12345)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocHost(nullptr, 64)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostAlloc(nullptr, 64, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostAlloc(&s.pointer, 64, 0xffff)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(s.text)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostGetDevicePointer(nullptr, s.text, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostGetDevicePointer(&s.address, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostGetDevicePointer(&s.address, s.text, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostGetDevicePointer(&s.address, s.text, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostGetFlags(nullptr, s.text)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostGetFlags(&s.word, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostGetFlags(&s.word, s.text)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostRegister(nullptr, 64, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostRegister(s.text, 0, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostRegister(s.text, 16, 0xffff)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemHostUnregister(nullptr)),
    WRONG(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(s.text)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(nullptr, 64, CU_MEM_ATTACH_GLOBAL)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(&s.address, 0, CU_MEM_ATTACH_GLOBAL)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(&s.address, 64, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(&s.address, 64, 7)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(&s.address, 64, 99)),
    WRONG(CUDA_ERROR_NOT_FOUND, cuMemGetAddressRange(&s.address, &s.size, 12345)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD8(0, 1, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD8(12345 * 64, 1, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD8(s.buffer, 1, size_t{1} << 40)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD8Async(0, 1, 4, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD8Async(s.buffer, 1, size_t{1} << 40, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D8(0, 64, 1, 4, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D8(s.buffer, 1, 1, 16, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD16(0, 1, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD16(12345 * 64, 1, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD16(s.buffer, 1, size_t{1} << 40)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD16Async(0, 1, 4, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD16Async(s.buffer, 1, size_t{1} << 40, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D16(0, 64, 1, 4, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D16(s.buffer, 1, 1, 16, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(0, 1, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(12345 * 64, 1, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(s.buffer, 1, size_t{1} << 40)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(0, 1, 4, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(s.buffer, 1, size_t{1} << 40, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D32(0, 64, 1, 4, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD2D32(s.buffer, 1, 1, 16, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD16(s.buffer + 1, 1, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(s.buffer + 2, 1, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(s.buffer + 1, 1, 4)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(0, s.text, 16)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(s.buffer, nullptr, 16)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(nullptr, s.buffer, 16)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(s.text, 0, 16)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoD(0, s.buffer, 16)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoD(s.buffer, 0, 16)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoD(s.buffer, s.buffer, size_t{1} << 40)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoDAsync(0, s.text, 16, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoHAsync(s.text, 0, 16, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoDAsync(0, s.buffer, 16, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpy2DUnaligned(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpy3D(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpy2DAsync(nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemcpy3DAsync(nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_CONTEXT, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_HOST_POINTER, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_BUFFER_ID, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_IS_MANAGED, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_RANGE_SIZE, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_MAPPED, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&s.wide, CU_POINTER_ATTRIBUTE_CONTEXT, 12345)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&s.wide, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 12345)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&s.wide, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, 12345)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&s.wide, CU_POINTER_ATTRIBUTE_BUFFER_ID, 12345)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&s.wide, static_cast<CUpointer_attribute>(0), s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&s.wide, static_cast<CUpointer_attribute>(-1), s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&s.wide, static_cast<CUpointer_attribute>(999), s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerSetAttribute(nullptr, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttributes(0, nullptr, nullptr, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle(nullptr, s.buffer)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync(s.buffer, 64, {CU_MEM_LOCATION_TYPE_DEVICE, 0}, 0, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAdvise(s.buffer, 64, CU_MEM_ADVISE_SET_READ_MOSTLY, {CU_MEM_LOCATION_TYPE_DEVICE, 0})),
  };
  run(calls);
}

TEST_CASE_METHOD(Wrong, "wrong calls of pool and virtual memory are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocAsync(nullptr, 64, nullptr)),
    WRONG(CUDA_ERROR_OUT_OF_MEMORY, cuMemAllocAsync(&s.address, size_t{1} << 60, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemFreeAsync(12345, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolCreate(nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolDestroy(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolTrimTo(nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAttribute(s.default_pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAttribute(nullptr, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &s.wide)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAttribute(s.default_pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAttribute(nullptr, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &s.wide)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAttribute(s.default_pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAttribute(nullptr, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC, &s.wide)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAttribute(s.default_pool, static_cast<CUmemPool_attribute>(0), &s.wide)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAttribute(s.default_pool, static_cast<CUmemPool_attribute>(99), &s.wide)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAttribute(s.default_pool, static_cast<CUmemPool_attribute>(-1), &s.wide)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAllocFromPoolAsync(&s.address, 64, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolSetAccess(s.default_pool, nullptr, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemPoolGetAccess(nullptr, s.default_pool, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(nullptr, size_t{2} << 20, 0, 0, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(&s.address, 0, 0, 0, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(&s.address, 100, 0, 0, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(&s.address, size_t{2} << 20, 3, 0, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAddressReserve(&s.address, size_t{2} << 20, 0, 0, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAddressFree(0, size_t{2} << 20)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemAddressFree(12345, size_t{2} << 20)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemCreate(nullptr, size_t{2} << 20, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemCreate(&s.memory, size_t{2} << 20, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemRelease(0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemMap(0, size_t{2} << 20, 0, 0, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemUnmap(0, size_t{2} << 20)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemSetAccess(0, size_t{2} << 20, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemGetAllocationGranularity(nullptr, nullptr, CU_MEM_ALLOC_GRANULARITY_MINIMUM)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemGetAllocationGranularity(&s.size, nullptr, CU_MEM_ALLOC_GRANULARITY_MINIMUM)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemRetainAllocationHandle(nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMemGetAllocationPropertiesFromHandle(nullptr, 0)),
  };
  run(calls);
}

TEST_CASE_METHOD(Wrong, "wrong calls of streams and events are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(&s.stream, 2)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(&s.stream, 0xff)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(&s.stream, 0x80000000u)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamCreateWithPriority(nullptr, 0, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamCreateWithPriority(&s.stream, 0xff, 0)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamGetFlags(s.live_stream, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamGetPriority(s.live_stream, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamGetId(s.live_stream, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamGetCtx(s.live_stream, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamGetDevice(s.live_stream, nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuStreamWaitEvent(s.live_stream, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamIsCapturing(s.live_stream, nullptr)),
    WRONG(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(s.live_stream, &s.graph)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamBeginCapture(s.live_stream, static_cast<CUstreamCaptureMode>(9))),
    WRONG(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL)),
    WRONG(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture(CU_STREAM_LEGACY, CU_STREAM_CAPTURE_MODE_GLOBAL)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamAddCallback(s.live_stream, nullptr, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchHostFunc(s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamGetAttribute(s.live_stream, static_cast<CUstreamAttrID>(999), &s.stream_value)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamAttachMemAsync(s.live_stream, 12345, 0, CU_MEM_ATTACH_SINGLE)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32(s.live_stream, 0, 1, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamWriteValue32(s.live_stream, s.buffer + 1, 1, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuStreamWaitValue32(s.live_stream, 0, 1, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuEventCreate(nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuEventCreate(&s.event, 0xff)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuEventCreate(&s.event, 0x100)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuEventCreate(&s.event, 0x80000000u)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuEventCreate(&s.event, CU_EVENT_INTERPROCESS)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuEventQuery(nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuEventSynchronize(nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuEventDestroy(nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuEventRecordWithFlags(nullptr, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&s.real, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(nullptr, s.live_event, s.live_event)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&s.real, s.live_event, s.live_event)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuEventRecordWithFlags(s.live_event, s.live_stream, 0xff)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuIpcGetEventHandle(nullptr, s.live_event)),
  };
  run(calls);
}

TEST_CASE_METHOD(Wrong, "wrong calls of modules, libraries and functions are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(nullptr, "x")),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(&s.module, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuModuleLoad(nullptr, "x")),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuModuleLoad(&s.module, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuModuleLoadFatBinary(&s.module, nullptr)),
    WRONG(CUDA_ERROR_FILE_NOT_FOUND, cuModuleLoad(&s.module, "/no/such/file")),
    WRONG(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&s.module, "not a module")),
    WRONG(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, cuModuleLoadData(&s.module, ".version 99.9\n.target sm_50\n.address_size 64\n")),
    WRONG(CUDA_ERROR_INVALID_PTX, cuModuleLoadData(&s.module, ".version 6.0\n.target sm_50\n.address_size 64\n nonsense")),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuModuleGetFunction(nullptr, s.live_module, "empty")),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuModuleGetFunction(&s.function, nullptr, "empty")),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuModuleGetFunction(&s.function, s.live_module, nullptr)),
    WRONG(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&s.function, s.live_module, "absent")),
    WRONG(kAnyError, cuModuleGetFunction(&s.function, s.live_module, "")),
    WRONG(CUDA_ERROR_NOT_FOUND, cuModuleGetGlobal(&s.address, &s.size, s.live_module, "absent")),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuModuleGetGlobal(&s.address, &s.size, nullptr, "absent")),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuModuleGetGlobal(&s.address, &s.size, s.live_module, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuModuleGetFunctionCount(nullptr, s.live_module)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLibraryLoadData(nullptr, "x", nullptr, nullptr, 0, nullptr, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLibraryLoadData(&s.library, nullptr, nullptr, nullptr, 0, nullptr, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuLibraryUnload(nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuLibraryGetKernel(&s.kernel, nullptr, "x")),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuLibraryGetModule(&s.module, nullptr)),
    WRONG(kAnyError, cuLibraryGetUnifiedFunction(&s.pointer, nullptr, "x")),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuKernelGetFunction(&s.function, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetAttribute(nullptr, CU_FUNC_ATTRIBUTE_NUM_REGS, s.live_function)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuFuncGetAttribute(&s.number, CU_FUNC_ATTRIBUTE_NUM_REGS, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetAttribute(nullptr, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, s.live_function)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuFuncGetAttribute(&s.number, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetAttribute(nullptr, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, s.live_function)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuFuncGetAttribute(&s.number, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetAttribute(nullptr, CU_FUNC_ATTRIBUTE_PTX_VERSION, s.live_function)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuFuncGetAttribute(&s.number, CU_FUNC_ATTRIBUTE_PTX_VERSION, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetAttribute(nullptr, CU_FUNC_ATTRIBUTE_BINARY_VERSION, s.live_function)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuFuncGetAttribute(&s.number, CU_FUNC_ATTRIBUTE_BINARY_VERSION, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetAttribute(&s.number, static_cast<CUfunction_attribute>(-1), s.live_function)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetAttribute(&s.number, static_cast<CUfunction_attribute>(99), s.live_function)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(s.live_function, static_cast<CUfunction_attribute>(99), 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetAttribute(&s.number, static_cast<CUfunction_attribute>(1000), s.live_function)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(s.live_function, static_cast<CUfunction_attribute>(1000), 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(s.live_function, CU_FUNC_ATTRIBUTE_NUM_REGS, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(s.live_function, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(s.live_function, CU_FUNC_ATTRIBUTE_PTX_VERSION, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(s.live_function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, -1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(s.live_function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1 << 30)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuFuncSetCacheConfig(nullptr, CU_FUNC_CACHE_PREFER_L1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncSetCacheConfig(s.live_function, static_cast<CUfunc_cache>(99))),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetModule(nullptr, s.live_function)),
    WRONG(kAnyError, cuFuncGetModule(&s.module, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetName(nullptr, s.live_function)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuFuncGetParamInfo(s.live_function, 99, &s.size, &s.size)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuOccupancyMaxActiveBlocksPerMultiprocessor(nullptr, s.live_function, 32, 0)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuOccupancyMaxActiveBlocksPerMultiprocessor(&s.number, nullptr, 32, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuOccupancyMaxActiveBlocksPerMultiprocessor(&s.number, s.live_function, 0, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLinkCreate(0, nullptr, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuLinkDestroy(nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuLinkComplete(nullptr, &s.pointer, &s.size)),
  };
  run(calls);
}

TEST_CASE_METHOD(Wrong, "wrong calls of launches are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 0, 1, 1, 1, 1, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 0, 1, 1, 1, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 0, 1, 1, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 1, 0, 1, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 1, 1, 0, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 1, 1, 1, 0, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 1, 2048, 1, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 1, 1, 2048, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 1, 1, 1, 65, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 1, 64, 64, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 65536, 1, 1, 1, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 65536, 1, 1, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 0x80000000u, 1, 1, 1, 1, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(s.live_function, 1, 1, 1, 1, 1, 1, 1 << 30, s.live_stream, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchKernelEx(nullptr, s.live_function, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuLaunchCooperativeKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, s.live_stream, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchCooperativeKernel(s.live_function, 0, 1, 1, 1, 1, 1, 0, s.live_stream, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchCooperativeKernelMultiDevice(nullptr, 1, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLaunchCooperativeKernelMultiDevice(nullptr, 0, 0)),
  };
  run(calls);
}

TEST_CASE_METHOD(Wrong, "wrong calls of graphs are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphCreate(nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphCreate(&s.graph, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphDestroy(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphClone(nullptr, s.live_graph)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphClone(&s.graph, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddEmptyNode(nullptr, s.live_graph, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddEmptyNode(&s.node, nullptr, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddEmptyNode(&s.node, s.live_graph, nullptr, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddKernelNode(&s.node, s.live_graph, nullptr, 0, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddHostNode(&s.node, s.live_graph, nullptr, 0, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemAllocNode(&s.node, s.live_graph, nullptr, 0, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddBatchMemOpNode(&s.node, s.live_graph, nullptr, 0, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemcpyNode(&s.node, s.live_graph, nullptr, 0, nullptr, s.context_of_test)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemsetNode(&s.node, s.live_graph, nullptr, 0, nullptr, s.context_of_test)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddChildGraphNode(&s.node, s.live_graph, nullptr, 0, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddEventRecordNode(&s.node, s.live_graph, nullptr, 0, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddEventWaitNode(&s.node, s.live_graph, nullptr, 0, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemFreeNode(&s.node, s.live_graph, nullptr, 0, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphNodeGetType(nullptr, &s.node_type)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphNodeGetType(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphDestroyNode(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphGetNodes(nullptr, nullptr, &s.size)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphGetNodes(s.live_graph, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphGetRootNodes(nullptr, nullptr, &s.size)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphGetEdges(nullptr, nullptr, nullptr, nullptr, &s.size)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiate(nullptr, s.live_graph, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiate(&s.exec, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiate(&s.exec, s.live_graph, 0xff0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(nullptr, s.live_stream)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphUpload(nullptr, s.live_stream)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphExecDestroy(nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphExecUpdate(nullptr, s.live_graph, &s.update)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphKernelNodeGetParams(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphKernelNodeSetParams(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphMemcpyNodeGetParams(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphMemcpyNodeSetParams(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphMemsetNodeGetParams(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphMemsetNodeSetParams(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphHostNodeGetParams(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphHostNodeSetParams(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphMemAllocNodeGetParams(s.live_node, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphEventRecordNodeGetEvent(s.live_node, &s.event)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphEventWaitNodeGetEvent(s.live_node, &s.event)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphChildGraphNodeGetGraph(s.live_node, &s.graph)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphAddDependencies(s.live_graph, nullptr, nullptr, nullptr, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphRemoveDependencies(s.live_graph, nullptr, nullptr, nullptr, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphNodeFindInClone(nullptr, s.live_node, s.live_graph)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphDebugDotPrint(s.live_graph, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuUserObjectCreate(nullptr, nullptr, nullptr, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuUserObjectRetain(nullptr, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuUserObjectRelease(nullptr, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGraphRetainUserObject(s.live_graph, nullptr, 1, 0)),
  };
  run(calls);
}

TEST_CASE_METHOD(Wrong, "wrong calls of arrays, textures and tensor maps are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuArrayCreate(nullptr, &s.flat)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuArrayCreate(&s.array, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuArrayCreate(&s.array, &s.flat)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuArray3DCreate(nullptr, &s.box)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuArray3DCreate(&s.array, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuArray3DCreate(&s.array, &s.box)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMipmappedArrayCreate(nullptr, &s.box, 1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMipmappedArrayCreate(&s.mipmap, nullptr, 1)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuArrayDestroy(nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuMipmappedArrayDestroy(nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuArrayGetDescriptor(&s.flat, nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuArray3DGetDescriptor(&s.box, nullptr)),
    WRONG(CUDA_ERROR_INVALID_HANDLE, cuMipmappedArrayGetLevel(&s.array, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(nullptr, &s.resource, &s.texture, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(&s.wide, nullptr, &s.texture, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(&s.wide, &s.resource, nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuTexObjectGetResourceDesc(nullptr, 0)),
    WRONG(kAnyError, cuTexRefSetBorderColor(nullptr, &s.real)),
    WRONG(kAnyError, cuTexRefGetBorderColor(&s.real, nullptr)),
    WRONG(kAnyError, cuParamSetTexRef(s.live_function, CU_PARAM_TR_DEFAULT, nullptr)),
    WRONG(kAnyError, cuMemMapArrayAsync(nullptr, 1, s.live_stream)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuSurfObjectCreate(nullptr, &s.resource)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuSurfObjectCreate(&s.wide, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuSurfObjectGetResourceDesc(nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuTensorMapReplaceAddress(nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuTensorMapEncodeTiled(&s.tensor_map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 0, nullptr, nullptr, nullptr, nullptr, nullptr, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuTensorMapEncodeTiled(&s.tensor_map, CU_TENSOR_MAP_DATA_TYPE_FLOAT32, 6, nullptr, nullptr, nullptr, nullptr, nullptr, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_L2_PROMOTION_NONE, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMulticastCreate(nullptr, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuMulticastGetGranularity(nullptr, nullptr, CU_MULTICAST_GRANULARITY_MINIMUM)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuDeviceGetDevResource(s.gpu, nullptr, CU_DEV_RESOURCE_TYPE_SM)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGreenCtxCreate(nullptr, nullptr, s.gpu, CU_GREEN_CTX_DEFAULT_STREAM)),
  };
  run(calls);
}

TEST_CASE_METHOD(Wrong, "wrong calls of names are refused as CUDA refuses them", "[contract][errors]") {
  static const WrongCall calls[] = {
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(static_cast<CUresult>(54321), &s.name)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGetErrorString(static_cast<CUresult>(-1), &s.name)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuGetProcAddress("cuInit", &s.pointer, 12000, 0xff00, nullptr)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuInit(1)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLogsCurrent(nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLogsDumpToMemory(nullptr, nullptr, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLogsDumpToFile(nullptr, nullptr, 0)),
    WRONG(CUDA_ERROR_INVALID_VALUE, cuLogsRegisterCallback(nullptr, nullptr, nullptr)),
  };
  run(calls);
}
