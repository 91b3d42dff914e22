// SPDX-License-Identifier: Apache-2.0
// Graphs three ways: captured from two streams, built node by node, and updated before another launch.
#include "check.h"

#include <vector>

constexpr int kValues = 1024;

__global__ void add(int* values, int term) { values[blockIdx.x * blockDim.x + threadIdx.x] += term; }
__global__ void multiply(int* values, int factor) { values[blockIdx.x * blockDim.x + threadIdx.x] *= factor; }

static void expect_all(const int* device, int expected, const char* where) {
  std::vector<int> host(kValues);
  CHECK(cudaMemcpy(host.data(), device, kValues * sizeof(int), cudaMemcpyDeviceToHost));
  for (int i = 0; i < kValues; ++i)
    EXPECT(host[i] == expected, "%s: value %d is %d, expected %d", where, i, host[i], expected);
  std::printf("%s: %d\n", where, expected);
}

// The second stream joins through events; replaying three times must repeat exactly the recorded work.
static void capture_and_replay(cudaStream_t stream, int* values, int* other) {
  cudaStream_t side;
  cudaEvent_t fork, join;
  CHECK(cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking));
  CHECK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  CHECK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
  CHECK(cudaMemset(values, 0, kValues * sizeof(int)));
  CHECK(cudaMemset(other, 0, kValues * sizeof(int)));
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  CHECK(cudaEventRecord(fork, stream));
  CHECK(cudaStreamWaitEvent(side, fork, 0));
  add<<<4, 256, 0, stream>>>(values, 5);
  add<<<4, 256, 0, side>>>(other, 7);
  CHECK(cudaEventRecord(join, side));
  CHECK(cudaStreamWaitEvent(stream, join, 0));
  multiply<<<4, 256, 0, stream>>>(values, 2);
  cudaGraph_t graph;
  CHECK(cudaStreamEndCapture(stream, &graph));
  size_t nodes = 0;
  CHECK(cudaGraphGetNodes(graph, nullptr, &nodes));
  EXPECT(nodes == 3, "the captured graph has %zu nodes", nodes);
  expect_all(values, 0, "after capture nothing ran");
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (int i = 0; i < 3; ++i) CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  expect_all(values, ((5 * 2 + 5) * 2 + 5) * 2, "three replays, main branch");
  expect_all(other, 21, "three replays, side branch");
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
  CHECK(cudaStreamDestroy(side));
  CHECK(cudaEventDestroy(fork));
  CHECK(cudaEventDestroy(join));
}

static cudaKernelNodeParams kernel_node(void* function, void** arguments) {
  cudaKernelNodeParams params = {};
  params.func = function;
  params.gridDim = dim3(4);
  params.blockDim = dim3(256);
  params.kernelParams = arguments;
  return params;
}

static void add_host_value(void* data) { *static_cast<int*>(data) += 1; }

// memset, then a kernel, then a copy to the host and a host function; then other arguments without a new graph.
static void build_and_update(cudaStream_t stream, int* values) {
  cudaGraph_t graph;
  cudaGraphNode_t set_node, kernel, copy, host_node;
  std::vector<int> result(kValues);
  int host_calls = 0;
  CHECK(cudaGraphCreate(&graph, 0));
  cudaMemsetParams set = {};
  set.dst = values;
  set.value = 3;
  set.elementSize = 4;
  set.width = kValues;
  set.height = 1;
  CHECK(cudaGraphAddMemsetNode(&set_node, graph, nullptr, 0, &set));
  int term = 10;
  void* arguments[] = {&values, &term};
  cudaKernelNodeParams params = kernel_node(reinterpret_cast<void*>(add), arguments);
  CHECK(cudaGraphAddKernelNode(&kernel, graph, &set_node, 1, &params));
  CHECK(cudaGraphAddMemcpyNode1D(&copy, graph, &kernel, 1, result.data(), values, kValues * sizeof(int),
                                 cudaMemcpyDeviceToHost));
  cudaHostNodeParams host = {};
  host.fn = add_host_value;
  host.userData = &host_calls;
  CHECK(cudaGraphAddHostNode(&host_node, graph, &copy, 1, &host));
  term = -1;  // The node keeps the value that it was given.
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(result[0] == 13 && result[kValues - 1] == 13, "explicit graph: %d", result[0]);
  term = 100;
  CHECK(cudaGraphExecKernelNodeSetParams(exec, kernel, &params));
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(result[0] == 103, "updated node: %d", result[0]);
  term = 1000;
  CHECK(cudaGraphKernelNodeSetParams(kernel, &params));
  cudaGraphExecUpdateResultInfo info = {};
  CHECK(cudaGraphExecUpdate(exec, graph, &info));
  EXPECT(info.result == cudaGraphExecUpdateSuccess, "graph update says %d", info.result);
  CHECK(cudaGraphLaunch(exec, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(result[0] == 1003 && result[kValues - 1] == 1003, "updated graph: %d", result[0]);
  EXPECT(host_calls == 3, "the host node ran %d times", host_calls);
  std::printf("explicit graph: 13, then 103, then 1003; host node %d times\n", host_calls);
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
}

int main() {
  cudaStream_t stream;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  DeviceArray<int> values(kValues), other(kValues);
  capture_and_replay(stream, values.get(), other.get());
  build_and_update(stream, values.get());
  CHECK(cudaStreamDestroy(stream));
  return pass();
}
