// SPDX-License-Identifier: Apache-2.0
// Streams as objects: creation, flags, priority, ids, query, synchronise. CUDA driver API: Stream management.
#include <algorithm>

#include "tests/contract/fixture.h"

TEST_CASE_METHOD(Gpu, "a new stream is idle", "[contract][stream]") {
  Stream stream;
  CHECK_CUDA(cuStreamQuery(stream));
  CHECK_CUDA(cuStreamSynchronize(stream));
}

TEST_CASE_METHOD(Gpu, "a stream keeps its flags", "[contract][stream]") {
  Stream blocking(CU_STREAM_DEFAULT), other(CU_STREAM_NON_BLOCKING);
  unsigned flags = 99;
  CHECK_CUDA(cuStreamGetFlags(blocking, &flags));
  CHECK(flags == CU_STREAM_DEFAULT);
  CHECK_CUDA(cuStreamGetFlags(other, &flags));
  CHECK(flags == CU_STREAM_NON_BLOCKING);
  CHECK_CUDA(cuStreamGetFlags(nullptr, &flags));
  CHECK(flags == CU_STREAM_DEFAULT);
}

TEST_CASE_METHOD(Gpu, "priorities are kept and clamped to the range", "[contract][stream]") {
  int least = 0, greatest = 0, priority = 99;
  REQUIRE_CUDA(cuCtxGetStreamPriorityRange(&least, &greatest));
  for (int asked : {least, greatest, greatest - 10, least + 10}) {
    CUstream stream = nullptr;
    REQUIRE_CUDA(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, asked));
    CHECK_CUDA(cuStreamGetPriority(stream, &priority));
    CHECK(priority == std::max(greatest, std::min(least, asked)));
    CHECK_CUDA(cuStreamDestroy(stream));
  }
  Stream plain;
  CHECK_CUDA(cuStreamGetPriority(plain, &priority));
  CHECK(priority == 0);
}

TEST_CASE_METHOD(Gpu, "a stream knows its context and device", "[contract][stream]") {
  Stream stream;
  CUcontext owner = nullptr;
  CHECK_CUDA(cuStreamGetCtx(stream, &owner));
  CHECK(owner == context);
  CHECK_CUDA(cuStreamGetCtx(nullptr, &owner));
  CHECK(owner == context);
  CUdevice on = -1;
  CHECK_CUDA(cuStreamGetDevice(stream, &on));
  CHECK(on == device);
}

TEST_CASE_METHOD(Gpu, "streams have ids of their own and NULL is the legacy stream", "[contract][stream]") {
  Stream first, second;
  unsigned long long a = 0, b = 0, null_id = 0, legacy = 0, per_thread = 0;
  CHECK_CUDA(cuStreamGetId(first, &a));
  CHECK_CUDA(cuStreamGetId(second, &b));
  CHECK_CUDA(cuStreamGetId(nullptr, &null_id));
  CHECK_CUDA(cuStreamGetId(CU_STREAM_LEGACY, &legacy));
  CHECK_CUDA(cuStreamGetId(CU_STREAM_PER_THREAD, &per_thread));
  CHECK(a != b);
  CHECK(null_id == legacy);
  CHECK(per_thread != legacy);
  CHECK(per_thread != a);
}

TEST_CASE_METHOD(Gpu, "a stream with work in front of it is not ready", "[contract][stream]") {
  Stream stream;
  Gate gate(stream);
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  gate.open();
  stream.synchronize();
  CHECK_CUDA(cuStreamQuery(stream));
  CHECK(!gate.timed_out());
}

TEST_CASE_METHOD(Gpu, "not ready is no error of the context", "[contract][stream]") {
  Stream stream;
  Gate gate(stream);
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  size_t available = 0, total = 0;
  CHECK_CUDA(cuMemGetInfo(&available, &total));
  gate.open();
  CHECK_CUDA(cuStreamSynchronize(stream));
}

TEST_CASE_METHOD(Gpu, "cuStreamSynchronize waits for the work of that stream", "[contract][stream]") {
  Stream stream;
  HostBuffer host(4);
  DeviceBuffer memory(4);
  *host.as<unsigned>() = 0;
  Gate gate(stream);
  REQUIRE_CUDA(cuMemsetD32Async(memory, 31, 1, stream));
  REQUIRE_CUDA(cuMemcpyDtoHAsync(host.data, memory, 4, stream));
  std::thread opener([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    gate.open();
  });
  const CUresult result = cuStreamSynchronize(stream);
  const unsigned seen = *host.as<unsigned>();
  opener.join();
  CHECK(result == CUDA_SUCCESS);
  CHECK(seen == 31);
}

TEST_CASE_METHOD(Gpu, "a destroyed stream still finishes its work", "[contract][stream]") {
  HostBuffer host(4);
  DeviceBuffer memory(4);
  *host.as<unsigned>() = 0;
  CUstream stream = nullptr;
  REQUIRE_CUDA(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  {
    Gate gate(stream);
    REQUIRE_CUDA(cuMemsetD32Async(memory, 8, 1, stream));
    REQUIRE_CUDA(cuMemcpyDtoHAsync(host.data, memory, 4, stream));
    REQUIRE_CUDA(cuStreamDestroy(stream));
  }
  REQUIRE_CUDA(cuCtxSynchronize());
  CHECK(*host.as<unsigned>() == 8);
}

TEST_CASE_METHOD(Gpu, "stream calls refuse wrong arguments", "[contract][stream]") {
  CUstream stream = nullptr;
  CHECK(cuStreamCreate(&stream, 0x77) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuStreamCreate(nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuStreamCreateWithPriority(&stream, 0x77, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK_REFUSED(cuStreamDestroy(nullptr));
  CHECK(cuStreamGetFlags(nullptr, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "two hundred streams can live at once", "[contract][stream]") {
  std::vector<std::unique_ptr<Stream>> streams;
  DeviceBuffer memory(200 * 4);
  for (unsigned i = 0; i < 200; ++i) {
    streams.push_back(std::make_unique<Stream>());
    REQUIRE_CUDA(cuMemsetD32Async(memory + i * 4, i, 1, *streams.back()));
  }
  REQUIRE_CUDA(cuCtxSynchronize());
  const auto words = read_words(memory, 200);
  size_t wrong = 0;
  for (unsigned i = 0; i < 200; ++i) wrong += words[i] != i;
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "stream attributes can be set, read and copied", "[contract][stream]") {
  Stream first, second;
  CUstreamAttrValue value = {};
  value.syncPolicy = CU_SYNC_POLICY_BLOCKING_SYNC;
  CHECK_CUDA(cuStreamSetAttribute(first, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &value));
  CUstreamAttrValue got = {};
  CHECK_CUDA(cuStreamGetAttribute(first, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &got));
  CHECK(got.syncPolicy == CU_SYNC_POLICY_BLOCKING_SYNC);
  CHECK_CUDA(cuStreamCopyAttributes(second, first));
  got = {};
  CHECK_CUDA(cuStreamGetAttribute(second, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, &got));
  CHECK(got.syncPolicy == CU_SYNC_POLICY_BLOCKING_SYNC);
}
