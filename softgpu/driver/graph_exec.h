// SPDX-License-Identifier: Apache-2.0
// An executable graph: a private copy of a graph, whose nodes can be changed one by one through the handles of the
// original's nodes, and which launches as one piece of work of a stream. Any thread; its mutex is taken before the
// graphs' lock.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "softgpu/driver/graph.h"
#include "softgpu/driver/graph_plan.h"

namespace vgpu::soft {

class GraphExec final : public Object {
 public:
  using Handle = CUgraphExec;
  static constexpr Kind kKind = Kind::graph_exec;

  // Why a graph could not be instantiated: the call's error, and for cuGraphInstantiateWithParams what and where.
  struct Failure {
    CUresult code = CUDA_ERROR_INVALID_VALUE;
    CUgraphInstantiateResult result = CUDA_GRAPH_INSTANTIATE_ERROR;
    CUgraphNode node = nullptr;
  };
  static Result<Ref<GraphExec>, Failure> create(const Graph& graph, uint64_t flags);
  ~GraphExec() override;

  uint64_t flags() const { return flags_; }
  // On a stream that does not capture. INVALID_VALUE while memory that the graph allocates is still live from an
  // earlier launch, unless it is freed then.
  CUresult launch(Stream& stream);

  // Changes what the copy of `original` does. INVALID_VALUE when that is no node of this graph, or the change is one
  // that an executable does not allow.
  CUresult set_work(const GraphNode& original, NodeWork work);
  CUresult set_child(const GraphNode& original, const Graph& child);
  CUresult set_enabled(const GraphNode& original, bool enabled);
  CuResult<bool> enabled(const GraphNode& original);

  // cuGraphExecUpdate: takes over what the nodes of a graph of the same structure do.
  CUresult update(const Graph& graph, CUgraphExecUpdateResultInfo* info);

 private:
  GraphExec(Ref<Graph> copy, uint64_t flags);
  CuResult<GraphNode*> find_copy(const GraphNode& original);
  CUresult check_memory(const GraphPlan& plan) const;

  const uint64_t flags_;
  std::shared_ptr<std::atomic<int>> instances_;  // of the original
  std::mutex mutex_;                             // guards everything below
  const Ref<Graph> copy_;
  std::unordered_map<uint64_t, GraphNode*> copies_;  // by the handles of the originals
  Ref<GraphPlan> plan_;                              // null when the copy has changed since the last launch
  Ref<Completion> last_;                             // of the last launch
};

CuResult<Ref<GraphExec>> find_exec(CUgraphExec handle);

// Compares structure and types of two graphs, nodes in order of creation, and what may not change in an executable:
// SUCCESS, or what differs first. Graphs' lock held.
CUgraphExecUpdateResultInfo compare(const Graph& executable, const Graph& update);

}  // namespace vgpu::soft
