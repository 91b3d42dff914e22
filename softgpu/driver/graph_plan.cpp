// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph_plan.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <unordered_map>

#include "softgpu/driver/executor.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {

namespace {

// Runs the bodies of a conditional node as its condition says.
class ConditionalOperation final : public Operation {
 public:
  ConditionalOperation(Ref<Condition> condition, CUgraphConditionalNodeType choice, std::vector<Ref<GraphPlan>> bodies)
      : condition_(std::move(condition)), choice_(choice), bodies_(std::move(bodies)) {}

  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_CONDITIONAL; }
  CUresult run(Context& context) override {
    const unsigned value = condition_->get();
    if (choice_ == CU_GRAPH_COND_TYPE_SWITCH) return run_body(value, context);
    if (choice_ == CU_GRAPH_COND_TYPE_IF) return run_body(value != 0 ? 0 : 1, context);
    while (condition_->get() != 0) {
      if (const CUresult status = context.check(); status != CUDA_SUCCESS) return status;
      if (const CUresult status = run_body(0, context); status != CUDA_SUCCESS) return status;
    }
    return CUDA_SUCCESS;
  }

 private:
  CUresult run_body(size_t index, Context& context) const {
    return index < bodies_.size() ? make_ref<GraphLaunch>(bodies_[index])->run_steps(context) : CUDA_SUCCESS;
  }

  const Ref<Condition> condition_;
  const CUgraphConditionalNodeType choice_;
  const std::vector<Ref<GraphPlan>> bodies_;
};

}  // namespace

Ref<GraphPlan> GraphPlan::create(const Graph& graph) {
  Ref<GraphPlan> plan(new GraphPlan);
  plan->append(graph, {});
  return plan;
}

uint32_t GraphPlan::add_step(NodeWork work, bool enabled, const std::vector<uint32_t>& after) {
  const auto index = static_cast<uint32_t>(steps_.size());
  Step step;
  step.work = std::move(work);
  step.enabled = enabled;
  step.dependencies = static_cast<uint32_t>(after.size());
  steps_.push_back(std::move(step));
  for (const uint32_t before : after) steps_[before].next.push_back(index);
  if (index != 0 && std::find(after.begin(), after.end(), index - 1) == after.end()) chain_ = false;
  return index;
}

std::vector<uint32_t> GraphPlan::append(const Graph& graph, const std::vector<uint32_t>& entry) {
  std::unordered_map<const GraphNode*, uint32_t> done;  // the step after which a node is done
  std::vector<uint32_t> last;
  for (const GraphNode* node : graph.in_order()) {
    std::vector<uint32_t> after;
    for (const GraphNode::Edge& edge : node->dependencies) after.push_back(done[edge.node]);
    if (after.empty()) after = entry;
    uint32_t step;
    if (node->work.condition) {
      conditions_.push_back(node->work.condition);
      NodeWork work = node->work;
      std::vector<Ref<GraphPlan>> bodies;
      for (const Ref<Graph>& body : node->work.inner) {
        bodies.push_back(create(*body));
        conditions_.insert(conditions_.end(), bodies.back()->conditions_.begin(), bodies.back()->conditions_.end());
      }
      work.operation = make_ref<ConditionalOperation>(work.condition, work.choice, std::move(bodies));
      step = add_step(std::move(work), node->enabled, after);
    } else if (!node->work.inner.empty() && node->enabled) {
      // An empty step before and one after stand for the child graph.
      const std::vector<uint32_t> begin{add_step({}, true, after)};
      const std::vector<uint32_t> end = append(*node->work.inner.front(), begin);
      step = add_step({}, true, end.empty() ? begin : end);
    } else {
      step = add_step(node->work, node->enabled, after);
    }
    done[node] = step;
    if (node->dependents.empty()) last.push_back(step);
  }
  return last;
}

GraphLaunch::GraphLaunch(Ref<GraphPlan> plan) : plan_(std::move(plan)), points_(plan_->steps().size()) {
  for (size_t i = 0; i < points_.size(); ++i) {
    const GraphPlan::Step& step = plan_->steps()[i];
    if (step.work.type == CU_GRAPH_NODE_TYPE_WAIT_EVENT) points_[i] = step.work.event->point();
    if (step.work.type != CU_GRAPH_NODE_TYPE_EVENT_RECORD) continue;
    points_[i] = make_ref<Completion>();
    step.work.event->set_point(points_[i]);
  }
}

GraphLaunch::~GraphLaunch() {
  for (size_t i = 0; i < points_.size(); ++i)
    if (plan_->steps()[i].work.type == CU_GRAPH_NODE_TYPE_EVENT_RECORD && !points_[i]->done())
      points_[i]->complete(CUDA_ERROR_LAUNCH_FAILED);
}

// After a failure only events are still completed: others may wait for them.
CUresult GraphLaunch::run_step(uint32_t index, Context& context, bool failed) {
  const GraphPlan::Step& step = plan_->steps()[index];
  if (step.work.type == CU_GRAPH_NODE_TYPE_EVENT_RECORD) {
    points_[index]->complete(failed ? CUDA_ERROR_LAUNCH_FAILED : CUDA_SUCCESS);
    return CUDA_SUCCESS;
  }
  if (failed || !step.enabled) return CUDA_SUCCESS;
  if (step.work.type == CU_GRAPH_NODE_TYPE_WAIT_EVENT) {
    if (points_[index]) points_[index]->wait();
    return CUDA_SUCCESS;
  }
  if (!step.work.operation) return CUDA_SUCCESS;  // empty nodes, and memory nodes, whose state changed at the launch
  Context& where = step.work.context ? *step.work.context : context;
  if (const CUresult status = where.check(); status != CUDA_SUCCESS) return status;
  const CUresult result = step.work.operation->run(where);
  if (result != CUDA_SUCCESS && &where != &context) where.fail(result);
  return result;
}

// A launch whose steps may run side by side. Kept by every thread that runs a part of it.
class GraphLaunch::Run final : public RefCounted {
 public:
  Run(GraphLaunch& launch, Context& context)
      : launch_(launch),
        context_(context),
        missing_(std::make_unique<std::atomic<uint32_t>[]>(steps().size())),
        left_(steps().size()) {
    for (size_t i = 0; i < steps().size(); ++i) missing_[i].store(steps()[i].dependencies, std::memory_order_relaxed);
  }

  CUresult run() {
    std::vector<uint32_t> roots;
    for (uint32_t i = 0; i < steps().size(); ++i)
      if (steps()[i].dependencies == 0) roots.push_back(i);
    for (size_t i = 1; i < roots.size(); ++i) elsewhere(roots[i]);
    follow(roots.front());
    done_.wait(0, std::memory_order_acquire);
    return error_.load(std::memory_order_acquire);
  }

 private:
  const std::vector<GraphPlan::Step>& steps() const { return launch_.plan_->steps(); }

  void elsewhere(uint32_t index) {
    Process::get()->executor().submit([self = Ref<Run>(this), index] { self->follow(index); });
  }

  // Runs a step, then one of those that it made ready, and so on; the others go to other threads.
  void follow(uint32_t index) {
    for (;;) {
      const bool failed = error_.load(std::memory_order_acquire) != CUDA_SUCCESS;
      const CUresult result = launch_.run_step(index, context_, failed);
      CUresult none = CUDA_SUCCESS;
      if (result != CUDA_SUCCESS) error_.compare_exchange_strong(none, result, std::memory_order_acq_rel);
      std::optional<uint32_t> mine;
      for (const uint32_t next : steps()[index].next) {
        // acq_rel: the step sees what all that it depends on have written.
        if (missing_[next].fetch_sub(1, std::memory_order_acq_rel) != 1) continue;
        if (mine) elsewhere(next);
        else mine = next;
      }
      if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        done_.store(1, std::memory_order_release);
        done_.notify_all();
      }
      if (!mine) return;
      index = *mine;
    }
  }

  GraphLaunch& launch_;  // outlives the steps: run() waits for them
  Context& context_;
  const std::unique_ptr<std::atomic<uint32_t>[]> missing_;
  std::atomic<size_t> left_;
  std::atomic<CUresult> error_{CUDA_SUCCESS};
  std::atomic<int> done_{0};
};

CUresult GraphLaunch::run(Context& context) {
  for (const Ref<Condition>& condition : plan_->conditions()) condition->begin_launch();
  return run_steps(context);
}

CUresult GraphLaunch::run_steps(Context& context) {
  const size_t count = plan_->steps().size();
  if (count == 0) return CUDA_SUCCESS;
  if (!plan_->is_chain()) return make_ref<Run>(*this, context)->run();
  CUresult result = CUDA_SUCCESS;
  for (uint32_t i = 0; i < count; ++i) {
    const CUresult status = run_step(i, context, result != CUDA_SUCCESS);
    if (result == CUDA_SUCCESS) result = status;
  }
  return result;
}

}  // namespace vgpu::soft
