// SPDX-License-Identifier: Apache-2.0
// What a kernel that faults does to its context: the error comes at the next synchronisation and stays. Each fault has
// a process of its own. CUDA driver API: CUresult, CUDA_ERROR_ILLEGAL_ADDRESS.
#include "tests/contract/child.h"
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

TEST_CASE("a kernel that writes to an unmapped address ends its context", "[contract][sticky]") {
  REQUIRE_CHILD("child-fault");
}

TEST_CASE_METHOD(Gpu, "child: a kernel writes to an unmapped address", "[.][child-fault]") {
  Module module(kFaultPtx);
  DeviceBuffer memory(64);
  CUdeviceptr more = 0;
  CUstream stream = nullptr;
  const CUfunction store = module.function("store");
  CHECK_CUDA(launch(store, 1, 1, nullptr, memory.address, 1u));
  CHECK_CUDA(cuCtxSynchronize());
  CHECK_CUDA(launch(store, 1, 1, nullptr, CUdeviceptr{16}, 1u));
  CHECK(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuMemAlloc(&more, 64) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuStreamCreate(&stream, 0) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuMemcpyHtoD(memory, &more, 8) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(launch(store, 1, 1, nullptr, memory.address, 1u) == CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_CASE("questions about the device are answered after a fault", "[contract][sticky]") {
  REQUIRE_CHILD("child-fault-questions");
}

TEST_CASE_METHOD(Gpu, "child: questions after a fault", "[.][child-fault-questions]") {
  Module module(kFaultPtx);
  CHECK_CUDA(launch(module.function("store"), 1, 1, nullptr, CUdeviceptr{16}, 1u));
  CHECK(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
  int value = 0;
  CHECK_CUDA(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, device));
  CHECK_CUDA(cuDeviceGetCount(&value));
  CHECK_CUDA(cuDriverGetVersion(&value));
  CUcontext current = nullptr;
  CHECK_CUDA(cuCtxGetCurrent(&current));
  CHECK(current == context);
}

TEST_CASE("a fault is reported by the stream and the event that come after it", "[contract][sticky]") {
  REQUIRE_CHILD("child-fault-stream");
}

TEST_CASE_METHOD(Gpu, "child: a fault in a stream", "[.][child-fault-stream]") {
  Module module(kFaultPtx);
  Stream stream;
  Event event;
  CHECK_CUDA(launch(module.function("store"), 1, 1, stream, CUdeviceptr{16}, 1u));
  (void)cuEventRecord(event, stream);
  CHECK(cuStreamSynchronize(stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuStreamSynchronize(stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuEventSynchronize(event) == CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_CASE("a trap ends the context", "[contract][sticky]") { REQUIRE_CHILD("child-trap"); }

TEST_CASE_METHOD(Gpu, "child: a kernel traps", "[.][child-trap]") {
  Module module(kFaultPtx);
  CHECK_CUDA(launch(module.function("stop"), 1, 1, nullptr));
  const CUresult first = cuCtxSynchronize();
  CHECK((first == CUDA_ERROR_LAUNCH_FAILED || first == CUDA_ERROR_ILLEGAL_INSTRUCTION));
  CHECK(cuCtxSynchronize() == first);
}

TEST_CASE("a refused call is not sticky", "[contract][sticky]") { REQUIRE_CHILD("child-refused"); }

TEST_CASE_METHOD(Gpu, "child: refused calls leave the context whole", "[.][child-refused]") {
  Module module(kBasicPtx);
  CUdeviceptr memory = 0;
  CHECK(cuMemAlloc(&memory, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuLaunchKernel(module.function("empty"), 0, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr) ==
        CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAlloc(&memory, size_t{1} << 46) == CUDA_ERROR_OUT_OF_MEMORY);
  CHECK_CUDA(cuCtxSynchronize());
  CHECK_CUDA(cuMemAlloc(&memory, 64));
  CHECK_CUDA(cuMemFree(memory));
}
