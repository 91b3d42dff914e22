// SPDX-License-Identifier: Apache-2.0
// Graphs built node by node: structure, instantiation, launch, update, clone. CUDA driver API: Graph management.
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

constexpr unsigned kCount = 256;

// A module, a word array and nodes that work on it.
class Nodes : public Gpu {
 public:
  Nodes() : module(kBasicPtx), memory(kCount * 4) {
    REQUIRE_CUDA(cuMemsetD32(memory, 0, kCount));
    REQUIRE_CUDA(cuCtxSynchronize());
  }

  CUDA_KERNEL_NODE_PARAMS kernel_params(const char* function, void** arguments) const {
    CUDA_KERNEL_NODE_PARAMS params = {};
    params.func = module.function(function);
    params.gridDimX = 2;
    params.blockDimX = 128;
    params.gridDimY = params.gridDimZ = params.blockDimY = params.blockDimZ = 1;
    params.kernelParams = arguments;
    return params;
  }
  CUgraphNode add_kernel(CUgraph graph, std::vector<CUgraphNode> after, unsigned term) const {
    CUdeviceptr address = memory;
    unsigned count = kCount;
    void* arguments[] = {&address, &term, &count};
    const CUDA_KERNEL_NODE_PARAMS params = kernel_params("add", arguments);
    CUgraphNode node = nullptr;
    REQUIRE_CUDA(cuGraphAddKernelNode(&node, graph, after.data(), after.size(), &params));
    return node;
  }
  CUgraphNode add_set(CUgraph graph, std::vector<CUgraphNode> after, unsigned value) const {
    CUDA_MEMSET_NODE_PARAMS params = {};
    params.dst = memory;
    params.elementSize = 4;
    params.value = value;
    params.width = kCount;
    params.height = 1;
    CUgraphNode node = nullptr;
    REQUIRE_CUDA(cuGraphAddMemsetNode(&node, graph, after.data(), after.size(), &params, context));
    return node;
  }
  CUgraphNode add_copy_out(CUgraph graph, std::vector<CUgraphNode> after, void* host) const {
    CUDA_MEMCPY3D params = {};
    params.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    params.srcDevice = memory;
    params.dstMemoryType = CU_MEMORYTYPE_HOST;
    params.dstHost = host;
    params.WidthInBytes = params.srcPitch = params.dstPitch = kCount * 4;
    params.Height = params.Depth = params.srcHeight = params.dstHeight = 1;
    CUgraphNode node = nullptr;
    REQUIRE_CUDA(cuGraphAddMemcpyNode(&node, graph, after.data(), after.size(), &params, context));
    return node;
  }
  static CUgraphNode add_empty(CUgraph graph, std::vector<CUgraphNode> after) {
    CUgraphNode node = nullptr;
    REQUIRE_CUDA(cuGraphAddEmptyNode(&node, graph, after.data(), after.size()));
    return node;
  }
  void run(CUgraphExec exec) const {
    REQUIRE_CUDA(cuGraphLaunch(exec, stream));
    stream.synchronize();
  }
  unsigned first_and_last() const {
    const auto words = read_words(memory, kCount);
    CHECK(words.front() == words.back());
    return words.front();
  }

  Module module;
  DeviceBuffer memory;
  Stream stream;
};

size_t node_count(CUgraph graph) {
  size_t count = 99;
  REQUIRE_CUDA(cuGraphGetNodes(graph, nullptr, &count));
  return count;
}

}  // namespace

TEST_CASE_METHOD(Nodes, "an empty graph can be launched", "[contract][graph]") {
  Graph graph;
  CHECK(node_count(graph) == 0);
  GraphExec exec(graph);
  CHECK_CUDA(cuGraphLaunch(exec, stream));
  CHECK_CUDA(cuStreamSynchronize(stream));
}

TEST_CASE_METHOD(Nodes, "a graph of set, kernel and copy runs in the order of its edges", "[contract][graph]") {
  Graph graph;
  HostBuffer host(kCount * 4);
  const CUgraphNode set = add_set(graph, {}, 100);
  const CUgraphNode kernel = add_kernel(graph, {set}, 11);
  add_copy_out(graph, {kernel}, host.data);
  GraphExec exec(graph);
  run(exec);
  CHECK(host.as<unsigned>()[0] == 111);
  CHECK(host.as<unsigned>()[kCount - 1] == 111);
}

TEST_CASE_METHOD(Nodes, "a graph can be launched many times", "[contract][graph]") {
  Graph graph;
  add_kernel(graph, {}, 3);
  GraphExec exec(graph);
  for (int i = 0; i < 50; ++i) REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  stream.synchronize();
  CHECK(first_and_last() == 150);
}

TEST_CASE_METHOD(Nodes, "adding nodes runs nothing", "[contract][graph]") {
  Graph graph;
  add_kernel(graph, {}, 3);
  GraphExec exec(graph);
  REQUIRE_CUDA(cuCtxSynchronize());
  CHECK(first_and_last() == 0);
}

TEST_CASE_METHOD(Nodes, "kernel arguments are copied when the node is added", "[contract][graph]") {
  Graph graph;
  CUdeviceptr address = memory;
  unsigned term = 5, count = kCount;
  void* arguments[] = {&address, &term, &count};
  const CUDA_KERNEL_NODE_PARAMS params = kernel_params("add", arguments);
  CUgraphNode node = nullptr;
  REQUIRE_CUDA(cuGraphAddKernelNode(&node, graph, nullptr, 0, &params));
  term = 1000;
  GraphExec exec(graph);
  run(exec);
  CHECK(first_and_last() == 5);
}

TEST_CASE_METHOD(Nodes, "a node knows its type", "[contract][graph]") {
  Graph graph;
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_GRAPH;
  CHECK_CUDA(cuGraphNodeGetType(add_empty(graph, {}), &type));
  CHECK(type == CU_GRAPH_NODE_TYPE_EMPTY);
  CHECK_CUDA(cuGraphNodeGetType(add_kernel(graph, {}, 1), &type));
  CHECK(type == CU_GRAPH_NODE_TYPE_KERNEL);
  CHECK_CUDA(cuGraphNodeGetType(add_set(graph, {}, 1), &type));
  CHECK(type == CU_GRAPH_NODE_TYPE_MEMSET);
  HostBuffer host(kCount * 4);
  CHECK_CUDA(cuGraphNodeGetType(add_copy_out(graph, {}, host.data), &type));
  CHECK(type == CU_GRAPH_NODE_TYPE_MEMCPY);
}

TEST_CASE_METHOD(Nodes, "nodes, roots and edges can be listed", "[contract][graph]") {
  Graph graph;
  const CUgraphNode a = add_empty(graph, {}), b = add_empty(graph, {a}), c = add_empty(graph, {a}),
                    d = add_empty(graph, {b, c});
  CHECK(node_count(graph) == 4);
  size_t count = 4;
  CUgraphNode roots[4] = {};
  REQUIRE_CUDA(cuGraphGetRootNodes(graph, roots, &count));
  CHECK(count == 1);
  CHECK(roots[0] == a);
  size_t edges = 0;
  REQUIRE_CUDA(cuGraphGetEdges(graph, nullptr, nullptr, nullptr, &edges));
  CHECK(edges == 4);
  CUgraphNode found[2] = {};
  count = 2;
  REQUIRE_CUDA(cuGraphNodeGetDependencies(d, found, nullptr, &count));
  CHECK(count == 2);
  CHECK(((found[0] == b && found[1] == c) || (found[0] == c && found[1] == b)));
  count = 2;
  REQUIRE_CUDA(cuGraphNodeGetDependentNodes(a, found, nullptr, &count));
  CHECK(count == 2);
}

TEST_CASE_METHOD(Nodes, "dependencies can be added and removed", "[contract][graph]") {
  Graph graph;
  CUgraphNode a = add_empty(graph, {}), b = add_empty(graph, {});
  size_t count = 0;
  REQUIRE_CUDA(cuGraphAddDependencies(graph, &a, &b, nullptr, 1));
  REQUIRE_CUDA(cuGraphNodeGetDependencies(b, nullptr, nullptr, &count));
  CHECK(count == 1);
  REQUIRE_CUDA(cuGraphRemoveDependencies(graph, &a, &b, nullptr, 1));
  REQUIRE_CUDA(cuGraphNodeGetDependencies(b, nullptr, nullptr, &count));
  CHECK(count == 0);
}

TEST_CASE_METHOD(Nodes, "a cycle cannot be instantiated", "[contract][graph]") {
  Graph graph;
  CUgraphNode a = add_empty(graph, {}), b = add_empty(graph, {a});
  const CUresult closed = cuGraphAddDependencies(graph, &b, &a, nullptr, 1);
  CUgraphExec exec = nullptr;
  CHECK((closed != CUDA_SUCCESS || cuGraphInstantiate(&exec, graph, 0) != CUDA_SUCCESS));
}

TEST_CASE_METHOD(Nodes, "a destroyed node leaves the graph", "[contract][graph]") {
  Graph graph;
  const CUgraphNode first = add_kernel(graph, {}, 1);
  const CUgraphNode second = add_kernel(graph, {first}, 10);
  add_kernel(graph, {second}, 100);
  REQUIRE_CUDA(cuGraphDestroyNode(first));
  CHECK(node_count(graph) == 2);
  GraphExec exec(graph);
  run(exec);
  CHECK(first_and_last() == 110);
}

TEST_CASE_METHOD(Nodes, "an executable graph outlives its graph", "[contract][graph]") {
  CUgraphExec exec = nullptr;
  {
    Graph graph;
    add_kernel(graph, {}, 9);
    REQUIRE_CUDA(cuGraphInstantiate(&exec, graph, 0));
  }
  run(exec);
  CHECK(first_and_last() == 9);
  CHECK_CUDA(cuGraphExecDestroy(exec));
}

TEST_CASE_METHOD(Nodes, "a clone is a graph of its own", "[contract][graph]") {
  Graph graph;
  const CUgraphNode original = add_kernel(graph, {}, 2);
  CUgraph copy = nullptr;
  REQUIRE_CUDA(cuGraphClone(&copy, graph));
  Graph clone(copy);
  CUgraphNode in_clone = nullptr;
  REQUIRE_CUDA(cuGraphNodeFindInClone(&in_clone, original, clone));
  CHECK(in_clone != original);
  add_kernel(graph, {original}, 1000);
  CHECK(node_count(clone) == 1);
  GraphExec exec(clone);
  run(exec);
  CHECK(first_and_last() == 2);
}

TEST_CASE_METHOD(Nodes, "a child graph runs as one node", "[contract][graph]") {
  Graph child, graph;
  add_kernel(child, {add_kernel(child, {}, 1)}, 2);
  const CUgraphNode set = add_set(graph, {}, 10);
  CUgraphNode node = nullptr;
  REQUIRE_CUDA(cuGraphAddChildGraphNode(&node, graph, &set, 1, child));
  add_kernel(graph, {node}, 100);
  CUgraph embedded = nullptr;
  CHECK_CUDA(cuGraphChildGraphNodeGetGraph(node, &embedded));
  CHECK(node_count(embedded) == 2);
  GraphExec exec(graph);
  run(exec);
  CHECK(first_and_last() == 113);
}

TEST_CASE_METHOD(Nodes, "host and event nodes take part in the order", "[contract][graph]") {
  Graph graph;
  Event event;
  HostBuffer host(kCount * 4);
  struct Look {
    const unsigned* word;
    unsigned seen;
  } look{host.as<unsigned>(), 0};
  const CUgraphNode kernel = add_kernel(graph, {}, 6);
  const CUgraphNode copy = add_copy_out(graph, {kernel}, host.data);
  CUDA_HOST_NODE_PARAMS params = {};
  params.fn = [](void* data) { static_cast<Look*>(data)->seen = *static_cast<Look*>(data)->word; };
  params.userData = &look;
  CUgraphNode node = nullptr, record = nullptr;
  REQUIRE_CUDA(cuGraphAddHostNode(&node, graph, &copy, 1, &params));
  REQUIRE_CUDA(cuGraphAddEventRecordNode(&record, graph, &node, 1, event));
  GraphExec exec(graph);
  REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  REQUIRE_CUDA(cuEventSynchronize(event));
  CHECK(look.seen == 6);
  stream.synchronize();
}

TEST_CASE_METHOD(Nodes, "kernel node parameters can be read back", "[contract][graph]") {
  Graph graph;
  const CUgraphNode node = add_kernel(graph, {}, 42);
  CUDA_KERNEL_NODE_PARAMS params = {};
  REQUIRE_CUDA(cuGraphKernelNodeGetParams(node, &params));
  CHECK(params.func == module.function("add"));
  CHECK(params.gridDimX == 2);
  CHECK(params.blockDimX == 128);
  REQUIRE(params.kernelParams != nullptr);
  CHECK(*static_cast<unsigned*>(params.kernelParams[1]) == 42);
}

TEST_CASE_METHOD(Nodes, "an executable graph takes new arguments for a kernel", "[contract][graph]") {
  Graph graph;
  const CUgraphNode node = add_kernel(graph, {}, 1);
  GraphExec exec(graph);
  CUdeviceptr address = memory;
  unsigned term = 70, count = kCount;
  void* arguments[] = {&address, &term, &count};
  const CUDA_KERNEL_NODE_PARAMS params = kernel_params("add", arguments);
  REQUIRE_CUDA(cuGraphExecKernelNodeSetParams(exec, node, &params));
  run(exec);
  CHECK(first_and_last() == 70);
  GraphExec fresh(graph);
  run(fresh);
  CHECK(first_and_last() == 71);
}

TEST_CASE_METHOD(Nodes, "an executable graph is updated from a graph of the same shape", "[contract][graph]") {
  Graph graph, other;
  add_kernel(graph, {add_set(graph, {}, 1)}, 2);
  add_kernel(other, {add_set(other, {}, 30)}, 4);
  GraphExec exec(graph);
  CUgraphExecUpdateResultInfo info = {};
  REQUIRE_CUDA(cuGraphExecUpdate(exec, other, &info));
  CHECK(info.result == CU_GRAPH_EXEC_UPDATE_SUCCESS);
  run(exec);
  CHECK(first_and_last() == 34);
}

TEST_CASE_METHOD(Nodes, "an update from a graph of another shape is refused", "[contract][graph]") {
  Graph graph, other;
  add_kernel(graph, {}, 2);
  add_kernel(other, {add_kernel(other, {}, 3)}, 4);
  GraphExec exec(graph);
  CUgraphExecUpdateResultInfo info = {};
  CHECK(cuGraphExecUpdate(exec, other, &info) == CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  CHECK(info.result != CU_GRAPH_EXEC_UPDATE_SUCCESS);
}

TEST_CASE_METHOD(Nodes, "a node can be switched off and on", "[contract][graph]") {
  Graph graph;
  const CUgraphNode node = add_kernel(graph, {}, 1);
  add_kernel(graph, {node}, 10);
  GraphExec exec(graph);
  unsigned enabled = 9;
  REQUIRE_CUDA(cuGraphNodeSetEnabled(exec, node, 0));
  CHECK_CUDA(cuGraphNodeGetEnabled(exec, node, &enabled));
  CHECK(enabled == 0);
  run(exec);
  CHECK(first_and_last() == 10);
  REQUIRE_CUDA(cuGraphNodeSetEnabled(exec, node, 1));
  run(exec);
  CHECK(first_and_last() == 21);
}

TEST_CASE_METHOD(Nodes, "a graph launch keeps its place in the stream", "[contract][graph]") {
  Graph graph;
  add_kernel(graph, {}, 5);
  GraphExec exec(graph);
  REQUIRE_CUDA(cuMemsetD32Async(memory, 1, kCount, stream));
  REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  REQUIRE_CUDA(launch(module.function("add"), 2, 128, stream, memory.address, 100u, kCount));
  REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  stream.synchronize();
  CHECK(first_and_last() == 111);
}

TEST_CASE_METHOD(Nodes, "a graph can be uploaded before its launch", "[contract][graph]") {
  Graph graph;
  add_kernel(graph, {}, 5);
  GraphExec exec(graph);
  CHECK_CUDA(cuGraphUpload(exec, stream));
  run(exec);
  CHECK(first_and_last() == 5);
}

TEST_CASE_METHOD(Nodes, "a wide graph runs all its branches", "[contract][graph]") {
  Graph graph;
  DeviceBuffer words(64 * 4);
  const CUgraphNode root = add_empty(graph, {});
  std::vector<CUgraphNode> branches;
  for (unsigned i = 0; i < 64; ++i) {
    CUDA_MEMSET_NODE_PARAMS params = {};
    params.dst = words + i * 4;
    params.elementSize = 4;
    params.value = i + 1;
    params.width = params.height = 1;
    CUgraphNode node = nullptr;
    REQUIRE_CUDA(cuGraphAddMemsetNode(&node, graph, &root, 1, &params, context));
    branches.push_back(node);
  }
  add_empty(graph, branches);
  GraphExec exec(graph);
  run(exec);
  const auto result = read_words(words, 64);
  for (unsigned i = 0; i < 64; ++i) CHECK(result[i] == i + 1);
}

TEST_CASE_METHOD(Nodes, "graph calls refuse wrong arguments", "[contract][graph]") {
  Graph graph;
  CUgraphNode node = nullptr;
  CUgraph none = nullptr;
  CHECK(cuGraphCreate(nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGraphCreate(&none, 1) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGraphAddEmptyNode(nullptr, graph, nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGraphAddKernelNode(&node, graph, nullptr, 0, nullptr) == CUDA_ERROR_INVALID_VALUE);
  CHECK_REFUSED(cuGraphDestroy(nullptr));
  CHECK_REFUSED(cuGraphExecDestroy(nullptr));
  CHECK_REFUSED(cuGraphLaunch(nullptr, stream));
}
