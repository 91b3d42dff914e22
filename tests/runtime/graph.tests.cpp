// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "tests/runtime/graph.h"

using namespace runtime_test;

TEST_CASE("captured work runs when the graph is launched", "[runtime][graph]") {
  Stream stream;
  DeviceInts out(1);
  cudaGraph_t graph = nullptr;
  size_t nodes = 0;
  REQUIRE_OK(cudaMemset(out, 0, sizeof(int)));
  REQUIRE_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  launch_add(1, 1, stream, out, 5, 6);
  cudaStreamCaptureStatus status{};
  CHECK_OK(cudaStreamIsCapturing(stream, &status));
  CHECK(status == cudaStreamCaptureStatusActive);
  REQUIRE_OK(cudaStreamEndCapture(stream, &graph));
  CHECK(out.first() == 0);
  CHECK_OK(cudaGraphGetNodes(graph, nullptr, &nodes));
  CHECK(nodes == 1);
  run(graph);
  CHECK(out.first() == 11);
  CHECK_OK(cudaGraphDestroy(graph));
}

TEST_CASE("a kernel node keeps its parameters", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  int* pointer = out;
  int a = 2;
  int b = 3;
  void* arguments[] = {&pointer, &a, &b};
  cudaKernelNodeParams parameters{};
  parameters.func = const_cast<void*>(add_kernel());
  parameters.gridDim = {2, 1, 1};
  parameters.blockDim = {32, 1, 1};
  parameters.kernelParams = arguments;
  cudaGraphNode_t node = nullptr;
  REQUIRE_OK(cudaGraphAddKernelNode(&node, graph.graph, nullptr, 0, &parameters));
  b = 9;  // The node has its own copy.
  run(graph.graph);
  CHECK(out.first() == 5);
}

TEST_CASE("a kernel node shows its parameters", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  int* pointer = out;
  int a = 2;
  int b = 3;
  void* arguments[] = {&pointer, &a, &b};
  cudaKernelNodeParams parameters{const_cast<void*>(add_kernel()), {2, 1, 1}, {32, 1, 1}, 0, arguments, nullptr};
  cudaGraphNode_t node = nullptr;
  REQUIRE_OK(cudaGraphAddKernelNode(&node, graph.graph, nullptr, 0, &parameters));
  cudaKernelNodeParams shown{};
  REQUIRE_OK(cudaGraphKernelNodeGetParams(node, &shown));
  CHECK(shown.func == add_kernel());
  CHECK(shown.gridDim.x == 2);
  CHECK(shown.blockDim.x == 32);
}

TEST_CASE("copy, set and host nodes run", "[runtime][graph]") {
  Graph graph;
  DeviceInts memory(2);
  static int calls = 0;
  calls = 0;
  int out[2] = {};
  cudaGraphNode_t set = nullptr;
  cudaGraphNode_t copy = nullptr;
  cudaGraphNode_t host = nullptr;
  cudaMemsetParams fill{};
  fill.dst = static_cast<int*>(memory);
  fill.elementSize = 4;
  fill.value = 77;
  fill.width = 2;
  fill.height = 1;
  REQUIRE_OK(cudaGraphAddMemsetNode(&set, graph.graph, nullptr, 0, &fill));
  REQUIRE_OK(cudaGraphAddMemcpyNode1D(&copy, graph.graph, &set, 1, out, memory, sizeof out, cudaMemcpyDeviceToHost));
  cudaHostNodeParams function{[](void*) { ++calls; }, nullptr};
  REQUIRE_OK(cudaGraphAddHostNode(&host, graph.graph, &copy, 1, &function));
  run(graph.graph);
  CHECK(out[0] == 77);
  CHECK(out[1] == 77);
  CHECK(calls == 1);
  cudaMemcpy3DParms shown{};
  CHECK_OK(cudaGraphMemcpyNodeGetParams(copy, &shown));
  CHECK(shown.dstPtr.ptr == static_cast<void*>(out));
  CHECK(shown.kind == cudaMemcpyDeviceToHost);
}

TEST_CASE("a node of any kind is added by its type", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  int* pointer = out;
  int a = 20;
  int b = 3;
  void* arguments[] = {&pointer, &a, &b};
  cudaGraphNodeParams parameters{};
  parameters.type = cudaGraphNodeTypeKernel;
  parameters.kernel.func = const_cast<void*>(add_kernel());
  parameters.kernel.gridDim = {1, 1, 1};
  parameters.kernel.blockDim = {1, 1, 1};
  parameters.kernel.kernelParams = arguments;
  cudaGraphNode_t node = nullptr;
  REQUIRE_OK(cudaGraphAddNode(&node, graph.graph, nullptr, nullptr, 0, &parameters));
  run(graph.graph);
  CHECK(out.first() == 23);
}

TEST_CASE("an instantiated kernel node is updated", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  int* pointer = out;
  int a = 1;
  int b = 1;
  void* arguments[] = {&pointer, &a, &b};
  cudaKernelNodeParams parameters{const_cast<void*>(add_kernel()), {1, 1, 1}, {1, 1, 1}, 0, arguments, nullptr};
  cudaGraphNode_t node = nullptr;
  cudaGraphExec_t exec = nullptr;
  REQUIRE_OK(cudaGraphAddKernelNode(&node, graph.graph, nullptr, 0, &parameters));
  REQUIRE_OK(cudaGraphInstantiate(&exec, graph.graph, 0));
  a = 100;
  REQUIRE_OK(cudaGraphExecKernelNodeSetParams(exec, node, &parameters));
  REQUIRE_OK(cudaGraphLaunch(exec, nullptr));
  CHECK(out.first() == 101);
  CHECK_OK(cudaGraphExecDestroy(exec));
}

TEST_CASE("a graph's kernel must be one", "[runtime][graph]") {
  Graph graph;
  int nothing = 0;
  cudaKernelNodeParams parameters{&nothing, {1, 1, 1}, {1, 1, 1}, 0, nullptr, nullptr};
  cudaGraphNode_t node = nullptr;
  CHECK_REFUSED(cudaGraphAddKernelNode(&node, graph.graph, nullptr, 0, &parameters));
}
