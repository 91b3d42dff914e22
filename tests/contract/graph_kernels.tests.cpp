// SPDX-License-Identifier: Apache-2.0
// Kernel nodes that are added one by one, many of them, and those that are refused. CUDA driver API: Graph Management.
#include <algorithm>
#include <vector>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

class KernelNodes : public Gpu {
 public:
  KernelNodes() : module(kBasicPtx), memory(4) {
    REQUIRE_CUDA(cuMemsetD32(memory, 0, 1));
    REQUIRE_CUDA(cuCtxSynchronize());
  }

  // A kernel that adds `term` to the word.
  CUresult add(CUgraphNode* node, CUgraph to, const std::vector<CUgraphNode>& after, unsigned term = 1,
               unsigned threads = 1) const {
    CUdeviceptr address = memory;
    unsigned count = 1;
    void* arguments[] = {&address, &term, &count};
    CUDA_KERNEL_NODE_PARAMS params = {};
    params.func = module.function("add");
    params.gridDimX = params.gridDimY = params.gridDimZ = 1;
    params.blockDimX = threads;
    params.blockDimY = params.blockDimZ = 1;
    params.kernelParams = arguments;
    return cuGraphAddKernelNode(node, to, after.data(), after.size(), &params);
  }
  unsigned value_after_run(CUgraph of) const {
    GraphExec exec(of);
    REQUIRE_CUDA(cuGraphLaunch(exec, stream));
    stream.synchronize();
    return read_words(memory, 1)[0];
  }

  Module module;
  DeviceBuffer memory;
  Graph graph, other;
  Stream stream;
};

}  // namespace

TEST_CASE_METHOD(KernelNodes, "a chain of 300 kernel nodes runs each of them once", "[contract][graph]") {
  std::vector<CUgraphNode> chain;
  for (unsigned i = 0; i < 300; ++i) {
    CUgraphNode node = nullptr;
    REQUIRE_CUDA(
        add(&node, graph, chain.empty() ? std::vector<CUgraphNode>() : std::vector<CUgraphNode>{chain.back()}, i));
    chain.push_back(node);
  }
  size_t count = 0, edges = 0;
  CHECK_CUDA(cuGraphGetNodes(graph, nullptr, &count));
  CHECK_CUDA(cuGraphGetEdges(graph, nullptr, nullptr, nullptr, &edges));
  CHECK(count == 300);
  CHECK(edges == 299);
  std::vector<CUgraphNode> listed(count);
  CHECK_CUDA(cuGraphGetNodes(graph, listed.data(), &count));
  std::sort(listed.begin(), listed.end());
  std::sort(chain.begin(), chain.end());
  CHECK((listed == chain));
  CHECK(value_after_run(graph) == 299 * 300 / 2);
}

TEST_CASE_METHOD(KernelNodes, "kernel nodes come and go among others", "[contract][graph]") {
  CUgraphNode previous = nullptr;
  REQUIRE_CUDA(cuGraphAddEmptyNode(&previous, graph, nullptr, 0));
  for (unsigned i = 0; i < 100; ++i) {
    CUgraphNode kept = nullptr, dropped = nullptr, empty = nullptr;
    REQUIRE_CUDA(add(&dropped, graph, {previous}, 1000));
    REQUIRE_CUDA(add(&kept, graph, {previous}));
    REQUIRE_CUDA(cuGraphDestroyNode(dropped));
    REQUIRE_CUDA(cuGraphAddEmptyNode(&empty, graph, &kept, 1));
    REQUIRE_CUDA(add(&previous, graph, {empty, kept}));
  }
  CHECK(value_after_run(graph) == 200);
}

TEST_CASE_METHOD(KernelNodes, "a kernel node cannot follow a node of another graph", "[contract][graph]") {
  CUgraphNode foreign = nullptr, own = nullptr, node = nullptr;
  REQUIRE_CUDA(add(&foreign, other, {}));
  REQUIRE_CUDA(add(&own, graph, {}));
  CHECK(add(&node, graph, {foreign}) == CUDA_ERROR_INVALID_VALUE);
  CHECK(add(&node, graph, {own, foreign}) == CUDA_ERROR_INVALID_VALUE);
  CHECK_CUDA(add(&node, graph, {own}));
  CHECK(value_after_run(graph) == 2);
}

TEST_CASE_METHOD(KernelNodes, "a kernel node follows another one once only", "[contract][graph]") {
  CUgraphNode first = nullptr, node = nullptr;
  REQUIRE_CUDA(add(&first, graph, {}));
  CHECK(add(&node, graph, {first, first}) == CUDA_ERROR_INVALID_VALUE);
  CHECK_CUDA(add(&node, graph, {first}));
  CHECK(value_after_run(graph) == 2);
}

TEST_CASE_METHOD(KernelNodes, "a kernel that no device could run is refused with its graph", "[contract][graph]") {
  CUgraphNode node = nullptr;
  const CUresult added = add(&node, graph, {}, 1, 1 << 20);
  CUgraphExec exec = nullptr;
  const CUresult made = added == CUDA_SUCCESS ? cuGraphInstantiate(&exec, graph, 0) : added;
  CHECK(made != CUDA_SUCCESS);
}
