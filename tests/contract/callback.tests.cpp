// SPDX-License-Identifier: Apache-2.0
// Host functions and stream callbacks. CUDA driver API: cuLaunchHostFunc, cuStreamAddCallback.
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

struct Log {
  std::atomic<unsigned> count{0};
  unsigned order[64] = {};
};

struct Entry {
  Log* log;
  unsigned number;
  CUstream stream = nullptr;
  CUresult status = CUDA_ERROR_UNKNOWN;
};

void note(void* data) {
  auto* entry = static_cast<Entry*>(data);
  entry->log->order[entry->log->count++] = entry->number;
}

void note_callback(CUstream stream, CUresult status, void* data) {
  auto* entry = static_cast<Entry*>(data);
  entry->stream = stream;
  entry->status = status;
  note(data);
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a host function runs once, with its argument", "[contract][callback]") {
  Stream stream;
  Log log;
  Entry entry{&log, 17};
  REQUIRE_CUDA(cuLaunchHostFunc(stream, note, &entry));
  stream.synchronize();
  CHECK(log.count == 1);
  CHECK(log.order[0] == 17);
}

TEST_CASE_METHOD(Gpu, "host functions of one stream run in order", "[contract][callback]") {
  Stream stream;
  Log log;
  std::vector<Entry> entries;
  for (unsigned i = 0; i < 50; ++i) entries.push_back({&log, i});
  for (Entry& entry : entries) REQUIRE_CUDA(cuLaunchHostFunc(stream, note, &entry));
  stream.synchronize();
  REQUIRE(log.count == 50);
  size_t wrong = 0;
  for (unsigned i = 0; i < 50; ++i) wrong += log.order[i] != i;
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "a callback is told its stream and success", "[contract][callback]") {
  Stream stream;
  Log log;
  Entry entry{&log, 1};
  REQUIRE_CUDA(cuStreamAddCallback(stream, note_callback, &entry, 0));
  stream.synchronize();
  CHECK(log.count == 1);
  CHECK(entry.stream == stream.handle);
  CHECK(entry.status == CUDA_SUCCESS);
}

TEST_CASE_METHOD(Gpu, "callbacks and host functions keep one order", "[contract][callback]") {
  Stream stream;
  Log log;
  std::vector<Entry> entries;
  for (unsigned i = 0; i < 20; ++i) entries.push_back({&log, i});
  for (unsigned i = 0; i < 20; i += 2) {
    REQUIRE_CUDA(cuStreamAddCallback(stream, note_callback, &entries[i], 0));
    REQUIRE_CUDA(cuLaunchHostFunc(stream, note, &entries[i + 1]));
  }
  stream.synchronize();
  REQUIRE(log.count == 20);
  for (unsigned i = 0; i < 20; ++i) CHECK(log.order[i] == i);
}

TEST_CASE_METHOD(Gpu, "a host function sees the copies before it", "[contract][callback]") {
  Stream stream;
  HostBuffer host(4);
  DeviceBuffer memory(4);
  struct Look {
    const unsigned* word;
    unsigned seen;
  } look{host.as<unsigned>(), 0};
  *host.as<unsigned>() = 0;
  REQUIRE_CUDA(cuMemsetD32Async(memory, 21, 1, stream));
  REQUIRE_CUDA(cuMemcpyDtoHAsync(host.data, memory, 4, stream));
  REQUIRE_CUDA(cuLaunchHostFunc(
      stream, [](void* data) { static_cast<Look*>(data)->seen = *static_cast<Look*>(data)->word; }, &look));
  stream.synchronize();
  CHECK(look.seen == 21);
}

TEST_CASE_METHOD(Gpu, "copies after a host function see what it wrote", "[contract][callback]") {
  Stream stream;
  HostBuffer host(4);
  DeviceBuffer memory(4);
  *host.as<unsigned>() = 1;
  Gate gate(stream);
  REQUIRE_CUDA(cuLaunchHostFunc(
      stream, [](void* data) { *static_cast<unsigned*>(data) = 22; }, host.data));
  REQUIRE_CUDA(cuMemcpyHtoDAsync(memory, host.data, 4, stream));
  gate.open();
  stream.synchronize();
  CHECK(read_words(memory, 1)[0] == 22);
}

TEST_CASE_METHOD(Gpu, "launching a host function does not wait for it", "[contract][callback]") {
  Stream stream;
  Log log;
  Entry entry{&log, 1};
  Gate gate(stream);
  REQUIRE_CUDA(cuLaunchHostFunc(stream, note, &entry));
  CHECK(log.count == 0);
  gate.open();
  stream.synchronize();
  CHECK(log.count == 1);
}

TEST_CASE_METHOD(Gpu, "a stream is not done while its host function runs", "[contract][callback]") {
  Stream stream;
  Event event(CU_EVENT_DISABLE_TIMING);
  Gate gate(stream);
  REQUIRE_CUDA(cuEventRecord(event, stream));
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
  gate.open();
  stream.synchronize();
}

TEST_CASE_METHOD(Gpu, "the legacy stream runs host functions too", "[contract][callback]") {
  Log log;
  Entry entry{&log, 4};
  REQUIRE_CUDA(cuLaunchHostFunc(nullptr, note, &entry));
  REQUIRE_CUDA(cuStreamSynchronize(nullptr));
  CHECK(log.count == 1);
}

TEST_CASE_METHOD(Gpu, "host functions refuse wrong arguments", "[contract][callback]") {
  Stream stream;
  Log log;
  Entry entry{&log, 1};
  CHECK(cuLaunchHostFunc(stream, nullptr, nullptr) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuStreamAddCallback(stream, nullptr, nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuStreamAddCallback(stream, note_callback, &entry, 1) == CUDA_ERROR_INVALID_VALUE);
  CHECK(log.count == 0);
}

TEST_CASE_METHOD(Gpu, "more can be launched behind a host function than the device's queue holds",
                 "[contract][callback]") {
  Stream stream;
  Module module(kBasicPtx);
  const CUfunction fill = module.function("fill");
  DeviceBuffer memory(4);
  CUdeviceptr address = memory.address;
  unsigned value = 5, count = 1;
  void* parameters[] = {&address, &value, &count};
  for (int round = 0; round < 3; ++round)
    REQUIRE_CUDA(cuLaunchHostFunc(
        stream, [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(30)); }, nullptr));
  for (int i = 0; i < 3000; ++i) REQUIRE_CUDA(cuLaunchKernel(fill, 1, 1, 1, 1, 1, 1, 0, stream, parameters, nullptr));
  stream.synchronize();
  unsigned found = 0;
  REQUIRE_CUDA(cuMemcpyDtoH(&found, memory.address, 4));
  CHECK(found == 5);
}

TEST_CASE_METHOD(Gpu, "a graph with host functions is launched again while it runs", "[contract][callback]") {
  Stream stream;
  std::atomic<unsigned> runs{0};
  CUgraph graph = nullptr;
  REQUIRE_CUDA(cuGraphCreate(&graph, 0));
  CUDA_HOST_NODE_PARAMS host = {};
  host.fn = [](void* data) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ++*static_cast<std::atomic<unsigned>*>(data);
  };
  host.userData = &runs;
  CUgraphNode first = nullptr, second = nullptr;
  REQUIRE_CUDA(cuGraphAddHostNode(&first, graph, nullptr, 0, &host));
  REQUIRE_CUDA(cuGraphAddHostNode(&second, graph, &first, 1, &host));
  CUgraphExec exec = nullptr;
  REQUIRE_CUDA(cuGraphInstantiateWithFlags(&exec, graph, 0));
  for (int i = 0; i < 10; ++i) REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  stream.synchronize();
  CHECK(runs == 20);
  REQUIRE_CUDA(cuGraphExecDestroy(exec));
  REQUIRE_CUDA(cuGraphDestroy(graph));
}
