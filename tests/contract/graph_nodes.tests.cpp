// SPDX-License-Identifier: Apache-2.0
// Nodes one kind at a time: parameters set and updated, memory nodes, conditions of ownership. CUDA driver API: Graph
// management.
#include <alloca.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"
#include "tests/contract/pages.h"

namespace {

constexpr unsigned kWords = 64;

class OneNode : public Gpu {
 public:
  OneNode() : memory(kWords * 4) {
    REQUIRE_CUDA(cuMemsetD32(memory, 0, kWords));
    REQUIRE_CUDA(cuCtxSynchronize());
  }

  CUDA_MEMSET_NODE_PARAMS set_params(CUdeviceptr where, unsigned value) const {
    CUDA_MEMSET_NODE_PARAMS params = {};
    params.dst = where;
    params.elementSize = 4;
    params.value = value;
    params.width = kWords;
    params.height = 1;
    return params;
  }
  CUDA_MEMCPY3D copy_params(CUdeviceptr from, void* to) const {
    CUDA_MEMCPY3D params = {};
    params.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    params.srcDevice = from;
    params.dstMemoryType = CU_MEMORYTYPE_HOST;
    params.dstHost = to;
    params.WidthInBytes = params.srcPitch = params.dstPitch = kWords * 4;
    params.Height = params.Depth = params.srcHeight = params.dstHeight = 1;
    return params;
  }
  void run(CUgraphExec exec) const {
    REQUIRE_CUDA(cuGraphLaunch(exec, stream));
    stream.synchronize();
  }

  DeviceBuffer memory;
  Stream stream;
};

}  // namespace

TEST_CASE_METHOD(OneNode, "parameters of a set node are read back and replaced", "[contract][graph-nodes]") {
  Graph graph;
  CUgraphNode node = nullptr;
  auto params = set_params(memory, 5);
  REQUIRE_CUDA(cuGraphAddMemsetNode(&node, graph, nullptr, 0, &params, context));
  CUDA_MEMSET_NODE_PARAMS found = {};
  CHECK_CUDA(cuGraphMemsetNodeGetParams(node, &found));
  CHECK(found.dst == memory);
  CHECK(found.value == 5);
  CHECK(found.width == kWords);
  params.value = 6;
  CHECK_CUDA(cuGraphMemsetNodeSetParams(node, &params));
  GraphExec exec(graph);
  run(exec);
  CHECK(read_words(memory, kWords) == repeated(kWords, 6));
  params.value = 7;
  REQUIRE_CUDA(cuGraphExecMemsetNodeSetParams(exec, node, &params, context));
  run(exec);
  CHECK(read_words(memory, kWords) == repeated(kWords, 7));
}

TEST_CASE_METHOD(OneNode, "a copy node takes another destination", "[contract][graph-nodes]") {
  Graph graph;
  HostBuffer first(kWords * 4), second(kWords * 4);
  std::memset(first.data, 0, first.size);
  std::memset(second.data, 0, second.size);
  REQUIRE_CUDA(cuMemsetD32(memory, 9, kWords));
  REQUIRE_CUDA(cuCtxSynchronize());
  CUgraphNode node = nullptr;
  auto params = copy_params(memory, first.data);
  REQUIRE_CUDA(cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &params, context));
  GraphExec exec(graph);
  params = copy_params(memory, second.data);
  REQUIRE_CUDA(cuGraphExecMemcpyNodeSetParams(exec, node, &params, context));
  run(exec);
  CHECK(first.as<unsigned>()[0] == 0);
  CHECK(second.as<unsigned>()[kWords - 1] == 9);
}

// Pages of the caller's stack that become known to the device hold the frames of the calls that make them so. A thread
// per distance, so that the pages are new each time.
TEST_CASE_METHOD(OneNode, "a copy node's destination may be a variable on the stack", "[contract][graph-nodes]") {
  REQUIRE_CUDA(cuMemsetD32(memory, 7, kWords));
  REQUIRE_CUDA(cuCtxSynchronize());
  const auto copy_to_stack = [&](size_t distance, unsigned* out) -> CUresult {
    unsigned words[kWords] = {};
    auto* const space = static_cast<volatile char*>(alloca(distance + 1));
    space[distance] = 1;
    CUgraph graph = nullptr;
    CUgraphNode node = nullptr;
    CUgraphExec exec = nullptr;
    const CUDA_MEMCPY3D params = copy_params(memory, words);
    CUresult result = cuCtxSetCurrent(context);
    if (result == CUDA_SUCCESS) result = cuGraphCreate(&graph, 0);
    if (result == CUDA_SUCCESS) result = cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &params, context);
    if (result == CUDA_SUCCESS) result = cuGraphInstantiate(&exec, graph, 0);
    if (result == CUDA_SUCCESS) result = cuGraphLaunch(exec, stream);
    if (result == CUDA_SUCCESS) result = cuStreamSynchronize(stream);
    if (exec != nullptr) cuGraphExecDestroy(exec);
    if (graph != nullptr) cuGraphDestroy(graph);
    *out = words[kWords - 1];
    return result;
  };
  for (size_t distance = 0; distance < 4096; distance += 256) {
    CAPTURE(distance);
    unsigned word = 0;
    CUresult result = CUDA_ERROR_UNKNOWN;
    std::thread([&] { result = copy_to_stack(distance, &word); }).join();
    CHECK(result == CUDA_SUCCESS);
    CHECK(word == 7);
  }
}

TEST_CASE_METHOD(OneNode, "a host node takes another function", "[contract][graph-nodes]") {
  Graph graph;
  int value = 0;
  CUDA_HOST_NODE_PARAMS params = {};
  params.fn = [](void* data) { *static_cast<int*>(data) += 1; };
  params.userData = &value;
  CUgraphNode node = nullptr;
  REQUIRE_CUDA(cuGraphAddHostNode(&node, graph, nullptr, 0, &params));
  GraphExec exec(graph);
  run(exec);
  CHECK(value == 1);
  params.fn = [](void* data) { *static_cast<int*>(data) += 100; };
  REQUIRE_CUDA(cuGraphExecHostNodeSetParams(exec, node, &params));
  run(exec);
  CHECK(value == 101);
}

TEST_CASE_METHOD(OneNode, "an event node waits for an event of a stream", "[contract][graph-nodes]") {
  Graph graph;
  Stream other;
  Event event(CU_EVENT_DISABLE_TIMING);
  CUgraphNode wait = nullptr, set = nullptr;
  REQUIRE_CUDA(cuGraphAddEventWaitNode(&wait, graph, nullptr, 0, event));
  const auto params = set_params(memory, 3);
  REQUIRE_CUDA(cuGraphAddMemsetNode(&set, graph, &wait, 1, &params, context));
  GraphExec exec(graph);
  REQUIRE_CUDA(cuGraphUpload(exec, stream));
  stream.synchronize();
  Gate gate(other);
  REQUIRE_CUDA(cuEventRecord(event, other));
  REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  gate.open();
  stream.synchronize();
  CHECK(read_words(memory, kWords) == repeated(kWords, 3));
  CUevent found = nullptr;
  CHECK_CUDA(cuGraphEventWaitNodeGetEvent(wait, &found));
  CHECK(found == event.handle);
}

TEST_CASE_METHOD(OneNode, "cuGraphAddNode adds a node of any kind", "[contract][graph-nodes]") {
  Graph graph;
  Module module(kBasicPtx);
  CUdeviceptr address = memory;
  unsigned term = 8, count = kWords;
  void* arguments[] = {&address, &term, &count};
  CUgraphNodeParams params = {};
  params.type = CU_GRAPH_NODE_TYPE_KERNEL;
  params.kernel.func = module.function("add");
  params.kernel.gridDimX = params.kernel.gridDimY = params.kernel.gridDimZ = 1;
  params.kernel.blockDimX = kWords;
  params.kernel.blockDimY = params.kernel.blockDimZ = 1;
  params.kernel.kernelParams = arguments;
  CUgraphNode node = nullptr;
  REQUIRE_CUDA(cuGraphAddNode(&node, graph, nullptr, nullptr, 0, &params));
  GraphExec exec(graph);
  run(exec);
  CHECK(read_words(memory, kWords) == repeated(kWords, 8));
  term = 20;
  REQUIRE_CUDA(cuGraphExecNodeSetParams(exec, node, &params));
  run(exec);
  CHECK(read_words(memory, kWords) == repeated(kWords, 28));
}

TEST_CASE_METHOD(OneNode, "a graph allocates memory for itself and frees it", "[contract][graph-nodes]") {
  if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)) SKIP("no memory pools");
  Graph graph;
  HostBuffer host(kWords * 4);
  CUDA_MEM_ALLOC_NODE_PARAMS allocation = {};
  allocation.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  allocation.poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  allocation.poolProps.location.id = device;
  allocation.bytesize = kWords * 4;
  CUgraphNode allocate = nullptr, set = nullptr, copy = nullptr, release = nullptr;
  REQUIRE_CUDA(cuGraphAddMemAllocNode(&allocate, graph, nullptr, 0, &allocation));
  REQUIRE(allocation.dptr != 0);
  const auto set_node = set_params(allocation.dptr, 77);
  const auto copy_node = copy_params(allocation.dptr, host.data);
  REQUIRE_CUDA(cuGraphAddMemsetNode(&set, graph, &allocate, 1, &set_node, context));
  REQUIRE_CUDA(cuGraphAddMemcpyNode(&copy, graph, &set, 1, &copy_node, context));
  REQUIRE_CUDA(cuGraphAddMemFreeNode(&release, graph, &copy, 1, allocation.dptr));
  GraphExec exec(graph);
  for (int i = 0; i < 3; ++i) {
    std::memset(host.data, 0, host.size);
    run(exec);
    CHECK(host.as<unsigned>()[kWords - 1] == 77);
  }
  CHECK_CUDA(cuDeviceGraphMemTrim(device));
}

TEST_CASE_METHOD(OneNode, "memory that a graph has freed stays with it until it is trimmed",
                 "[contract][graph-nodes]") {
  if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)) SKIP("no memory pools");
  const auto used = [&] {
    cuuint64_t bytes = 0;
    REQUIRE_CUDA(cuDeviceGetGraphMemAttribute(device, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, &bytes));
    return bytes;
  };
  REQUIRE_CUDA(cuDeviceGraphMemTrim(device));
  const cuuint64_t before = used();
  CUDA_MEM_ALLOC_NODE_PARAMS allocation = {};
  allocation.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  allocation.poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  allocation.poolProps.location.id = device;
  allocation.bytesize = size_t{64} << 20;
  Graph graph;
  CUgraphNode allocate = nullptr, release = nullptr;
  REQUIRE_CUDA(cuGraphAddMemAllocNode(&allocate, graph, nullptr, 0, &allocation));
  REQUIRE_CUDA(cuGraphAddMemFreeNode(&release, graph, &allocate, 1, allocation.dptr));
  GraphExec exec(graph);
  CHECK(used() == before);
  run(exec);
  CHECK(used() >= before + allocation.bytesize);
  REQUIRE_CUDA(cuDeviceGraphMemTrim(device));
  CHECK(used() == before);
}

TEST_CASE_METHOD(OneNode, "a graph is not launched again before the memory that it allocates was freed",
                 "[contract][graph-nodes]") {
  if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)) SKIP("no memory pools");
  CUDA_MEM_ALLOC_NODE_PARAMS allocation = {};
  allocation.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  allocation.poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  allocation.poolProps.location.id = device;
  allocation.bytesize = kWords * 4;
  Graph graph;
  CUgraphNode allocate = nullptr;
  REQUIRE_CUDA(cuGraphAddMemAllocNode(&allocate, graph, nullptr, 0, &allocation));
  GraphExec exec(graph);
  for (int round = 0; round < 3; ++round) {
    CHECK_CUDA(cuGraphLaunch(exec, stream));
    CHECK(cuGraphLaunch(exec, stream) == CUDA_ERROR_INVALID_VALUE);
    CHECK_CUDA(cuMemFreeAsync(allocation.dptr, stream));
  }
  CHECK_CUDA(cuStreamSynchronize(stream));
}

TEST_CASE_METHOD(OneNode, "an allocation in a captured stream becomes part of the graph", "[contract][graph-nodes]") {
  if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)) SKIP("no memory pools");
  HostBuffer host(kWords * 4);
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  REQUIRE_CUDA(cuMemAllocAsync(&address, kWords * 4, stream));
  REQUIRE_CUDA(cuMemsetD32Async(address, 66, kWords, stream));
  REQUIRE_CUDA(cuMemcpyDtoHAsync(host.data, address, kWords * 4, stream));
  REQUIRE_CUDA(cuMemFreeAsync(address, stream));
  CUgraph captured = nullptr;
  REQUIRE_CUDA(cuStreamEndCapture(stream, &captured));
  Graph graph(captured);
  GraphExec exec(graph);
  std::memset(host.data, 0, host.size);
  run(exec);
  CHECK(host.as<unsigned>()[0] == 66);
}

TEST_CASE_METHOD(OneNode, "a user object lives as long as a graph holds it", "[contract][graph-nodes]") {
  std::atomic<int> destroyed{0};
  CUuserObject object = nullptr;
  REQUIRE_CUDA(cuUserObjectCreate(
      &object, &destroyed, [](void* data) { ++*static_cast<std::atomic<int>*>(data); }, 1,
      CU_USER_OBJECT_NO_DESTRUCTOR_SYNC));
  {
    Graph graph;
    REQUIRE_CUDA(cuGraphRetainUserObject(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE));
    CHECK(destroyed == 0);
  }
  // The destructor may run on another thread, some time later.
  for (int i = 0; i < 1000 && destroyed == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(destroyed == 1);
}

TEST_CASE_METHOD(OneNode, "a graph is printed for the eyes of people", "[contract][graph-nodes]") {
  Graph graph;
  CUgraphNode node = nullptr;
  REQUIRE_CUDA(cuGraphAddEmptyNode(&node, graph, nullptr, 0));
  char path[] = "/tmp/vgpu-contract-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  close(fd);
  const CUresult result = cuGraphDebugDotPrint(graph, path, 0);
  std::string text;
  if (std::FILE* file = std::fopen(path, "r")) {
    char buffer[256];
    while (std::fgets(buffer, sizeof buffer, file)) text += buffer;
    std::fclose(file);
  }
  unlink(path);
  CHECK(result == CUDA_SUCCESS);
  CHECK(text.find("digraph") != std::string::npos);
}

// A program gives memory back without a word to the driver, and gets other memory at the same address.
TEST_CASE_METHOD(OneNode, "memory that a graph copied to is ordinary memory when it is mapped anew",
                 "[contract][graph-nodes]") {
  constexpr size_t kPage = 4096;
  void* const place = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(place != MAP_FAILED);
  auto* const words = static_cast<volatile unsigned*>(place);
  const auto copy_by_graph = [&] {
    Graph graph;
    CUgraphNode node = nullptr;
    const auto params = copy_params(memory, place);
    REQUIRE_CUDA(cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &params, context));
    GraphExec exec(graph);
    run(exec);
  };
  for (unsigned round = 1; round < 4; ++round) {
    REQUIRE_CUDA(cuMemsetD32(memory, round, kWords));
    REQUIRE_CUDA(cuCtxSynchronize());
    copy_by_graph();
    CHECK(words[0] == round);
    REQUIRE(::munmap(place, kPage) == 0);
    REQUIRE(::mmap(place, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == place);
    REQUIRE_CUDA(cuMemcpyDtoH(place, memory, kWords * 4));
    CHECK(words[kWords - 1] == round);
    words[0] = 100 + round;
    REQUIRE_CUDA(cuMemcpyHtoD(memory, place, 4));
    CHECK(read_words(memory, 1)[0] == 100 + round);
    REQUIRE_CUDA(cuMemHostRegister(place, kPage, 0));
    REQUIRE_CUDA(cuMemHostUnregister(place));
  }
  CHECK(::munmap(place, kPage) == 0);
}

// What an allocator gives to two buffers, one after the other.
TEST_CASE_METHOD(OneNode, "the memory of two copy nodes may meet on one page", "[contract][graph-nodes]") {
  Pages pages(4);
  const size_t near = 4096 + 512;  // each buffer ends on the page on which the next one begins
  const bool downwards = GENERATE(false, true);
  std::vector<CUDA_MEMCPY3D> copies;
  DeviceBuffer large(3 * near);
  for (size_t i = 0; i < 3; ++i) {
    CUDA_MEMCPY3D copy = copy_params(large + i * near, pages.data + i * near);
    copy.WidthInBytes = copy.srcPitch = copy.dstPitch = near;
    copies.push_back(copy);
  }
  if (downwards) std::reverse(copies.begin(), copies.end());
  Graph graph;
  for (const CUDA_MEMCPY3D& copy : copies) {
    CUgraphNode node = nullptr;
    REQUIRE_CUDA(cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &copy, context));
  }
  GraphExec exec(graph);
  for (const uint8_t value : {uint8_t{5}, uint8_t{6}}) {
    REQUIRE_CUDA(cuMemsetD8(large, value, 3 * near));
    REQUIRE_CUDA(cuCtxSynchronize());
    run(exec);
    CHECK(std::count(pages.data, pages.data + 3 * near, value) == static_cast<std::ptrdiff_t>(3 * near));
    CHECK(pages.data[3 * near] == 0);
  }
}
