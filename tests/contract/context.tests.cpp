// SPDX-License-Identifier: Apache-2.0
// Contexts of one's own, the stack that each thread has, limits and flags. CUDA driver API: Context management.
#include "tests/contract/fixture.h"

namespace {

CUcontext current() {
  CUcontext context = reinterpret_cast<CUcontext>(1);
  REQUIRE_CUDA(cuCtxGetCurrent(&context));
  return context;
}

CUcontext create(CUdevice device, unsigned flags = 0) {
  CUcontext context = nullptr;
  REQUIRE_CUDA(cuCtxCreate(&context, nullptr, flags, device));
  return context;
}

}  // namespace

TEST_CASE_METHOD(NoContext, "a new thread of work has no current context", "[contract][context]") {
  CHECK(current() == nullptr);
  CUdevice found = -1;
  CHECK(cuCtxGetDevice(&found) == CUDA_ERROR_INVALID_CONTEXT);
}

TEST_CASE_METHOD(NoContext, "cuCtxCreate makes the new context current", "[contract][context]") {
  CUcontext context = create(device);
  CHECK(current() == context);
  CUdevice found = -1;
  CHECK_CUDA(cuCtxGetDevice(&found));
  CHECK(found == device);
  CHECK_CUDA(cuCtxDestroy(context));
}

TEST_CASE_METHOD(NoContext, "destroying the current context takes it off the stack", "[contract][context]") {
  CUcontext below = create(device);
  CUcontext above = create(device);
  CHECK(above != below);
  REQUIRE_CUDA(cuCtxDestroy(above));
  CHECK(current() == below);
  REQUIRE_CUDA(cuCtxDestroy(below));
  CHECK(current() == nullptr);
}

TEST_CASE_METHOD(NoContext, "the context stack is last in, first out", "[contract][context]") {
  CUcontext primary = shared_primary();
  CUcontext own = create(device), popped = nullptr;
  REQUIRE_CUDA(cuCtxPopCurrent(&popped));
  CHECK(popped == own);
  REQUIRE_CUDA(cuCtxPushCurrent(primary));
  REQUIRE_CUDA(cuCtxPushCurrent(own));
  REQUIRE_CUDA(cuCtxPushCurrent(primary));
  for (CUcontext expected : {primary, own, primary}) {
    CHECK(current() == expected);
    CHECK_CUDA(cuCtxPopCurrent(&popped));
    CHECK(popped == expected);
  }
  CHECK(current() == nullptr);
  CHECK_CUDA(cuCtxDestroy(own));
}

TEST_CASE_METHOD(NoContext, "popping an empty stack is refused", "[contract][context]") {
  CUcontext popped = nullptr;
  CHECK(cuCtxPopCurrent(&popped) == CUDA_ERROR_INVALID_CONTEXT);
}

TEST_CASE_METHOD(NoContext, "cuCtxPopCurrent accepts NULL for its result", "[contract][context]") {
  REQUIRE_CUDA(cuCtxPushCurrent(shared_primary()));
  CHECK_CUDA(cuCtxPopCurrent(nullptr));
  CHECK(current() == nullptr);
}

TEST_CASE_METHOD(NoContext, "cuCtxSetCurrent replaces the top of the stack", "[contract][context]") {
  CUcontext primary = shared_primary();
  CUcontext own = create(device), popped = nullptr;
  REQUIRE_CUDA(cuCtxPushCurrent(own));
  REQUIRE_CUDA(cuCtxSetCurrent(primary));
  CHECK(current() == primary);
  REQUIRE_CUDA(cuCtxPopCurrent(&popped));
  CHECK(popped == primary);
  CHECK(current() == own);
  CHECK_CUDA(cuCtxDestroy(own));
}

TEST_CASE_METHOD(NoContext, "cuCtxSetCurrent of NULL pops the top of the stack", "[contract][context]") {
  CUcontext primary = shared_primary();
  REQUIRE_CUDA(cuCtxPushCurrent(primary));
  REQUIRE_CUDA(cuCtxPushCurrent(primary));
  CHECK_CUDA(cuCtxSetCurrent(nullptr));
  CHECK(current() == primary);
  CHECK_CUDA(cuCtxSetCurrent(nullptr));
  CHECK(current() == nullptr);
  CHECK_CUDA(cuCtxSetCurrent(nullptr));
}

TEST_CASE_METHOD(NoContext, "each thread has its own current context", "[contract][context]") {
  CUcontext primary = shared_primary();
  REQUIRE_CUDA(cuCtxSetCurrent(primary));
  CUcontext elsewhere = reinterpret_cast<CUcontext>(1), after_set = nullptr;
  std::thread([&] {
    cuCtxGetCurrent(&elsewhere);
    cuCtxSetCurrent(primary);
    cuCtxGetCurrent(&after_set);
    cuCtxSetCurrent(nullptr);
  }).join();
  CHECK(elsewhere == nullptr);
  CHECK(after_set == primary);
  CHECK(current() == primary);
}

TEST_CASE_METHOD(NoContext, "calls that need a context are refused without one", "[contract][context]") {
  CUdeviceptr address = 0;
  CUstream stream = nullptr;
  CUevent event = nullptr;
  CUmodule module = nullptr;
  size_t size = 0;
  unsigned flags = 0;
  CHECK(cuMemAlloc(&address, 16) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuStreamCreate(&stream, 0) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuEventCreate(&event, 0) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuModuleLoadData(&module, "") == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuCtxSynchronize() == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuMemGetInfo(&size, &size) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuCtxGetLimit(&size, CU_LIMIT_STACK_SIZE) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuCtxGetFlags(&flags) == CUDA_ERROR_INVALID_CONTEXT);
}

TEST_CASE_METHOD(NoContext, "a context keeps the flags it was made with", "[contract][context]") {
  CUcontext context = create(device, CU_CTX_SCHED_BLOCKING_SYNC);
  unsigned flags = 0;
  CHECK_CUDA(cuCtxGetFlags(&flags));
  CHECK((flags & CU_CTX_SCHED_MASK) == CU_CTX_SCHED_BLOCKING_SYNC);
  CHECK_CUDA(cuCtxDestroy(context));
}

TEST_CASE_METHOD(NoContext, "cuCtxCreate refuses wrong arguments", "[contract][context]") {
  CUcontext context = nullptr;
  CHECK(cuCtxCreate(&context, nullptr, 0x40000000u, device) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuCtxCreate(&context, nullptr, 0, 9999) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuCtxCreate(nullptr, nullptr, 0, device) == CUDA_ERROR_INVALID_VALUE);
  CHECK(current() == nullptr);
}

TEST_CASE_METHOD(NoContext, "memory of one context is valid while another is current", "[contract][context]") {
  CUcontext first = create(device);
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemAlloc(&address, 64));
  REQUIRE_CUDA(cuMemsetD8(address, 0x5a, 64));
  REQUIRE_CUDA(cuCtxSynchronize());
  CUcontext second = create(device);
  CUcontext owner = nullptr;
  CHECK_CUDA(cuPointerGetAttribute(&owner, CU_POINTER_ATTRIBUTE_CONTEXT, address));
  CHECK(owner == first);
  CHECK(read_bytes(address, 64) == std::vector<unsigned char>(64, 0x5a));
  CHECK_CUDA(cuCtxDestroy(second));
  CHECK_CUDA(cuMemFree(address));
  CHECK_CUDA(cuCtxDestroy(first));
}

TEST_CASE_METHOD(Gpu, "each context has an id of its own", "[contract][context]") {
  unsigned long long primary_id = 0, own_id = 0, again = 0;
  REQUIRE_CUDA(cuCtxGetId(context, &primary_id));
  CUcontext own = create(device);
  REQUIRE_CUDA(cuCtxGetId(own, &own_id));
  CHECK_CUDA(cuCtxGetId(nullptr, &again));
  CHECK(own_id != primary_id);
  CHECK(again == own_id);
  CHECK_CUDA(cuCtxDestroy(own));
}

TEST_CASE_METHOD(Gpu, "the stack limit can be raised and read back", "[contract][context]") {
  size_t before = 0, after = 0;
  REQUIRE_CUDA(cuCtxGetLimit(&before, CU_LIMIT_STACK_SIZE));
  CHECK(before > 0);
  REQUIRE_CUDA(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 8192));
  REQUIRE_CUDA(cuCtxGetLimit(&after, CU_LIMIT_STACK_SIZE));
  CHECK(after >= 8192);
  CHECK_CUDA(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, before));
}

TEST_CASE_METHOD(Gpu, "the printf buffer and the heap have limits", "[contract][context]") {
  size_t fifo = 0, heap = 0;
  CHECK_CUDA(cuCtxGetLimit(&fifo, CU_LIMIT_PRINTF_FIFO_SIZE));
  CHECK_CUDA(cuCtxGetLimit(&heap, CU_LIMIT_MALLOC_HEAP_SIZE));
  CHECK(fifo >= 1024);
  CHECK(heap >= 1024);
}

TEST_CASE_METHOD(Gpu, "limits that do not exist are refused", "[contract][context]") {
  size_t value = 0;
  CHECK_REFUSED(cuCtxGetLimit(&value, static_cast<CUlimit>(9999)));
  CHECK_REFUSED(cuCtxSetLimit(static_cast<CUlimit>(9999), 1));
  CHECK(cuCtxGetLimit(nullptr, CU_LIMIT_STACK_SIZE) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "cache configuration and API version can be asked", "[contract][context]") {
  CUfunc_cache cache = static_cast<CUfunc_cache>(99);
  CHECK_CUDA(cuCtxGetCacheConfig(&cache));
  CHECK(static_cast<int>(cache) >= 0);
  CHECK(static_cast<int>(cache) <= 3);
  CHECK_CUDA(cuCtxSetCacheConfig(CU_FUNC_CACHE_PREFER_NONE));
  unsigned version = 0;
  CHECK_CUDA(cuCtxGetApiVersion(context, &version));
  CHECK(version >= 3010);
}

TEST_CASE_METHOD(Gpu, "stream priorities run from low to high", "[contract][context]") {
  int least = -99, greatest = 99;
  CHECK_CUDA(cuCtxGetStreamPriorityRange(&least, &greatest));
  CHECK(greatest <= least);
  CHECK(least == 0);
  CHECK_CUDA(cuCtxGetStreamPriorityRange(nullptr, nullptr));
}

TEST_CASE_METHOD(Gpu, "cuCtxSynchronize waits for the work of every stream", "[contract][context]") {
  Stream first, second;
  DeviceBuffer memory(64);
  Gate gate_first(first), gate_second(second);
  std::atomic<bool> opened{false};
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    opened = true;
    gate_first.open();
    gate_second.open();
  });
  const CUresult result = cuCtxSynchronize();
  const bool was_opened = opened;
  opener.join();
  CHECK(result == CUDA_SUCCESS);
  CHECK(was_opened);
  CHECK_CUDA(cuStreamQuery(first));
  CHECK_CUDA(cuStreamQuery(second));
}

TEST_CASE_METHOD(Gpu, "destroying no context is refused", "[contract][context]") {
  CHECK_REFUSED(cuCtxDestroy(nullptr));
  CHECK(current() == context);
}
