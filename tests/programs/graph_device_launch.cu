// SPDX-License-Identifier: Apache-2.0
// A graph that a kernel launches, fire-and-forget. A driver that does not carry this says so when the graph
// is made, and a program can do without.
#include "check.h"

__global__ void add(int* counter, int value) { atomicAdd(counter, value); }

__global__ void launch(cudaGraphExec_t graph, int* errors) {
  if (cudaGraphLaunch(graph, cudaStreamGraphFireAndForget) != cudaSuccess) atomicAdd(errors, 1);
}

cudaGraph_t graph_of(void* kernel, void** parameters) {
  cudaGraph_t graph;
  cudaGraphNode_t node;
  CHECK(cudaGraphCreate(&graph, 0));
  cudaKernelNodeParams params = {};
  params.func = kernel;
  params.gridDim = params.blockDim = dim3(1);
  params.kernelParams = parameters;
  CHECK(cudaGraphAddKernelNode(&node, graph, nullptr, 0, &params));
  return graph;
}

int main() {
  DeviceArray<int> counter(1), errors(1);
  counter.clear();
  errors.clear();
  int* counter_address = counter.get();
  int value = 5;
  void* add_parameters[] = {&counter_address, &value};
  cudaGraph_t added = graph_of(reinterpret_cast<void*>(add), add_parameters);
  cudaGraphExec_t child;
  const cudaError_t made = cudaGraphInstantiate(&child, added, cudaGraphInstantiateFlagDeviceLaunch);
  if (made == cudaErrorNotSupported) {
    std::printf("kernels launch no graphs here\n");
    return pass();
  }
  CHECK(made);
  CHECK(cudaGraphUpload(child, nullptr));
  int* errors_address = errors.get();
  void* launch_parameters[] = {&child, &errors_address};
  cudaGraph_t launching = graph_of(reinterpret_cast<void*>(launch), launch_parameters);
  cudaGraphExec_t parent;
  CHECK(cudaGraphInstantiate(&parent, launching, 0));
  CHECK(cudaGraphLaunch(parent, nullptr));
  CHECK(cudaDeviceSynchronize());
  int sum = 0, failed = 0;
  counter.read(&sum);
  errors.read(&failed);
  EXPECT(failed == 0, "the kernel could not launch the graph");
  EXPECT(sum == value, "the graph counted %d", sum);
  return pass();
}
