// SPDX-License-Identifier: Apache-2.0
// What orders launches of executable graphs against each other. CUDA driver API: cuGraphLaunch.
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

// A graph that adds to one word.
class Counting : public Gpu {
 public:
  Counting() : module(kBasicPtx), memory(4) {
    REQUIRE_CUDA(cuMemsetD32(memory, 0, 1));
    REQUIRE_CUDA(cuCtxSynchronize());
    CUdeviceptr address = memory;
    unsigned term = 1, count = 1;
    void* arguments[] = {&address, &term, &count};
    CUDA_KERNEL_NODE_PARAMS params = {};
    params.func = module.function("add");
    params.gridDimX = params.gridDimY = params.gridDimZ = 1;
    params.blockDimX = params.blockDimY = params.blockDimZ = 1;
    params.kernelParams = arguments;
    CUgraphNode node = nullptr;
    REQUIRE_CUDA(cuGraphAddKernelNode(&node, graph, nullptr, 0, &params));
  }
  unsigned value() const { return read_words(memory, 1)[0]; }

  Module module;
  DeviceBuffer memory;
  Graph graph;
  Stream first, second;
};

}  // namespace

TEST_CASE_METHOD(Counting, "launches of one executable wait for each other across streams", "[contract][graph]") {
  GraphExec exec(graph);
  Gate gate(first);
  CHECK_CUDA(cuGraphLaunch(exec, first));
  CHECK_CUDA(cuGraphLaunch(exec, second));
  CHECK(cuStreamQuery(second) == CUDA_ERROR_NOT_READY);
  gate.open();
  CHECK_CUDA(cuStreamSynchronize(second));
  CHECK(value() == 2);
  first.synchronize();
}

TEST_CASE_METHOD(Counting, "two executables of one graph do not wait for each other", "[contract][graph]") {
  GraphExec one(graph), other(graph);
  Gate gate(first);
  CHECK_CUDA(cuGraphLaunch(one, first));
  CHECK_CUDA(cuGraphLaunch(other, second));
  CHECK_CUDA(cuStreamSynchronize(second));
  CHECK(value() == 1);
  gate.open();
  first.synchronize();
  CHECK(value() == 2);
}

TEST_CASE_METHOD(Counting, "a launch under way keeps what its executable has changed or lost", "[contract][graph]") {
  CUgraphExec exec = nullptr;
  REQUIRE_CUDA(cuGraphInstantiate(&exec, graph, 0));
  Gate gate(first);
  CHECK_CUDA(cuGraphLaunch(exec, first));
  CHECK_CUDA(cuGraphExecDestroy(exec));
  gate.open();
  first.synchronize();
  CHECK(value() == 1);
}
