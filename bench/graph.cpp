// SPDX-License-Identifier: Apache-2.0
// A graph of 200 empty kernels in a chain, as a step of a language model is.
#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

constexpr int kNodes = 200;

struct Graph {
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
};

Measured<Graph> build(const Gpu& gpu) {
  Graph out;
  CUDA_TRY(cuGraphCreate(&out.graph, 0));
  CUDA_KERNEL_NODE_PARAMS kernel = {};
  kernel.func = gpu.empty;
  kernel.gridDimX = kernel.gridDimY = kernel.gridDimZ = 1;
  kernel.blockDimX = 32;
  kernel.blockDimY = kernel.blockDimZ = 1;
  kernel.kernelParams = empty_parameters();
  CUgraphNode previous = nullptr;
  for (int i = 0; i < kNodes; ++i) {
    CUgraphNode node = nullptr;
    CUDA_TRY(cuGraphAddKernelNode(&node, out.graph, i == 0 ? nullptr : &previous, i == 0 ? 0 : 1, &kernel));
    previous = node;
  }
  CUDA_TRY(cuGraphInstantiate(&out.exec, out.graph, 0));
  return out;
}

Measured<void> destroy(const Graph& graph) {
  CUDA_TRY(cuGraphExecDestroy(graph.exec));
  CUDA_TRY(cuGraphDestroy(graph.graph));
  return {};
}

// Seconds of the launch call, or until the last kernel is done.
Measured<double> launch(const Gpu& gpu, bool whole) {
  const Graph graph = TRY(build(gpu));
  std::vector<double> times;
  for (int i = 0; i < 30; ++i) {
    const double begin = now();
    CUDA_TRY(cuGraphLaunch(graph.exec, gpu.stream));
    const double returned = now();
    TRY(gpu.synchronize());
    // The first launch uploads the graph.
    if (i != 0) times.push_back((whole ? now() : returned) - begin);
  }
  TRY(destroy(graph));
  return median(std::move(times));
}

Measured<double> build_time(const Gpu& gpu) {
  return median_time(5, [&]() -> Measured<void> { return destroy(TRY(build(gpu))); });
}

// From begin to end of the capture of as many launches.
Measured<double> capture_time(const Gpu& gpu) {
  return median_time(5, [&]() -> Measured<void> {
    CUgraph graph = nullptr;
    CUDA_TRY(cuStreamBeginCapture(gpu.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    for (int i = 0; i < kNodes; ++i) TRY(gpu.launch());
    CUDA_TRY(cuStreamEndCapture(gpu.stream, &graph));
    CUDA_TRY(cuGraphDestroy(graph));
    return {};
  });
}

}  // namespace

Family graph_family() {
  return {"graph",
          {{"graph of 200 kernels: launch call", Unit::seconds, [](const Gpu& gpu) { return launch(gpu, false); }},
           {"graph of 200 kernels: until done", Unit::seconds, [](const Gpu& gpu) { return launch(gpu, true); }},
           {"graph of 200 kernels: build, destroy", Unit::seconds, build_time},
           {"capture of 200 launches", Unit::seconds, capture_time}}};
}

}  // namespace vgpu::bench
