// SPDX-License-Identifier: Apache-2.0
// A graph, and one that was instantiated, for the tests.
#pragma once

#include "tests/runtime/fixture.h"

namespace runtime_test {

struct Graph {
  cudaGraph_t graph = nullptr;
  Graph() { REQUIRE_OK(cudaGraphCreate(&graph, 0)); }
  ~Graph() { cudaGraphDestroy(graph); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
};

class Executable {
 public:
  explicit Executable(cudaGraph_t graph) { REQUIRE_OK(cudaGraphInstantiate(&exec_, graph, 0)); }
  ~Executable() { cudaGraphExecDestroy(exec_); }
  Executable(const Executable&) = delete;
  Executable& operator=(const Executable&) = delete;
  operator cudaGraphExec_t() const { return exec_; }
  void run() const {
    REQUIRE_OK(cudaGraphLaunch(exec_, nullptr));
    REQUIRE_OK(cudaDeviceSynchronize());
  }

 private:
  cudaGraphExec_t exec_ = nullptr;
};

inline void run(cudaGraph_t graph) { Executable(graph).run(); }

inline size_t count_nodes(cudaGraph_t graph) {
  size_t count = 99;
  REQUIRE_OK(cudaGraphGetNodes(graph, nullptr, &count));
  return count;
}

}  // namespace runtime_test
