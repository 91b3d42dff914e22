// SPDX-License-Identifier: Apache-2.0
// Eight host threads in one context at once. CUDA driver API: the driver is thread-safe; contexts are shared.
#include <mutex>
#include <string>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

constexpr unsigned kThreads = 8;

// What goes wrong in a thread is counted, and the first of it kept for the report.
class Faults {
 public:
  void add(bool bad, const char* what, unsigned number) {
    if (!bad) return;
    ++count_;
    const std::lock_guard lock(mutex_);
    if (first_.empty()) first_ = std::string(what) + ": " + std::to_string(number);
  }
  void call(CUresult result, const char* what) { add(result != CUDA_SUCCESS, what, static_cast<unsigned>(result)); }
  unsigned count() const { return count_; }
  std::string first() const { return first_; }

 private:
  std::atomic<unsigned> count_{0};
  std::mutex mutex_;  // guards the following
  std::string first_;
};

// Runs work(thread) in eight threads with the context current and returns how many calls and values were wrong.
template <class Work>
unsigned in_threads(CUcontext context, Work work) {
  std::atomic<unsigned> wrong{0};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      if (cuCtxSetCurrent(context) != CUDA_SUCCESS) ++wrong;
      wrong += work(t);
    });
  for (std::thread& thread : threads) thread.join();
  return wrong;
}

}  // namespace

TEST_CASE_METHOD(Gpu, "threads allocate and free at once", "[contract][threads]") {
  const unsigned wrong = in_threads(context, [](unsigned t) {
    unsigned bad = 0;
    for (unsigned i = 0; i < 100; ++i) {
      CUdeviceptr memory = 0;
      bad += cuMemAlloc(&memory, 1000 * (t + 1) + i) != CUDA_SUCCESS;
      bad += cuMemFree(memory) != CUDA_SUCCESS;
    }
    return bad;
  });
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "threads launch into one stream", "[contract][threads]") {
  Module module(kBasicPtx);
  Stream stream;
  DeviceBuffer memory(64 * 4);
  REQUIRE_CUDA(cuMemsetD32(memory, 0, 64));
  REQUIRE_CUDA(cuCtxSynchronize());
  const CUfunction add = module.function("add");
  const unsigned wrong = in_threads(context, [&](unsigned) {
    unsigned bad = 0;
    for (unsigned i = 0; i < 100; ++i) bad += launch(add, 1, 64, stream, memory.address, 1u, 64u) != CUDA_SUCCESS;
    return bad;
  });
  CHECK(wrong == 0);
  stream.synchronize();
  CHECK(read_words(memory, 64) == repeated(64, kThreads * 100));
}

TEST_CASE_METHOD(Gpu, "threads with streams of their own do not disturb each other", "[contract][threads]") {
  Module module(kBasicPtx);
  const CUfunction add = module.function("add"), fill = module.function("fill");
  const unsigned wrong = in_threads(context, [&](unsigned t) {
    unsigned bad = 0;
    CUstream stream = nullptr;
    CUdeviceptr memory = 0;
    std::vector<unsigned> host(256);
    bad += cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) != CUDA_SUCCESS;
    bad += cuMemAlloc(&memory, 1024) != CUDA_SUCCESS;
    for (unsigned i = 0; i < 20; ++i) {
      bad += launch(fill, 2, 128, stream, memory, t, 256u) != CUDA_SUCCESS;
      bad += launch(add, 2, 128, stream, memory, i, 256u) != CUDA_SUCCESS;
      bad += cuMemcpyDtoHAsync(host.data(), memory, 1024, stream) != CUDA_SUCCESS;
      bad += cuStreamSynchronize(stream) != CUDA_SUCCESS;
      bad += host[0] != t + i || host[255] != t + i;
    }
    bad += cuMemFree(memory) != CUDA_SUCCESS;
    bad += cuStreamDestroy(stream) != CUDA_SUCCESS;
    return bad;
  });
  CHECK(wrong == 0);
}

// Every hundred launches leave a word behind whose value only the right order gives.
TEST_CASE_METHOD(Gpu, "launches of threads that flood their streams run in each stream's order",
                 "[contract][threads]") {
  constexpr unsigned kRuns = 10, kLaunches = 50;
  Module module(kBasicPtx);
  const CUfunction add = module.function("add"), fill = module.function("fill");
  const unsigned wrong = in_threads(context, [&](unsigned t) {
    unsigned bad = 0;
    CUstream stream = nullptr;
    CUdeviceptr memory = 0;
    std::vector<unsigned> host(kRuns), expected(kRuns, kLaunches + t + 1);
    bad += cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) != CUDA_SUCCESS;
    bad += cuMemAlloc(&memory, kRuns * 4) != CUDA_SUCCESS;
    for (unsigned run = 0; run < kRuns; ++run)
      for (unsigned i = 1; i <= kLaunches; ++i) {
        bad += launch(fill, 1, 32, stream, memory + run * 4, i, 1u) != CUDA_SUCCESS;
        bad += launch(add, 1, 32, stream, memory + run * 4, t + 1, 1u) != CUDA_SUCCESS;
      }
    bad += cuMemcpyDtoHAsync(host.data(), memory, kRuns * 4, stream) != CUDA_SUCCESS;
    bad += cuStreamSynchronize(stream) != CUDA_SUCCESS;
    bad += host != expected;
    bad += cuMemFree(memory) != CUDA_SUCCESS;
    bad += cuStreamDestroy(stream) != CUDA_SUCCESS;
    return bad;
  });
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "events order the launches of threads that flood their streams", "[contract][threads]") {
  constexpr unsigned kTurns = 60;
  Module module(kBasicPtx);
  const CUfunction add = module.function("add"), fill = module.function("fill");
  Faults faults;
  in_threads(context, [&](unsigned t) {
    unsigned last = 0;
    CUstream streams[2] = {};
    CUevent event = nullptr;
    CUdeviceptr memory = 0;
    for (CUstream& stream : streams) faults.call(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
    faults.call(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
    faults.call(cuMemAlloc(&memory, 4), "cuMemAlloc");
    for (unsigned turn = 0; turn < kTurns; ++turn)
      for (unsigned i = 0; i < 2; ++i) {
        for (unsigned n = 0; n < 3; ++n) faults.call(launch(fill, 1, 32, streams[i], memory, turn * n, 1u), "fill");
        faults.call(launch(add, 1, 32, streams[i], memory, t, 1u), "add");
        faults.call(cuEventRecord(event, streams[i]), "cuEventRecord");
        faults.call(cuStreamWaitEvent(streams[1 - i], event, 0), "cuStreamWaitEvent");
      }
    faults.call(cuMemcpyDtoHAsync(&last, memory, 4, streams[0]), "cuMemcpyDtoHAsync");
    faults.call(cuStreamSynchronize(streams[0]), "cuStreamSynchronize");
    faults.add(last != (kTurns - 1) * 2 + t, "the last value", last);
    faults.call(cuMemFree(memory), "cuMemFree");
    faults.call(cuEventDestroy(event), "cuEventDestroy");
    for (const CUstream stream : streams) faults.call(cuStreamDestroy(stream), "cuStreamDestroy");
    return 0u;
  });
  INFO(faults.first());
  CHECK(faults.count() == 0);
}

TEST_CASE_METHOD(Gpu, "threads load modules at once", "[contract][threads]") {
  const unsigned wrong = in_threads(context, [](unsigned) {
    unsigned bad = 0;
    for (unsigned i = 0; i < 3; ++i) {
      CUmodule module = nullptr;
      CUfunction function = nullptr;
      bad += cuModuleLoadData(&module, kBasicPtx) != CUDA_SUCCESS;
      bad += cuModuleGetFunction(&function, module, "iota") != CUDA_SUCCESS;
      bad += cuModuleUnload(module) != CUDA_SUCCESS;
    }
    return bad;
  });
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "threads create, record and wait for events", "[contract][threads]") {
  Stream shared;
  const unsigned wrong = in_threads(context, [&](unsigned) {
    unsigned bad = 0;
    for (unsigned i = 0; i < 50; ++i) {
      CUevent event = nullptr;
      bad += cuEventCreate(&event, CU_EVENT_DISABLE_TIMING) != CUDA_SUCCESS;
      bad += cuEventRecord(event, shared) != CUDA_SUCCESS;
      bad += cuEventSynchronize(event) != CUDA_SUCCESS;
      bad += cuEventQuery(event) != CUDA_SUCCESS;
      bad += cuEventDestroy(event) != CUDA_SUCCESS;
    }
    return bad;
  });
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "a thread waits while the others go on", "[contract][threads]") {
  Stream held, free_stream;
  DeviceBuffer memory(4);
  Gate gate(held);
  std::atomic<bool> waited{false};
  std::thread waiter([&] {
    cuCtxSetCurrent(context);
    cuStreamSynchronize(held);
    waited = true;
  });
  for (unsigned i = 0; i < 20; ++i) {
    CHECK_CUDA(cuMemsetD32Async(memory, i, 1, free_stream));
    CHECK_CUDA(cuStreamSynchronize(free_stream));
  }
  const bool too_early = waited;
  gate.open();
  waiter.join();
  CHECK(!too_early);
  CHECK(!gate.timed_out());
}

TEST_CASE_METHOD(Gpu, "an object made in one thread is used in another", "[contract][threads]") {
  CUdeviceptr memory = 0;
  CUstream stream = nullptr;
  std::thread([&] {
    cuCtxSetCurrent(context);
    cuMemAlloc(&memory, 64);
    cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING);
    cuMemsetD32Async(memory, 3, 16, stream);
  }).join();
  REQUIRE_CUDA(cuStreamSynchronize(stream));
  CHECK(read_words(memory, 16) == repeated(16, 3));
  CHECK_CUDA(cuStreamDestroy(stream));
  CHECK_CUDA(cuMemFree(memory));
}
