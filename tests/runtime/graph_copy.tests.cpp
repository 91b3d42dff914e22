// SPDX-License-Identifier: Apache-2.0
// Nodes that copy and set, what they say of themselves, and what is changed of them before and after instantiation.
#include <cstring>

#include "tests/runtime/graph.h"

using namespace runtime_test;

namespace {

cudaMemcpy3DParms row(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  cudaMemcpy3DParms copy{};
  copy.srcPtr = {const_cast<void*>(from), bytes, bytes, 1};
  copy.dstPtr = {to, bytes, bytes, 1};
  copy.extent = {bytes, 1, 1};
  copy.kind = kind;
  return copy;
}

void reset_factor() {
  const int one = 1;
  REQUIRE_OK(cudaMemcpyToSymbol(factor_symbol(), &one, sizeof one));
}

int factor() {
  int value = 0;
  REQUIRE_OK(cudaMemcpyFromSymbol(&value, factor_symbol(), sizeof value));
  return value;
}

}  // namespace

TEST_CASE("a copy node is added, shown and changed", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  int seven = 7;
  int eight = 8;
  int nine = 9;
  cudaGraphNode_t node = nullptr;
  cudaGraphNodeType type{};
  cudaMemcpy3DParms shown{};
  cudaMemcpy3DParms copy = row(out, &seven, sizeof seven, cudaMemcpyHostToDevice);
  REQUIRE_OK(cudaGraphAddMemcpyNode(&node, graph.graph, nullptr, 0, &copy));
  CHECK_OK(cudaGraphNodeGetType(node, &type));
  CHECK(type == cudaGraphNodeTypeMemcpy);
  CHECK_OK(cudaGraphMemcpyNodeGetParams(node, &shown));
  CHECK(
      (shown.srcPtr.ptr == &seven && shown.dstPtr.ptr == static_cast<int*>(out) && shown.extent.width == sizeof(int)));
  run(graph.graph);
  CHECK(out.first() == 7);
  copy = row(out, &eight, sizeof eight, cudaMemcpyHostToDevice);
  REQUIRE_OK(cudaGraphMemcpyNodeSetParams(node, &copy));
  Executable executable(graph.graph);
  executable.run();
  CHECK(out.first() == 8);
  copy = row(out, &nine, sizeof nine, cudaMemcpyHostToDevice);
  REQUIRE_OK(cudaGraphExecMemcpyNodeSetParams(executable, node, &copy));
  executable.run();
  CHECK(out.first() == 9);
  CHECK_ERROR(cudaGraphAddMemcpyNode(&node, graph.graph, nullptr, 0, nullptr), cudaErrorInvalidValue);
  CHECK_ERROR(cudaGraphMemcpyNodeGetParams(node, nullptr), cudaErrorInvalidValue);
}

TEST_CASE("a copy node of one row is changed", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  int seven = 7;
  int eight = 8;
  int nine = 9;
  cudaGraphNode_t node = nullptr;
  REQUIRE_OK(
      cudaGraphAddMemcpyNode1D(&node, graph.graph, nullptr, 0, out, &seven, sizeof seven, cudaMemcpyHostToDevice));
  REQUIRE_OK(cudaGraphMemcpyNodeSetParams1D(node, out, &eight, sizeof eight, cudaMemcpyHostToDevice));
  Executable executable(graph.graph);
  executable.run();
  CHECK(out.first() == 8);
  REQUIRE_OK(cudaGraphExecMemcpyNodeSetParams1D(executable, node, out, &nine, sizeof nine, cudaMemcpyHostToDevice));
  executable.run();
  CHECK(out.first() == 9);
  CHECK_ERROR(cudaGraphMemcpyNodeSetParams1D(node, out, &eight, sizeof eight, static_cast<cudaMemcpyKind>(77)),
              cudaErrorInvalidMemcpyDirection);
}

TEST_CASE("nodes copy to a variable and from it", "[runtime][graph][symbol]") {
  Graph graph;
  int in = 4;
  int other = 5;
  int back = 0;
  int unknown = 0;
  cudaGraphNode_t to = nullptr;
  cudaGraphNode_t from = nullptr;
  REQUIRE_OK(cudaGraphAddMemcpyNodeToSymbol(&to, graph.graph, nullptr, 0, factor_symbol(), &in, sizeof in, 0,
                                            cudaMemcpyHostToDevice));
  REQUIRE_OK(cudaGraphAddMemcpyNodeFromSymbol(&from, graph.graph, &to, 1, &back, factor_symbol(), sizeof back, 0,
                                              cudaMemcpyDeviceToHost));
  run(graph.graph);
  CHECK((factor() == 4 && back == 4));
  REQUIRE_OK(
      cudaGraphMemcpyNodeSetParamsToSymbol(to, factor_symbol(), &other, sizeof other, 0, cudaMemcpyHostToDevice));
  REQUIRE_OK(
      cudaGraphMemcpyNodeSetParamsFromSymbol(from, &back, factor_symbol(), sizeof back, 0, cudaMemcpyDeviceToHost));
  Executable executable(graph.graph);
  executable.run();
  CHECK((factor() == 5 && back == 5));
  int last = 0;
  REQUIRE_OK(cudaGraphExecMemcpyNodeSetParamsToSymbol(executable, to, factor_symbol(), &in, sizeof in, 0,
                                                      cudaMemcpyHostToDevice));
  REQUIRE_OK(cudaGraphExecMemcpyNodeSetParamsFromSymbol(executable, from, &last, factor_symbol(), sizeof last, 0,
                                                        cudaMemcpyDeviceToHost));
  executable.run();
  CHECK((factor() == 4 && last == 4 && back == 5));
  CHECK_ERROR(
      cudaGraphAddMemcpyNodeToSymbol(&to, graph.graph, nullptr, 0, &unknown, &in, sizeof in, 0, cudaMemcpyHostToDevice),
      cudaErrorInvalidSymbol);
  CHECK_ERROR(cudaGraphAddMemcpyNodeFromSymbol(&from, graph.graph, nullptr, 0, &back, factor_symbol(), sizeof back, 1,
                                               cudaMemcpyDeviceToHost),
              cudaErrorInvalidValue);
  reset_factor();
}

TEST_CASE("a set node is shown and changed", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  cudaMemsetParams set{};
  cudaMemsetParams shown{};
  cudaGraphNode_t node = nullptr;
  set.dst = out;
  set.elementSize = 4;
  set.value = 11;
  set.width = set.height = 1;
  REQUIRE_OK(cudaGraphAddMemsetNode(&node, graph.graph, nullptr, 0, &set));
  CHECK_OK(cudaGraphMemsetNodeGetParams(node, &shown));
  CHECK((shown.value == 11 && shown.dst == static_cast<int*>(out) && shown.elementSize == 4 && shown.width == 1));
  set.value = 12;
  REQUIRE_OK(cudaGraphMemsetNodeSetParams(node, &set));
  Executable executable(graph.graph);
  executable.run();
  CHECK(out.first() == 12);
  set.value = 13;
  REQUIRE_OK(cudaGraphExecMemsetNodeSetParams(executable, node, &set));
  executable.run();
  CHECK(out.first() == 13);
  set.elementSize = 3;
  CHECK_ERROR(cudaGraphMemsetNodeSetParams(node, &set), cudaErrorInvalidValue);
}

TEST_CASE("nodes allocate and free", "[runtime][graph]") {
  Graph graph;
  cudaMemAllocNodeParams allocation{};
  cudaMemAllocNodeParams shown{};
  cudaGraphNode_t allocate = nullptr;
  cudaGraphNode_t set = nullptr;
  cudaGraphNode_t copy = nullptr;
  cudaGraphNode_t release = nullptr;
  void* freed = nullptr;
  int back = 0;
  allocation.poolProps.allocType = cudaMemAllocationTypePinned;
  allocation.poolProps.location = {cudaMemLocationTypeDevice, 0};
  allocation.bytesize = sizeof(int);
  REQUIRE_OK(cudaGraphAddMemAllocNode(&allocate, graph.graph, nullptr, 0, &allocation));
  REQUIRE(allocation.dptr != nullptr);
  cudaMemsetParams one{};
  one.dst = allocation.dptr;
  one.elementSize = 4;
  one.value = 21;
  one.width = one.height = 1;
  REQUIRE_OK(cudaGraphAddMemsetNode(&set, graph.graph, &allocate, 1, &one));
  REQUIRE_OK(cudaGraphAddMemcpyNode1D(&copy, graph.graph, &set, 1, &back, allocation.dptr, sizeof back,
                                      cudaMemcpyDeviceToHost));
  REQUIRE_OK(cudaGraphAddMemFreeNode(&release, graph.graph, &copy, 1, allocation.dptr));
  CHECK_OK(cudaGraphMemAllocNodeGetParams(allocate, &shown));
  CHECK((shown.dptr == allocation.dptr && shown.bytesize == sizeof(int)));
  CHECK_OK(cudaGraphMemFreeNodeGetParams(release, &freed));
  CHECK(freed == allocation.dptr);
  run(graph.graph);
  CHECK(back == 21);
  CHECK_REFUSED(cudaGraphMemFreeNodeGetParams(allocate, &freed));
}

TEST_CASE("a device says what its graphs hold", "[runtime][graph]") {
  uint64_t used = 1;
  uint64_t high = 0;
  CHECK_OK(cudaDeviceGetGraphMemAttribute(0, cudaGraphMemAttrUsedMemCurrent, &used));
  CHECK_OK(cudaDeviceGetGraphMemAttribute(0, cudaGraphMemAttrUsedMemHigh, &high));
  CHECK(high >= used);
  high = 0;
  CHECK_OK(cudaDeviceSetGraphMemAttribute(0, cudaGraphMemAttrUsedMemHigh, &high));
  CHECK_OK(cudaDeviceGraphMemTrim(0));
  CHECK_ERROR(cudaDeviceGetGraphMemAttribute(99, cudaGraphMemAttrUsedMemCurrent, &used), cudaErrorInvalidDevice);
  CHECK_ERROR(cudaDeviceGraphMemTrim(99), cudaErrorInvalidDevice);
  CHECK_REFUSED(cudaDeviceSetGraphMemAttribute(0, cudaGraphMemAttrUsedMemCurrent, &used));
}
