// SPDX-License-Identifier: Apache-2.0
// Graphs in graphs, clones, nodes that are switched off or destroyed, and what a graph keeps alive.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "tests/runtime/graph.h"

using namespace runtime_test;

namespace {

cudaGraphNode_t add_set(cudaGraph_t graph, int* out, unsigned value) {
  cudaMemsetParams set{};
  cudaGraphNode_t node = nullptr;
  set.dst = out;
  set.elementSize = 4;
  set.value = value;
  set.width = set.height = 1;
  REQUIRE_OK(cudaGraphAddMemsetNode(&node, graph, nullptr, 0, &set));
  return node;
}

cudaKernelNodeParams add_params(void** arguments) {
  cudaKernelNodeParams parameters{};
  parameters.func = const_cast<void*>(add_kernel());
  parameters.gridDim = parameters.blockDim = dim3(1);
  parameters.kernelParams = arguments;
  return parameters;
}

void count_up(void* counter) { ++*static_cast<int*>(counter); }
void count_destroyed(void* counter) { ++*static_cast<std::atomic<int>*>(counter); }

class Event {
 public:
  Event() { REQUIRE_OK(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

TEST_CASE("a graph runs inside of another", "[runtime][graph]") {
  Graph inner;
  Graph outer;
  DeviceInts out(1);
  cudaGraphNode_t child = nullptr;
  cudaGraph_t shown = nullptr;
  add_set(inner.graph, out, 31);
  REQUIRE_OK(cudaGraphAddChildGraphNode(&child, outer.graph, nullptr, 0, inner.graph));
  CHECK_OK(cudaGraphChildGraphNodeGetGraph(child, &shown));
  CHECK(count_nodes(shown) == 1);
  Executable executable(outer.graph);
  executable.run();
  CHECK(out.first() == 31);
  Graph other;
  add_set(other.graph, out, 32);
  REQUIRE_OK(cudaGraphExecChildGraphNodeSetParams(executable, child, other.graph));
  executable.run();
  CHECK(out.first() == 32);
  CHECK_REFUSED(cudaGraphChildGraphNodeGetGraph(child, nullptr));
}

TEST_CASE("a clone is a graph of its own, with the same nodes", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  cudaGraph_t clone = nullptr;
  cudaGraphNode_t found = nullptr;
  cudaGraphNode_t root = nullptr;
  size_t count = 1;
  cudaGraphNode_t node = add_set(graph.graph, out, 33);
  REQUIRE_OK(cudaGraphClone(&clone, graph.graph));
  CHECK_OK(cudaGraphNodeFindInClone(&found, node, clone));
  CHECK((found != nullptr && found != node));
  CHECK_OK(cudaGraphGetRootNodes(clone, &root, &count));
  CHECK((count == 1 && root == found));
  CHECK_OK(cudaGraphDestroyNode(found));
  CHECK(count_nodes(clone) == 0);
  CHECK(count_nodes(graph.graph) == 1);
  run(graph.graph);
  CHECK(out.first() == 33);
  CHECK_OK(cudaGraphDestroy(clone));
  CHECK_ERROR(cudaGraphClone(nullptr, graph.graph), cudaErrorInvalidValue);
}

TEST_CASE("a node can be switched off", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  unsigned enabled = 0;
  cudaGraphNode_t node = add_set(graph.graph, out, 34);
  Executable executable(graph.graph);
  CHECK_OK(cudaGraphNodeGetEnabled(executable, node, &enabled));
  CHECK(enabled == 1);
  REQUIRE_OK(cudaMemset(out, 0, sizeof(int)));
  CHECK_OK(cudaGraphNodeSetEnabled(executable, node, 0));
  executable.run();
  CHECK(out.first() == 0);
  CHECK_OK(cudaGraphNodeSetEnabled(executable, node, 1));
  executable.run();
  CHECK(out.first() == 34);
}

TEST_CASE("a host node is shown and changed", "[runtime][graph]") {
  Graph graph;
  int first = 0;
  int second = 0;
  int third = 0;
  cudaHostNodeParams parameters{count_up, &first};
  cudaHostNodeParams shown{};
  cudaGraphNode_t node = nullptr;
  REQUIRE_OK(cudaGraphAddHostNode(&node, graph.graph, nullptr, 0, &parameters));
  CHECK_OK(cudaGraphHostNodeGetParams(node, &shown));
  CHECK((shown.fn == count_up && shown.userData == &first));
  parameters.userData = &second;
  REQUIRE_OK(cudaGraphHostNodeSetParams(node, &parameters));
  Executable executable(graph.graph);
  executable.run();
  parameters.userData = &third;
  REQUIRE_OK(cudaGraphExecHostNodeSetParams(executable, node, &parameters));
  executable.run();
  CHECK((first == 0 && second == 1 && third == 1));
}

TEST_CASE("nodes record events and wait for them", "[runtime][graph]") {
  Graph graph;
  Event a;
  Event b;
  cudaEvent_t shown = nullptr;
  cudaGraphNode_t record = nullptr;
  cudaGraphNode_t wait = nullptr;
  REQUIRE_OK(cudaGraphAddEventRecordNode(&record, graph.graph, nullptr, 0, a));
  REQUIRE_OK(cudaGraphAddEventWaitNode(&wait, graph.graph, &record, 1, a));
  CHECK_OK(cudaGraphEventRecordNodeGetEvent(record, &shown));
  CHECK(shown == a);
  REQUIRE_OK(cudaGraphEventRecordNodeSetEvent(record, b));
  REQUIRE_OK(cudaGraphEventWaitNodeSetEvent(wait, b));
  CHECK_OK(cudaGraphEventWaitNodeGetEvent(wait, &shown));
  CHECK(shown == b);
  Executable executable(graph.graph);
  executable.run();
  CHECK_OK(cudaEventQuery(b));
  REQUIRE_OK(cudaGraphExecEventRecordNodeSetEvent(executable, record, a));
  REQUIRE_OK(cudaGraphExecEventWaitNodeSetEvent(executable, wait, a));
  executable.run();
  CHECK_OK(cudaEventQuery(a));
  CHECK_REFUSED(cudaGraphEventWaitNodeGetEvent(record, &shown));
}

TEST_CASE("parameters of any kind are changed by one call", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  cudaGraphNodeParams parameters{};
  cudaGraphNode_t node = add_set(graph.graph, out, 1);
  parameters.type = cudaGraphNodeTypeMemset;
  parameters.memset.dst = out;
  parameters.memset.elementSize = 4;
  parameters.memset.value = 35;
  parameters.memset.width = parameters.memset.height = 1;
  REQUIRE_OK(cudaGraphNodeSetParams(node, &parameters));
  Executable executable(graph.graph);
  executable.run();
  CHECK(out.first() == 35);
  parameters.memset.value = 36;
  REQUIRE_OK(cudaGraphExecNodeSetParams(executable, node, &parameters));
  executable.run();
  CHECK(out.first() == 36);
  parameters.type = cudaGraphNodeTypeHost;
  CHECK_REFUSED(cudaGraphNodeSetParams(node, &parameters));
}

TEST_CASE("attributes of a kernel node are set, read and copied", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  int* address = out;
  int a = 20;
  int b = 22;
  void* arguments[] = {&address, &a, &b};
  const cudaKernelNodeParams parameters = add_params(arguments);
  cudaGraphNode_t from = nullptr;
  cudaGraphNode_t to = nullptr;
  REQUIRE_OK(cudaGraphAddKernelNode(&from, graph.graph, nullptr, 0, &parameters));
  REQUIRE_OK(cudaGraphAddKernelNode(&to, graph.graph, &from, 1, &parameters));
  cudaLaunchAttributeValue value{};
  value.cooperative = 1;
  CHECK_OK(cudaGraphKernelNodeSetAttribute(from, cudaLaunchAttributeCooperative, &value));
  value.cooperative = 0;
  CHECK_OK(cudaGraphKernelNodeCopyAttributes(to, from));
  CHECK_OK(cudaGraphKernelNodeGetAttribute(to, cudaLaunchAttributeCooperative, &value));
  CHECK(value.cooperative == 1);
  run(graph.graph);
  CHECK(out.first() == 42);
}

TEST_CASE("a graph is instantiated with flags, uploaded, and says them", "[runtime][graph]") {
  Graph graph;
  Stream stream;
  DeviceInts out(1);
  cudaGraphExec_t exec = nullptr;
  unsigned long long flags = 99;
  add_set(graph.graph, out, 37);
  REQUIRE_OK(cudaGraphInstantiateWithFlags(&exec, graph.graph, cudaGraphInstantiateFlagAutoFreeOnLaunch));
  CHECK_OK(cudaGraphExecGetFlags(exec, &flags));
  CHECK(flags == cudaGraphInstantiateFlagAutoFreeOnLaunch);
  CHECK_OK(cudaGraphUpload(exec, stream));
  CHECK_OK(cudaGraphLaunch(exec, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK(out.first() == 37);
  CHECK_OK(cudaGraphExecDestroy(exec));
  cudaGraphInstantiateParams parameters{};
  parameters.flags = cudaGraphInstantiateFlagUpload;
  parameters.uploadStream = stream;
  REQUIRE_OK(cudaGraphInstantiateWithParams(&exec, graph.graph, &parameters));
  CHECK(parameters.result_out == cudaGraphInstantiateSuccess);
  CHECK_OK(cudaGraphExecDestroy(exec));
  CHECK_REFUSED(cudaGraphInstantiateWithFlags(&exec, graph.graph, 0x8000));
}

TEST_CASE("an instantiated graph is updated by another", "[runtime][graph]") {
  Graph graph;
  Graph other;
  Graph larger;
  DeviceInts out(1);
  cudaGraphExecUpdateResultInfo result{};
  add_set(graph.graph, out, 38);
  add_set(other.graph, out, 39);
  Executable executable(graph.graph);
  CHECK_OK(cudaGraphExecUpdate(executable, other.graph, &result));
  CHECK(result.result == cudaGraphExecUpdateSuccess);
  executable.run();
  CHECK(out.first() == 39);
  add_set(larger.graph, out, 1);
  add_set(larger.graph, out, 1);
  CHECK_ERROR(cudaGraphExecUpdate(executable, larger.graph, &result), cudaErrorGraphExecUpdateFailure);
  CHECK(result.result == cudaGraphExecUpdateErrorTopologyChanged);
}

TEST_CASE("a graph keeps objects of the program alive", "[runtime][graph]") {
  std::atomic<int> destroyed = 0;
  cudaUserObject_t object = nullptr;
  REQUIRE_OK(cudaUserObjectCreate(&object, &destroyed, count_destroyed, 1, cudaUserObjectNoDestructorSync));
  CHECK_OK(cudaUserObjectRetain(object, 1));
  CHECK_OK(cudaUserObjectRelease(object, 1));
  {
    Graph graph;
    CHECK_OK(cudaGraphRetainUserObject(graph.graph, object, 1, 0));
    CHECK_OK(cudaGraphRetainUserObject(graph.graph, object, 1, cudaGraphUserObjectMove));
    CHECK_OK(cudaGraphReleaseUserObject(graph.graph, object, 1));
    CHECK(destroyed == 0);
  }
  // The driver calls it from a thread of its own, when it gets to it.
  for (int i = 0; i < 10000 && destroyed == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(destroyed == 1);
  CHECK_REFUSED(cudaUserObjectCreate(&object, &destroyed, nullptr, 1, cudaUserObjectNoDestructorSync));
}

TEST_CASE("a graph is drawn", "[runtime][graph]") {
  Graph graph;
  DeviceInts out(1);
  char path[] = "/tmp/graph-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  add_set(graph.graph, out, 1);
  CHECK_OK(cudaGraphDebugDotPrint(graph.graph, path, 0));
  std::string text;
  std::getline(std::ifstream(path), text, '\0');
  CHECK(text.find("digraph") != std::string::npos);
  std::remove(path);
  CHECK_REFUSED(cudaGraphDebugDotPrint(graph.graph, "/nowhere/at/all", 0));
}

TEST_CASE("a stream is captured into a graph that is there", "[runtime][graph][capture]") {
  Graph graph;
  Stream stream;
  DeviceInts out(1);
  cudaGraph_t same = nullptr;
  cudaGraphNode_t first = add_set(graph.graph, out, 5);
  REQUIRE_OK(cudaStreamBeginCaptureToGraph(stream, graph.graph, &first, nullptr, 1, cudaStreamCaptureModeThreadLocal));
  launch_add(1, 1, stream, out, 20, 22);
  REQUIRE_OK(cudaStreamEndCapture(stream, &same));
  CHECK(same == graph.graph);
  CHECK(count_nodes(graph.graph) == 2);
  run(graph.graph);
  CHECK(out.first() == 42);
}

TEST_CASE("the capture mode of a thread is exchanged", "[runtime][capture]") {
  cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
  REQUIRE_OK(cudaThreadExchangeStreamCaptureMode(&mode));
  CHECK(mode == cudaStreamCaptureModeGlobal);
  CHECK_OK(cudaThreadExchangeStreamCaptureMode(&mode));
  CHECK(mode == cudaStreamCaptureModeRelaxed);
}
