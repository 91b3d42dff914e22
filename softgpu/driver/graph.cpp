// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph.h"

#include <algorithm>
#include <cstring>
#include <mutex>

#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

std::mutex& graphs_mutex() {
  static std::mutex& mutex = *new std::mutex;  // Graphs may be used during the exit of the process.
  return mutex;
}

void erase_edge(std::vector<GraphNode::Edge>& edges, const GraphNode& node) {
  std::erase_if(edges, [&](const GraphNode::Edge& edge) { return edge.node == &node; });
}

bool has_edge(const std::vector<GraphNode::Edge>& edges, const GraphNode& node) {
  return std::any_of(edges.begin(), edges.end(), [&](const GraphNode::Edge& edge) { return edge.node == &node; });
}

}  // namespace

GraphLock::GraphLock() { graphs_mutex().lock(); }
GraphLock::~GraphLock() { graphs_mutex().unlock(); }

CuResult<Ref<Graph>> Graph::create() {
  Ref<Graph> graph(new Graph);
  if (publish(graph) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  return graph;
}

Graph::~Graph() {
  // Somebody may still hold a node, which must not reach for its graph or its neighbours.
  for (const Ref<GraphNode>& node : nodes_) {
    node->graph = nullptr;
    node->dependencies.clear();
    node->dependents.clear();
  }
}

CuResult<Ref<GraphNode>> Graph::add(NodeWork work, std::vector<GraphNode::Edge> dependencies) {
  Ref<GraphNode> node = make_ref<GraphNode>(*this, next_id_++, std::move(work));
  if (publish(node) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  node->dependencies = std::move(dependencies);
  for (const GraphNode::Edge& edge : node->dependencies) edge.node->dependents.push_back({node.get(), edge.data});
  nodes_.push_back(node);
  return node;
}

void Graph::destroy_node(GraphNode& node) {
  for (const GraphNode::Edge& edge : node.dependencies) erase_edge(edge.node->dependents, node);
  for (const GraphNode::Edge& edge : node.dependents) erase_edge(edge.node->dependencies, node);
  node.dependencies.clear();
  node.dependents.clear();
  node.graph = nullptr;
  for (const Ref<Graph>& inner : node.work.inner) inner->close();
  retire(node.handle_value(), Kind::graph_node);
  std::erase_if(nodes_, [&](const Ref<GraphNode>& each) { return each.get() == &node; });
}

CUresult Graph::connect(GraphNode& from, GraphNode& to, const CUgraphEdgeData& data) {
  if (&from == &to || has_edge(to.dependencies, from) || !is_valid_edge(from, to.work, data))
    return CUDA_ERROR_INVALID_VALUE;
  to.dependencies.push_back({&from, data});
  from.dependents.push_back({&to, data});
  return CUDA_SUCCESS;
}

bool Graph::disconnect(GraphNode& from, GraphNode& to) {
  if (!has_edge(to.dependencies, from)) return false;
  erase_edge(to.dependencies, from);
  erase_edge(from.dependents, to);
  return true;
}

CuResult<Ref<Graph>> Graph::clone(bool published, std::unordered_map<uint64_t, GraphNode*>* copies) const {
  Ref<Graph> copy(new Graph);
  if (published && publish(copy) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  copy->original = handle_value();
  copy->next_id_ = next_id_;
  std::unordered_map<const GraphNode*, GraphNode*> twins;
  for (const Ref<GraphNode>& node : nodes_) {
    NodeWork work = node->work;
    for (Ref<Graph>& inner : work.inner) {
      inner = TRY(inner->clone(published, copies));
      inner->is_child = true;
    }
    Ref<GraphNode> twin = make_ref<GraphNode>(*copy, node->id, std::move(work));
    twin->original = node->handle_value();
    if (published && publish(twin) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    twins[node.get()] = twin.get();
    if (copies != nullptr) copies->emplace(twin->original, twin.get());
    copy->nodes_.push_back(std::move(twin));
  }
  for (const Ref<GraphNode>& node : nodes_) {
    GraphNode& twin = *twins[node.get()];
    for (const GraphNode::Edge& edge : node->dependencies) twin.dependencies.push_back({twins[edge.node], edge.data});
    for (const GraphNode::Edge& edge : node->dependents) twin.dependents.push_back({twins[edge.node], edge.data});
  }
  copy->conditions = conditions;
  copy->user_objects.copy_from(user_objects);
  return copy;
}

std::vector<GraphNode*> Graph::in_order(GraphNode** stuck) const {
  std::unordered_map<const GraphNode*, size_t> missing;
  std::vector<GraphNode*> order;
  order.reserve(nodes_.size());
  for (const Ref<GraphNode>& node : nodes_) {
    missing[node.get()] = node->dependencies.size();
    if (node->dependencies.empty()) order.push_back(node.get());
  }
  for (size_t i = 0; i < order.size(); ++i)
    for (const GraphNode::Edge& edge : order[i]->dependents)
      if (--missing[edge.node] == 0) order.push_back(edge.node);
  if (order.size() == nodes_.size()) return order;
  for (const Ref<GraphNode>& node : nodes_)
    if (stuck != nullptr && missing[node.get()] != 0) *stuck = node.get();
  return {};
}

template <class F>
GraphNode* Graph::find_node_that(F is_it) const {
  for (const Ref<GraphNode>& node : nodes_) {
    if (is_it(*node)) return node.get();
    for (const Ref<Graph>& inner : node->work.inner)
      if (GraphNode* const found = inner->find_node_that(is_it)) return found;
  }
  return nullptr;
}

bool Graph::has_memory_nodes() const {
  return find_node_that([](const GraphNode& node) {
           return node.work.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || node.work.type == CU_GRAPH_NODE_TYPE_MEM_FREE;
         }) != nullptr;
}

bool Graph::has_conditional_nodes() const {
  return find_node_that([](const GraphNode& node) { return static_cast<bool>(node.work.condition); }) != nullptr;
}

GraphNode* Graph::find_misplaced_node() const {
  return find_node_that([](const GraphNode& node) {
    if (!node.work.condition) return false;
    return std::any_of(node.work.inner.begin(), node.work.inner.end(), [](const Ref<Graph>& body) {
      return body->find_node_that([](const GraphNode& each) {
        switch (each.work.type) {
          case CU_GRAPH_NODE_TYPE_KERNEL:
          case CU_GRAPH_NODE_TYPE_EMPTY:
          case CU_GRAPH_NODE_TYPE_GRAPH:
          case CU_GRAPH_NODE_TYPE_MEMSET:
          case CU_GRAPH_NODE_TYPE_MEMCPY:
          case CU_GRAPH_NODE_TYPE_CONDITIONAL: return false;
          default: return true;
        }
      }) != nullptr;
    });
  });
}

void Graph::close() {
  retire(handle_value(), Kind::graph);
  for (const Ref<GraphNode>& node : nodes_) {
    retire(node->handle_value(), Kind::graph_node);
    for (const Ref<Graph>& inner : node->work.inner) inner->close();
  }
}

CuResult<Ref<Graph>> find_graph(CUgraph handle) {
  TRY(current_process());
  Ref<Graph> graph = find<Graph>(handle);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  return graph;
}

CuResult<Ref<GraphNode>> find_node(CUgraphNode handle) {
  TRY(current_process());
  Ref<GraphNode> node = find<GraphNode>(handle);
  if (!node) return CUDA_ERROR_INVALID_VALUE;
  return node;
}

CuResult<Ref<GraphNode>> find_node(CUgraphNode handle, CUgraphNodeType type) {
  Ref<GraphNode> node = TRY(find_node(handle));
  if (node->work.type != type) return CUDA_ERROR_INVALID_VALUE;
  return node;
}

CuResult<std::vector<GraphNode::Edge>> find_dependencies(const Graph& graph, const CUgraphNode* nodes,
                                                         const CUgraphEdgeData* data, size_t count) {
  std::vector<GraphNode::Edge> edges;
  if (count != 0 && nodes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  edges.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const Ref<GraphNode> node = TRY(find_node(nodes[i]));
    if (node->graph != &graph || has_edge(edges, *node)) return CUDA_ERROR_INVALID_VALUE;
    edges.push_back({node.get(), data != nullptr ? data[i] : CUgraphEdgeData{}});
  }
  return edges;
}

bool is_plain(const CUgraphEdgeData& data) {
  const CUgraphEdgeData zero{};
  return std::memcmp(&data, &zero, sizeof zero) == 0;
}

bool is_valid_edge(const GraphNode& from, const NodeWork& to, const CUgraphEdgeData& data) {
  if (is_plain(data)) return true;
  const bool between_kernels = from.work.type == CU_GRAPH_NODE_TYPE_KERNEL && to.type == CU_GRAPH_NODE_TYPE_KERNEL;
  const bool early_port = data.from_port == CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC ||
                          data.from_port == CU_GRAPH_KERNEL_NODE_PORT_LAUNCH_ORDER;
  return between_kernels && early_port && data.to_port == 0 && data.type == CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
}

}  // namespace vgpu::soft
