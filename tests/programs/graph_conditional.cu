// SPDX-License-Identifier: Apache-2.0
// A graph that decides for itself: a loop whose kernel says when to end, with a choice inside, and a switch.
#include "check.h"

__global__ void set_condition(cudaGraphConditionalHandle handle, const unsigned* value) {
  cudaGraphSetConditional(handle, *value);
}

// The next number of Collatz's sequence goes by whether this one is odd: `branch`.
__global__ void examine(cudaGraphConditionalHandle loop, cudaGraphConditionalHandle branch, unsigned* state) {
  ++state[1];
  cudaGraphSetConditional(branch, state[0] % 2);
  cudaGraphSetConditional(loop, state[0] > 2);
}
__global__ void triple(unsigned* state) { state[0] = 3 * state[0] + 1; }
__global__ void halve(unsigned* state) { state[0] /= 2; }
__global__ void store(unsigned* out, unsigned value) { *out = value; }

cudaGraphNodeParams conditional(cudaGraphConditionalHandle handle, cudaGraphConditionalNodeType type, unsigned size) {
  cudaGraphNodeParams params = {};
  params.type = cudaGraphNodeTypeConditional;
  params.conditional.handle = handle;
  params.conditional.type = type;
  params.conditional.size = size;
  return params;
}

template <class... T>
cudaGraphNode_t add_kernel(cudaGraph_t graph, cudaGraphNode_t after, void (*kernel)(T...), T... values) {
  void* arguments[] = {&values...};
  cudaKernelNodeParams params = {};
  params.func = reinterpret_cast<void*>(kernel);
  params.gridDim = params.blockDim = dim3(1);
  params.kernelParams = arguments;
  cudaGraphNode_t node;
  CHECK(cudaGraphAddKernelNode(&node, graph, &after, after != nullptr ? 1 : 0, &params));
  return node;
}

// The number of steps from `start` to 1.
void run_loop(unsigned start, unsigned expected) {
  DeviceArray<unsigned> state(2);
  cudaGraph_t graph;
  CHECK(cudaGraphCreate(&graph, 0));
  cudaGraphConditionalHandle loop, branch;
  CHECK(cudaGraphConditionalHandleCreate(&loop, graph, 1, cudaGraphCondAssignDefault));
  cudaGraphNodeParams params = conditional(loop, cudaGraphCondTypeWhile, 1);
  cudaGraphNode_t node;
  CHECK(cudaGraphAddNode(&node, graph, nullptr, nullptr, 0, &params));
  cudaGraph_t body = params.conditional.phGraph_out[0];
  CHECK(cudaGraphConditionalHandleCreate(&branch, body));
  const cudaGraphNode_t first = add_kernel(body, nullptr, examine, loop, branch, state.get());
  params = conditional(branch, cudaGraphCondTypeIf, 2);
  CHECK(cudaGraphAddNode(&node, body, &first, nullptr, 1, &params));
  add_kernel(params.conditional.phGraph_out[0], nullptr, triple, state.get());
  add_kernel(params.conditional.phGraph_out[1], nullptr, halve, state.get());
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (int launch = 0; launch < 2; ++launch) {
    unsigned values[2] = {start, 0};
    state.set(values);
    CHECK(cudaGraphLaunch(exec, nullptr));
    state.read(values);
    EXPECT(values[0] == 1 && values[1] == expected, "from %u: %u after %u steps", start, values[0], values[1]);
  }
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
}

// The condition is set by a kernel before the node.
void run_switch() {
  DeviceArray<unsigned> words(2);
  cudaGraph_t graph;
  CHECK(cudaGraphCreate(&graph, 0));
  cudaGraphConditionalHandle handle;
  CHECK(cudaGraphConditionalHandleCreate(&handle, graph));
  const cudaGraphNode_t first =
      add_kernel(graph, nullptr, set_condition, handle, static_cast<const unsigned*>(words.get()));
  cudaGraphNodeParams params = conditional(handle, cudaGraphCondTypeSwitch, 3);
  cudaGraphNode_t node;
  CHECK(cudaGraphAddNode(&node, graph, &first, nullptr, 1, &params));
  for (unsigned i = 0; i < 3; ++i)
    add_kernel(params.conditional.phGraph_out[i], nullptr, store, words.get() + 1, 10 + i);
  cudaGraphExec_t exec;
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (unsigned i = 0; i < 5; ++i) {
    unsigned values[2] = {i, 7};
    words.set(values);
    CHECK(cudaGraphLaunch(exec, nullptr));
    words.read(values);
    EXPECT(values[1] == (i < 3 ? 10 + i : 7), "case %u stored %u", i, values[1]);
  }
  CHECK(cudaGraphExecDestroy(exec));
  CHECK(cudaGraphDestroy(graph));
}

int main() {
  run_loop(6, 8);
  run_loop(27, 111);
  run_switch();
  return pass();
}
