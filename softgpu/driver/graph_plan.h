// SPDX-License-Identifier: Apache-2.0
// What a launch of an executable graph runs: all nodes, child graphs included, in an order that suits their edges.
// Immutable and shared, so that changes of the executable never touch a launch under way. Any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "softgpu/driver/graph.h"
#include "softgpu/driver/operation.h"

namespace vgpu::soft {

class GraphPlan final : public RefCounted {
 public:
  struct Step {
    NodeWork work;
    bool enabled = true;
    uint32_t dependencies = 0;
    std::vector<uint32_t> next;  // steps that wait for this one
  };

  // `graph` has no cycles. Call with the graph unchanging: it is an executable's own, or the graphs' lock is held.
  static Ref<GraphPlan> create(const Graph& graph);

  const std::vector<Step>& steps() const { return steps_; }
  // Each step depends on the one before it: nothing can run side by side.
  bool is_chain() const { return chain_; }
  // Of all conditional nodes, those in bodies included.
  const std::vector<Ref<Condition>>& conditions() const { return conditions_; }

 private:
  GraphPlan() = default;
  // Adds the graph's steps; those without dependencies wait for `entry`, if there is one. Returns the last steps.
  std::vector<uint32_t> append(const Graph& graph, const std::vector<uint32_t>& entry);
  uint32_t add_step(NodeWork work, bool enabled, const std::vector<uint32_t>& after);

  std::vector<Step> steps_;
  bool chain_ = true;
  std::vector<Ref<Condition>> conditions_;
};

// One launch: the plan, and what its event nodes wait for and complete. Made at cuGraphLaunch, where recording an event
// takes effect; runs once. If it never runs (its context failed), its destructor completes the events, so that nobody
// waits for ever.
class GraphLaunch final : public Operation {
 public:
  explicit GraphLaunch(Ref<GraphPlan> plan);
  ~GraphLaunch() override;

  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_GRAPH; }
  CUresult run(Context& context) override;
  // As a body of a conditional node: conditions keep their values.
  CUresult run_steps(Context& context);

 private:
  class Run;
  CUresult run_step(uint32_t index, Context& context, bool failed);

  const Ref<GraphPlan> plan_;
  std::vector<Ref<Completion>> points_;  // per step: of an event node, else null
};

}  // namespace vgpu::soft
