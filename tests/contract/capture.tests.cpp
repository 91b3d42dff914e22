// SPDX-License-Identifier: Apache-2.0
// Stream capture: recording, forks and joins, state, errors. CUDA driver API: Stream management; programming guide:
// Creating a graph using stream capture.
#include <atomic>
#include <thread>
#include <vector>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"
#include "tests/contract/pages.h"

namespace {

constexpr unsigned kCount = 128;

class Capture : public Gpu {
 public:
  Capture() : module(kBasicPtx), memory(kCount * 4) {
    add_function = module.function("add");
    REQUIRE_CUDA(cuMemsetD32(memory, 0, kCount));
    REQUIRE_CUDA(cuCtxSynchronize());
  }

  void add(unsigned term, CUstream to) const {
    REQUIRE_CUDA(launch(add_function, 1, kCount, to, memory.address, term, kCount));
  }
  CUgraph end(CUstream of) const {
    CUgraph graph = nullptr;
    REQUIRE_CUDA(cuStreamEndCapture(of, &graph));
    REQUIRE(graph != nullptr);
    return graph;
  }
  void begin(CUstream on, CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) const {
    REQUIRE_CUDA(cuStreamBeginCapture(on, mode));
  }
  unsigned run(CUgraph graph) const {
    GraphExec exec(graph);
    REQUIRE_CUDA(cuGraphLaunch(exec, stream));
    stream.synchronize();
    return read_words(memory, kCount)[kCount - 1];
  }
  static CUstreamCaptureStatus status(CUstream of) {
    CUstreamCaptureStatus result = static_cast<CUstreamCaptureStatus>(99);
    REQUIRE_CUDA(cuStreamIsCapturing(of, &result));
    return result;
  }

  Module module;
  DeviceBuffer memory;
  Stream stream;
  CUfunction add_function = nullptr;
};

size_t nodes_of(CUgraph graph) {
  size_t count = 0;
  REQUIRE_CUDA(cuGraphGetNodes(graph, nullptr, &count));
  return count;
}

size_t edges_of(CUgraph graph) {
  size_t count = 0;
  REQUIRE_CUDA(cuGraphGetEdges(graph, nullptr, nullptr, nullptr, &count));
  return count;
}

}  // namespace

TEST_CASE_METHOD(Capture, "captured work runs only when the graph is launched", "[contract][capture]") {
  begin(stream);
  add(1, stream);
  add(2, stream);
  Graph graph(end(stream));
  CHECK(read_words(memory, 1)[0] == 0);
  CHECK(nodes_of(graph) == 2);
  CHECK(edges_of(graph) == 1);
  CHECK(run(graph) == 3);
}

TEST_CASE_METHOD(Capture, "the state of a capture can be asked", "[contract][capture]") {
  CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_NONE);
  begin(stream);
  CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
  CUstreamCaptureStatus state = CU_STREAM_CAPTURE_STATUS_NONE;
  cuuint64_t id = 0;
  CUgraph graph = nullptr;
  const CUgraphNode* dependencies = nullptr;
  const CUgraphEdgeData* edges = nullptr;
  size_t count = 99;
  CHECK_CUDA(cuStreamGetCaptureInfo(stream, &state, &id, &graph, &dependencies, &edges, &count));
  CHECK(state == CU_STREAM_CAPTURE_STATUS_ACTIVE);
  CHECK(graph != nullptr);
  CHECK(count == 0);
  add(1, stream);
  CHECK_CUDA(cuStreamGetCaptureInfo(stream, &state, &id, &graph, &dependencies, &edges, &count));
  CHECK(count == 1);
  Graph result(end(stream));
  CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_NONE);
}

TEST_CASE_METHOD(Capture, "each capture has an id of its own", "[contract][capture]") {
  cuuint64_t ids[2] = {};
  for (cuuint64_t& id : ids) {
    begin(stream);
    CUstreamCaptureStatus state = CU_STREAM_CAPTURE_STATUS_NONE;
    CHECK_CUDA(cuStreamGetCaptureInfo(stream, &state, &id, nullptr, nullptr, nullptr, nullptr));
    Graph graph(end(stream));
  }
  CHECK(ids[0] != ids[1]);
}

TEST_CASE_METHOD(Capture, "a second stream joins the capture through events", "[contract][capture]") {
  Stream side;
  Event fork(CU_EVENT_DISABLE_TIMING), join(CU_EVENT_DISABLE_TIMING);
  begin(stream);
  add(1, stream);
  REQUIRE_CUDA(cuEventRecord(fork, stream));
  REQUIRE_CUDA(cuStreamWaitEvent(side, fork, 0));
  CHECK(status(side) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
  add(10, side);
  REQUIRE_CUDA(cuEventRecord(join, side));
  REQUIRE_CUDA(cuStreamWaitEvent(stream, join, 0));
  add(100, stream);
  Graph graph(end(stream));
  CHECK(status(side) == CU_STREAM_CAPTURE_STATUS_NONE);
  CHECK(nodes_of(graph) == 3);
  CHECK(run(graph) == 111);
}

TEST_CASE_METHOD(Capture, "a launch that need not wait for the end of the one before has an edge that says so",
                 "[contract][capture]") {
  if (attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) < 9) SKIP("no programmatic dependent launch");
  CUlaunchAttribute early = {};
  early.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  early.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config = {};
  config.gridDimX = config.gridDimY = config.gridDimZ = config.blockDimY = config.blockDimZ = 1;
  config.blockDimX = kCount;
  config.hStream = stream;
  config.attrs = &early;
  config.numAttrs = 1;
  CUdeviceptr address = memory;
  unsigned term = 10, count = kCount;
  void* parameters[] = {&address, &term, &count};
  begin(stream);
  add(1, stream);
  REQUIRE_CUDA(cuLaunchKernelEx(&config, add_function, parameters, nullptr));
  add(100, stream);
  Graph graph(end(stream));
  CUgraphNode from[2] = {}, to[2] = {};
  CUgraphEdgeData data[2] = {};
  size_t edges = 2;
  REQUIRE_CUDA(cuGraphGetEdges(graph, from, to, data, &edges));
  REQUIRE(edges == 2);
  const int second = to[0] == from[1] ? 0 : 1;
  CHECK(data[second].type == CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC);
  CHECK(data[second].from_port == CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC);
  CHECK(data[1 - second].type == CU_GRAPH_DEPENDENCY_TYPE_DEFAULT);
  CHECK(run(graph) == 111);
}

TEST_CASE_METHOD(Capture, "a second stream that has joined again may be destroyed during the capture",
                 "[contract][capture]") {
  CUstream side = nullptr;
  REQUIRE_CUDA(cuStreamCreate(&side, CU_STREAM_NON_BLOCKING));
  CUevent fork = nullptr, join = nullptr;
  REQUIRE_CUDA(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  REQUIRE_CUDA(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
  begin(stream);
  add(1, stream);
  REQUIRE_CUDA(cuEventRecord(fork, stream));
  REQUIRE_CUDA(cuStreamWaitEvent(side, fork, 0));
  add(10, side);
  REQUIRE_CUDA(cuEventRecord(join, side));
  REQUIRE_CUDA(cuStreamWaitEvent(stream, join, 0));
  CHECK_CUDA(cuStreamDestroy(side));
  CHECK_CUDA(cuEventDestroy(fork));
  CHECK_CUDA(cuEventDestroy(join));
  CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_ACTIVE);
  add(100, stream);
  Graph graph(end(stream));
  CHECK(nodes_of(graph) == 3);
  CHECK(run(graph) == 111);
}

TEST_CASE_METHOD(Capture, "copies, sets and host functions are captured", "[contract][capture]") {
  HostBuffer host(kCount * 4);
  std::atomic<unsigned> calls{0};
  begin(stream);
  REQUIRE_CUDA(cuMemsetD32Async(memory, 7, kCount, stream));
  add(1, stream);
  REQUIRE_CUDA(cuMemcpyDtoHAsync(host.data, memory, kCount * 4, stream));
  REQUIRE_CUDA(cuLaunchHostFunc(
      stream, [](void* data) { ++*static_cast<std::atomic<unsigned>*>(data); }, &calls));
  Graph graph(end(stream));
  CHECK(nodes_of(graph) == 4);
  CHECK(calls == 0);
  CHECK(run(graph) == 8);
  CHECK(run(graph) == 8);
  CHECK(calls == 2);
  CHECK(host.as<unsigned>()[0] == 8);
}

TEST_CASE_METHOD(Capture, "a capture that is not joined fails", "[contract][capture]") {
  Stream side;
  Event fork(CU_EVENT_DISABLE_TIMING);
  begin(stream);
  REQUIRE_CUDA(cuEventRecord(fork, stream));
  REQUIRE_CUDA(cuStreamWaitEvent(side, fork, 0));
  add(1, side);
  CUgraph graph = reinterpret_cast<CUgraph>(1);
  CHECK(cuStreamEndCapture(stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  CHECK(graph == nullptr);
  CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_NONE);
}

TEST_CASE_METHOD(Capture, "a capture ends on the stream where it began", "[contract][capture]") {
  Stream side;
  Event fork(CU_EVENT_DISABLE_TIMING);
  begin(stream);
  REQUIRE_CUDA(cuEventRecord(fork, stream));
  REQUIRE_CUDA(cuStreamWaitEvent(side, fork, 0));
  CUgraph graph = nullptr;
  CHECK(cuStreamEndCapture(side, &graph) == CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  (void)cuStreamEndCapture(stream, &graph);
  if (graph) cuGraphDestroy(graph);
}

TEST_CASE_METHOD(Capture, "synchronising a capturing stream is refused and spoils the capture", "[contract][capture]") {
  begin(stream);
  add(1, stream);
  CHECK(cuStreamSynchronize(stream) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
  CUgraph graph = reinterpret_cast<CUgraph>(1);
  CHECK(cuStreamEndCapture(stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CHECK(graph == nullptr);
  CHECK_CUDA(cuStreamSynchronize(stream));
}

TEST_CASE_METHOD(Capture, "querying an event that was recorded in a capture is refused", "[contract][capture]") {
  Event event;
  begin(stream);
  REQUIRE_CUDA(cuEventRecord(event, stream));
  CHECK(cuEventQuery(event) == CUDA_ERROR_CAPTURED_EVENT);
  CUgraph graph = nullptr;
  (void)cuStreamEndCapture(stream, &graph);
  if (graph) cuGraphDestroy(graph);
}

TEST_CASE_METHOD(Capture, "a stream is captured once at a time", "[contract][capture]") {
  begin(stream);
  CHECK(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) == CUDA_ERROR_ILLEGAL_STATE);
  CUgraph graph = nullptr;
  (void)cuStreamEndCapture(stream, &graph);
  if (graph) cuGraphDestroy(graph);
}

TEST_CASE_METHOD(Capture, "ending a capture that never began is refused", "[contract][capture]") {
  CUgraph graph = reinterpret_cast<CUgraph>(1);
  CHECK(cuStreamEndCapture(stream, &graph) == CUDA_ERROR_ILLEGAL_STATE);
}

TEST_CASE_METHOD(Capture, "the legacy stream cannot be captured", "[contract][capture]") {
  CHECK(cuStreamBeginCapture(nullptr, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
}

TEST_CASE_METHOD(Capture, "an unknown capture mode is refused", "[contract][capture]") {
  CHECK(cuStreamBeginCapture(stream, static_cast<CUstreamCaptureMode>(99)) == CUDA_ERROR_INVALID_VALUE);
  CHECK(status(stream) == CU_STREAM_CAPTURE_STATUS_NONE);
}

TEST_CASE_METHOD(Capture, "a relaxed capture allows an allocation in the meantime", "[contract][capture]") {
  begin(stream, CU_STREAM_CAPTURE_MODE_RELAXED);
  add(4, stream);
  CUdeviceptr address = 0;
  CHECK_CUDA(cuMemAlloc(&address, 4096));
  Graph graph(end(stream));
  CHECK(run(graph) == 4);
  CHECK_CUDA(cuMemFree(address));
}

TEST_CASE_METHOD(Capture, "a thread's capture mode is exchanged and given back", "[contract][capture]") {
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  REQUIRE_CUDA(cuThreadExchangeStreamCaptureMode(&mode));
  CHECK(mode == CU_STREAM_CAPTURE_MODE_GLOBAL);
  REQUIRE_CUDA(cuThreadExchangeStreamCaptureMode(&mode));
  CHECK(mode == CU_STREAM_CAPTURE_MODE_RELAXED);
}

TEST_CASE_METHOD(Capture, "work is captured into a graph that exists", "[contract][capture]") {
  Graph graph;
  CUgraphNode root = nullptr;
  REQUIRE_CUDA(cuGraphAddEmptyNode(&root, graph, nullptr, 0));
  REQUIRE_CUDA(cuStreamBeginCaptureToGraph(stream, graph, &root, nullptr, 1, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  add(6, stream);
  CHECK(end(stream) == graph.handle);
  CHECK(nodes_of(graph) == 2);
  CHECK(edges_of(graph) == 1);
  CHECK(run(graph) == 6);
}

TEST_CASE_METHOD(Capture, "who captures into a graph need not ask for it at the end", "[contract][capture]") {
  Graph graph;
  REQUIRE_CUDA(cuStreamBeginCaptureToGraph(stream, graph, nullptr, nullptr, 0, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  add(6, stream);
  CHECK_CUDA(cuStreamEndCapture(stream, nullptr));
  CHECK(nodes_of(graph) == 1);
  CHECK(run(graph) == 6);
}

TEST_CASE_METHOD(Capture, "a capture that is not relaxed forbids its thread to wait", "[contract][capture]") {
  Stream other;
  begin(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  CHECK(cuStreamSynchronize(other) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUgraph graph = nullptr;
  (void)cuStreamEndCapture(stream, &graph);
  if (graph) cuGraphDestroy(graph);
}

TEST_CASE_METHOD(Capture, "other streams work on during a capture", "[contract][capture]") {
  Stream other;
  begin(stream, CU_STREAM_CAPTURE_MODE_RELAXED);
  add(1, stream);
  add(1000, other);
  CHECK_CUDA(cuStreamSynchronize(other));
  Graph graph(end(stream));
  CHECK(read_words(memory, 1)[0] == 1000);
  CHECK(run(graph) == 1001);
}

TEST_CASE_METHOD(Capture, "a thread may allocate beside its own global capture while its mode is relaxed",
                 "[contract][capture]") {
  begin(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
  add(1, stream);
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  REQUIRE_CUDA(cuThreadExchangeStreamCaptureMode(&mode));
  CHECK(mode == CU_STREAM_CAPTURE_MODE_GLOBAL);
  CUdeviceptr address = 0;
  CHECK(cuMemAlloc(&address, 1 << 20) == CUDA_SUCCESS);
  REQUIRE_CUDA(cuThreadExchangeStreamCaptureMode(&mode));
  CHECK(mode == CU_STREAM_CAPTURE_MODE_RELAXED);
  add(2, stream);
  const CUgraph graph = end(stream);
  CHECK(nodes_of(graph) == 2);
  CHECK(run(graph) == 3);
  REQUIRE_CUDA(cuGraphDestroy(graph));
  REQUIRE_CUDA(cuMemFree(address));
}

TEST_CASE_METHOD(Capture, "launches into an invalid capture are refused, and so is its end", "[contract][capture]") {
  begin(stream);
  add(1, stream);
  CHECK(cuStreamSynchronize(stream) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CHECK(launch(add_function, 1, kCount, stream, memory.address, 2u, kCount) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CUgraph graph = reinterpret_cast<CUgraph>(1);
  CHECK(cuStreamEndCapture(stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CHECK(graph == nullptr);
  // The next capture is not concerned.
  begin(stream);
  add(3, stream);
  Graph next(end(stream));
  CHECK(run(next) == 3);
}

TEST_CASE_METHOD(Capture, "another thread that spoils a capture is noticed by the next launch", "[contract][capture]") {
  begin(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
  add(1, stream);
  CUresult refused = CUDA_SUCCESS;
  std::thread([&] {
    CUdeviceptr address = 0;
    if (cuCtxSetCurrent(context) == CUDA_SUCCESS) refused = cuMemAlloc(&address, 1 << 20);
  }).join();
  CHECK(refused == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CHECK(launch(add_function, 1, kCount, stream, memory.address, 2u, kCount) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CUgraph graph = nullptr;
  CHECK(cuStreamEndCapture(stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

TEST_CASE_METHOD(Capture, "a thread-local capture forbids nothing to other threads", "[contract][capture]") {
  begin(stream);
  add(1, stream);
  std::vector<CUresult> answers;
  const Pages ordinary(16);
  std::thread([&] {
    CUdeviceptr device_memory = 0, managed = 0;
    void* pinned = nullptr;
    answers.push_back(cuCtxSetCurrent(context));
    Stream own;
    answers.push_back(cuMemAlloc(&device_memory, 16));
    answers.push_back(cuMemAllocManaged(&managed, 16, CU_MEM_ATTACH_GLOBAL));
    answers.push_back(cuMemAllocHost(&pinned, 16));
    answers.push_back(cuMemHostRegister(ordinary.data, ordinary.size, 0));
    answers.push_back(cuStreamQuery(own));
    answers.push_back(cuMemHostUnregister(ordinary.data));
    answers.push_back(cuMemFreeHost(pinned));
    answers.push_back(cuMemFree(managed));
    answers.push_back(cuMemFree(device_memory));
  }).join();
  CHECK(answers == std::vector<CUresult>(10, CUDA_SUCCESS));
  add(2, stream);
  const CUgraph graph = end(stream);
  CHECK(run(graph) == 3);
  REQUIRE_CUDA(cuGraphDestroy(graph));
}

TEST_CASE_METHOD(Capture, "a global capture forbids other threads what may spoil it", "[contract][capture]") {
  begin(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
  CUresult allocated = CUDA_ERROR_UNKNOWN;
  std::thread([&] {
    CUdeviceptr address = 0;
    static_cast<void>(cuCtxSetCurrent(context));
    allocated = cuMemAlloc(&address, 16);
  }).join();
  CHECK(allocated == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUgraph graph = nullptr;
  CHECK(cuStreamEndCapture(stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  // It is over.
  CUdeviceptr address = 0;
  CHECK_CUDA(cuMemAlloc(&address, 16));
  CHECK_CUDA(cuMemFree(address));
}

// Each makes graphs of its own, allocates, copies and waits in between.
TEST_CASE_METHOD(Capture, "threads capture side by side", "[contract][capture]") {
  constexpr unsigned kThreads = 6, kRounds = 20;
  std::atomic<unsigned> wrong = 0, refused = 0;
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      const auto check = [&](CUresult status) { refused += status != CUDA_SUCCESS ? 1 : 0; };
      check(cuCtxSetCurrent(context));
      CUstream own = nullptr;
      check(cuStreamCreate(&own, CU_STREAM_NON_BLOCKING));
      for (unsigned round = 1; round <= kRounds; ++round) {
        CUdeviceptr words = 0;
        CUgraph graph = nullptr;
        CUgraphExec exec = nullptr;
        check(cuMemAlloc(&words, kCount * 4));
        check(cuMemsetD32Async(words, number, kCount, own));
        check(cuStreamBeginCapture(own, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
        for (int i = 0; i < 3; ++i) check(launch(add_function, 1, kCount, own, words, round, kCount));
        check(cuStreamEndCapture(own, &graph));
        check(cuGraphInstantiate(&exec, graph, 0));
        check(cuGraphLaunch(exec, own));
        std::vector<unsigned> result(kCount);
        check(cuMemcpyDtoHAsync(result.data(), words, kCount * 4, own));
        check(cuStreamSynchronize(own));
        wrong += result.back() != number + 3 * round ? 1 : 0;
        check(cuGraphExecDestroy(exec));
        check(cuGraphDestroy(graph));
        check(cuMemFree(words));
      }
      check(cuStreamDestroy(own));
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(refused == 0);
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Capture, "a launch on the legacy stream beside a capture spoils it", "[contract][capture]") {
  Stream blocking(CU_STREAM_DEFAULT);
  begin(blocking, CU_STREAM_CAPTURE_MODE_GLOBAL);
  add(1, blocking);
  CHECK(launch(add_function, 1, kCount, nullptr, memory.address, 2u, kCount) == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  CUgraph graph = nullptr;
  CHECK(cuStreamEndCapture(blocking, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

TEST_CASE_METHOD(Capture, "a graph never lacks a launch that was refused without a word", "[contract][capture]") {
  constexpr char kPtx[] =
      ".version 6.4\n.target sm_52\n.address_size 64\n"
      ".visible .entry of_64_threads() .reqntid 64, 1, 1 { ret; }\n";
  Module wanting(kPtx);
  const CUfunction of_64_threads = wanting.function("of_64_threads");
  begin(stream);
  add(1, stream);
  const CUresult launched = cuLaunchKernel(of_64_threads, 1, 1, 1, 32, 1, 1, 0, stream, nullptr, nullptr);
  CUgraph graph = nullptr;
  const CUresult ended = cuStreamEndCapture(stream, &graph);
  CHECK((launched != CUDA_SUCCESS || ended == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED));
  CHECK((graph == nullptr) == (ended != CUDA_SUCCESS));
  if (graph != nullptr) cuGraphDestroy(graph);
  CHECK_CUDA(cuStreamSynchronize(stream));
  begin(stream);
  add(5, stream);
  Graph next(end(stream));
  CHECK(run(next) == 5);
}

TEST_CASE_METHOD(Capture, "a long chain of launches is captured in order", "[contract][capture]") {
  constexpr unsigned kLaunches = 3000;
  begin(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
  for (unsigned i = 0; i < kLaunches; ++i) add(i, stream);
  Graph graph(end(stream));
  CHECK(nodes_of(graph) == kLaunches);
  CHECK(edges_of(graph) == kLaunches - 1);
  CHECK(run(graph) == kLaunches * (kLaunches - 1) / 2);
}
