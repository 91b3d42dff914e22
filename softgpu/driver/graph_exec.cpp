// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph_exec.h"

#include <algorithm>

#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

namespace vgpu::soft {
namespace {

CUgraphExecUpdateResultInfo difference(CUgraphExecUpdateResult result, const GraphNode* node = nullptr,
                                       const GraphNode* from = nullptr) {
  CUgraphExecUpdateResultInfo info{};
  info.result = result;
  if (node != nullptr) info.errorNode = handle_of(*node);
  if (from != nullptr) info.errorFromNode = handle_of(*from);
  return info;
}

// Where each node stands in its graph; counterparts of two graphs stand at the same place.
using Numbering = std::unordered_map<const GraphNode*, size_t>;

Numbering number(const Graph& graph) {
  Numbering numbers;
  for (size_t i = 0; i < graph.nodes().size(); ++i) numbers[graph.nodes()[i].get()] = i;
  return numbers;
}

bool depends_on(const GraphNode& node, const GraphNode& other) {
  return std::any_of(node.dependencies.begin(), node.dependencies.end(),
                     [&](const GraphNode::Edge& edge) { return edge.node == &other; });
}

CUgraphExecUpdateResult change_of(const NodeWork& before, const NodeWork& after) {
  if (can_become(before, after)) {
    const bool cooperative_changed =
        before.type == CU_GRAPH_NODE_TYPE_KERNEL &&
        before.launch().attributes().cooperative() != after.launch().attributes().cooperative();
    return cooperative_changed ? CU_GRAPH_EXEC_UPDATE_ERROR_ATTRIBUTES_CHANGED : CU_GRAPH_EXEC_UPDATE_SUCCESS;
  }
  return before.type == CU_GRAPH_NODE_TYPE_KERNEL ? CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE
                                                  : CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
}

CUgraphExecUpdateResultInfo compare_nodes(const GraphNode& before, const GraphNode& after) {
  if (before.work.type != after.work.type) return difference(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, &after);
  if (!(before.work.condition == after.work.condition) || before.work.choice != after.work.choice ||
      before.work.inner.size() != after.work.inner.size())
    return difference(CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED, &after);
  for (size_t i = 0; i < before.work.inner.size(); ++i) {
    const CUgraphExecUpdateResultInfo info = compare(*before.work.inner[i], *after.work.inner[i]);
    if (info.result != CU_GRAPH_EXEC_UPDATE_SUCCESS || i + 1 == before.work.inner.size()) return info;
  }
  const CUgraphNodeType type = after.work.type;
  if (type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || type == CU_GRAPH_NODE_TYPE_MEM_FREE) {
    const bool same = before.work.allocation == after.work.allocation && before.work.freed == after.work.freed;
    return difference(same ? CU_GRAPH_EXEC_UPDATE_SUCCESS : CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED,
                      same ? nullptr : &after);
  }
  const CUgraphExecUpdateResult result = change_of(before.work, after.work);
  return difference(result, result == CU_GRAPH_EXEC_UPDATE_SUCCESS ? nullptr : &after);
}

void take_over(Graph& copy, const Graph& graph) {
  for (size_t i = 0; i < copy.nodes().size(); ++i) {
    GraphNode& before = *copy.nodes()[i];
    const GraphNode& after = *graph.nodes()[i];
    for (size_t k = 0; k < before.work.inner.size(); ++k) take_over(*before.work.inner[k], *after.work.inner[k]);
    if (before.work.inner.empty()) before.work = after.work;
  }
}

}  // namespace

CUgraphExecUpdateResultInfo compare(const Graph& executable, const Graph& update) {
  if (executable.nodes().size() != update.nodes().size())
    return difference(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
  const Numbering numbers = number(update);
  for (size_t i = 0; i < update.nodes().size(); ++i) {
    const GraphNode &before = *executable.nodes()[i], &after = *update.nodes()[i];
    if (before.dependencies.size() != after.dependencies.size())
      return difference(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
    for (const GraphNode::Edge& edge : after.dependencies)
      if (!depends_on(before, *executable.nodes()[numbers.at(edge.node)]))
        return difference(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, &after, edge.node);
    const CUgraphExecUpdateResultInfo info = compare_nodes(before, after);
    if (info.result != CU_GRAPH_EXEC_UPDATE_SUCCESS) return info;
  }
  return difference(CU_GRAPH_EXEC_UPDATE_SUCCESS);
}

GraphExec::GraphExec(Ref<Graph> copy, uint64_t flags)
    : Object(Kind::graph_exec), flags_(flags), copy_(std::move(copy)) {}

GraphExec::~GraphExec() {
  if (instances_) instances_->fetch_sub(1, std::memory_order_relaxed);
}

Result<Ref<GraphExec>, GraphExec::Failure> GraphExec::create(const Graph& graph, uint64_t flags) {
  const GraphLock lock;
  GraphNode* stuck = nullptr;
  if (graph.in_order(&stuck).size() != graph.nodes().size())
    return Failure{CUDA_ERROR_INVALID_VALUE, CUDA_GRAPH_INSTANTIATE_INVALID_STRUCTURE, handle_of(*stuck)};
  if (graph.is_capturing || graph.is_child) return Failure{};
  // Memory of a graph has one place, and a condition one value, so only one executable of it may exist.
  const bool alone = graph.has_memory_nodes() || graph.has_conditional_nodes();
  if (alone && graph.instances->load(std::memory_order_relaxed) != 0)
    return Failure{CUDA_ERROR_NOT_SUPPORTED, CUDA_GRAPH_INSTANTIATE_NODE_OPERATION_NOT_SUPPORTED, nullptr};
  if (GraphNode* const misplaced = graph.find_misplaced_node())
    return Failure{CUDA_ERROR_NOT_SUPPORTED, CUDA_GRAPH_INSTANTIATE_NODE_OPERATION_NOT_SUPPORTED,
                   handle_of(*misplaced)};
  std::unordered_map<uint64_t, GraphNode*> copies;
  auto copy = graph.clone(false, &copies);
  if (!copy) return Failure{copy.error(), CUDA_GRAPH_INSTANTIATE_ERROR, nullptr};
  Ref<GraphExec> exec(new GraphExec(*std::move(copy), flags));
  exec->copies_ = std::move(copies);
  exec->instances_ = graph.instances;
  exec->instances_->fetch_add(1, std::memory_order_relaxed);
  exec->plan_ = GraphPlan::create(*exec->copy_);
  if (publish(exec) == 0) return Failure{CUDA_ERROR_OUT_OF_MEMORY, CUDA_GRAPH_INSTANTIATE_ERROR, nullptr};
  return exec;
}

CUresult GraphExec::check_memory(const GraphPlan& plan) const {
  if ((flags_ & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH) != 0) return CUDA_SUCCESS;
  for (const GraphPlan::Step& step : plan.steps())
    if (step.work.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC && step.work.allocation->live()) return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

CUresult GraphExec::launch(Stream& stream) {
  const std::lock_guard lock(mutex_);
  if (!plan_) plan_ = GraphPlan::create(*copy_);
  VGPU_CHECK(check_memory(*plan_));
  if (stream.type() == Stream::Type::legacy) VGPU_CHECK(check_legacy_use(stream.context()));
  // Launches of one executable never overlap, whatever their streams (CUDA driver API, cuGraphLaunch).
  std::vector<Ref<Completion>> after;
  if (last_ && !last_->done()) after.push_back(last_);
  last_ = stream.post(make_ref<GraphLaunch>(plan_), std::move(after));
  // Allocations and frees take effect, for those who count them, when the launch is made.
  for (const GraphPlan::Step& step : plan_->steps())
    if (step.work.allocation) step.work.allocation->set_live(step.work.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC);
  return CUDA_SUCCESS;
}

CuResult<GraphNode*> GraphExec::find_copy(const GraphNode& original) {
  const auto found = copies_.find(original.handle_value());
  if (found == copies_.end()) return CUDA_ERROR_INVALID_VALUE;
  return found->second;
}

CUresult GraphExec::set_work(const GraphNode& original, NodeWork work) {
  const std::lock_guard lock(mutex_);
  GraphNode* const node = TRY(find_copy(original));
  if (!can_become(node->work, work)) return CUDA_ERROR_INVALID_VALUE;
  node->work = std::move(work);
  plan_ = nullptr;
  return CUDA_SUCCESS;
}

CUresult GraphExec::set_child(const GraphNode& original, const Graph& child) {
  const std::lock_guard lock(mutex_);
  GraphNode* const node = TRY(find_copy(original));
  if (node->work.type != CU_GRAPH_NODE_TYPE_GRAPH) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock graph_lock;
  if (compare(*node->work.inner.front(), child).result != CU_GRAPH_EXEC_UPDATE_SUCCESS) return CUDA_ERROR_INVALID_VALUE;
  take_over(*node->work.inner.front(), child);
  plan_ = nullptr;
  return CUDA_SUCCESS;
}

CUresult GraphExec::set_enabled(const GraphNode& original, bool enabled) {
  const std::lock_guard lock(mutex_);
  GraphNode* const node = TRY(find_copy(original));
  node->enabled = enabled;
  plan_ = nullptr;
  return CUDA_SUCCESS;
}

CuResult<bool> GraphExec::enabled(const GraphNode& original) {
  const std::lock_guard lock(mutex_);
  return TRY(find_copy(original))->enabled;
}

CUresult GraphExec::update(const Graph& graph, CUgraphExecUpdateResultInfo* info) {
  const std::lock_guard lock(mutex_);
  const GraphLock graph_lock;
  *info = compare(*copy_, graph);
  if (info->result != CU_GRAPH_EXEC_UPDATE_SUCCESS) return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  take_over(*copy_, graph);
  plan_ = nullptr;
  return CUDA_SUCCESS;
}

CuResult<Ref<GraphExec>> find_exec(CUgraphExec handle) {
  TRY(current_process());
  Ref<GraphExec> exec = find<GraphExec>(handle);
  if (!exec) return CUDA_ERROR_INVALID_VALUE;
  return exec;
}

}  // namespace vgpu::soft
