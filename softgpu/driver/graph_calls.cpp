// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Graph Management": graphs as a whole, and their nodes and edges whatever the nodes do.
#include <algorithm>

#include "softgpu/driver/graph.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

// The convention of the queries: without an array only the count is told; otherwise the array is filled as far as it
// goes, its rest with zeros, and the count becomes what was filled, or what there is when that is less.
template <class Item, class Value>
void fill(Item* out, size_t capacity, size_t available, Value value) {
  if (out == nullptr) return;
  for (size_t i = 0; i < capacity; ++i) out[i] = i < available ? value(i) : Item{};
}

struct GraphEdge {
  CUgraphNode from, to;
  CUgraphEdgeData data;
};

std::vector<GraphEdge> list_edges(const Graph& graph) {
  std::vector<GraphEdge> edges;
  for (const Ref<GraphNode>& node : graph.nodes())
    for (const GraphNode::Edge& edge : node->dependents)
      edges.push_back({handle_of(*node), handle_of(*edge.node), edge.data});
  return edges;
}

CUresult get_edges(CUgraph handle, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* data, size_t* count) {
  const Ref<Graph> graph = TRY(find_graph(handle));
  if (count == nullptr || (from == nullptr) != (to == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  if (from == nullptr && data != nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  const std::vector<GraphEdge> edges = list_edges(*graph);
  const size_t capacity = from == nullptr ? edges.size() : *count;
  const size_t filled = std::min(capacity, edges.size());
  if (from != nullptr && data == nullptr)
    for (size_t i = 0; i < filled; ++i)
      if (!is_plain(edges[i].data)) return CUDA_ERROR_LOSSY_QUERY;
  fill(from, capacity, edges.size(), [&](size_t i) { return edges[i].from; });
  fill(to, capacity, edges.size(), [&](size_t i) { return edges[i].to; });
  fill(data, capacity, edges.size(), [&](size_t i) { return edges[i].data; });
  *count = filled;
  return CUDA_SUCCESS;
}

CUresult get_neighbours(CUgraphNode handle, std::vector<GraphNode::Edge> GraphNode::*list, CUgraphNode* nodes,
                        CUgraphEdgeData* data, size_t* count) {
  const Ref<GraphNode> node = TRY(find_node(handle));
  if (count == nullptr || (nodes == nullptr && data != nullptr)) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  const std::vector<GraphNode::Edge>& edges = (*node).*list;
  const size_t capacity = nodes == nullptr ? edges.size() : *count;
  const size_t filled = std::min(capacity, edges.size());
  if (nodes != nullptr && data == nullptr)
    for (size_t i = 0; i < filled; ++i)
      if (!is_plain(edges[i].data)) return CUDA_ERROR_LOSSY_QUERY;
  fill(nodes, capacity, edges.size(), [&](size_t i) { return handle_of(*edges[i].node); });
  fill(data, capacity, edges.size(), [&](size_t i) { return edges[i].data; });
  *count = filled;
  return CUDA_SUCCESS;
}

CUresult get_nodes(CUgraph handle, CUgraphNode* nodes, size_t* count, bool roots_only) {
  const Ref<Graph> graph = TRY(find_graph(handle));
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  std::vector<CUgraphNode> list;
  for (const Ref<GraphNode>& node : graph->nodes())
    if (!roots_only || node->dependencies.empty()) list.push_back(handle_of(*node));
  const size_t capacity = nodes == nullptr ? list.size() : *count;
  fill(nodes, capacity, list.size(), [&](size_t i) { return list[i]; });
  *count = std::min(capacity, list.size());
  return CUDA_SUCCESS;
}

using EdgeChange = CUresult (*)(Graph&, GraphNode& from, GraphNode& to, const CUgraphEdgeData&);

CUresult change_edges(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to, const CUgraphEdgeData* data,
                      size_t count, EdgeChange change) {
  const Ref<Graph> graph = TRY(find_graph(handle));
  if (count != 0 && (from == nullptr || to == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  for (size_t i = 0; i < count; ++i) {
    const Ref<GraphNode> source = TRY(find_node(from[i]));
    const Ref<GraphNode> target = TRY(find_node(to[i]));
    if (source->graph != graph.get() || target->graph != graph.get()) return CUDA_ERROR_INVALID_VALUE;
    VGPU_CHECK(change(*graph, *source, *target, data != nullptr ? data[i] : CUgraphEdgeData{}));
  }
  return CUDA_SUCCESS;
}

CUresult add_edge(Graph& graph, GraphNode& from, GraphNode& to, const CUgraphEdgeData& data) {
  return graph.connect(from, to, data);
}
CUresult remove_edge(Graph& graph, GraphNode& from, GraphNode& to, const CUgraphEdgeData&) {
  return graph.disconnect(from, to) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuGraphCreate(CUgraph* phGraph, unsigned int flags) {
  TRY(current_process());
  if (phGraph == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  *phGraph = handle_of(*TRY(Graph::create()));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphDestroy(CUgraph hGraph) {
  const Ref<Graph> graph = TRY(find_graph(hGraph));
  const GraphLock lock;
  if (graph->is_child) return CUDA_ERROR_INVALID_VALUE;
  if (graph->is_capturing) return CUDA_ERROR_ILLEGAL_STATE;
  graph->close();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphClone(CUgraph* phGraphClone, CUgraph originalGraph) {
  TRY(current_process());
  if (phGraphClone == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Graph> graph = TRY(find_graph(originalGraph));
  const GraphLock lock;
  if (graph->has_memory_nodes() || graph->has_conditional_nodes()) return CUDA_ERROR_NOT_SUPPORTED;
  *phGraphClone = handle_of(*TRY(graph->clone(true, nullptr)));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphNodeFindInClone(CUgraphNode* phNode, CUgraphNode hOriginalNode, CUgraph hClonedGraph) {
  TRY(current_process());
  if (phNode == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *phNode = nullptr;
  const Ref<GraphNode> original = TRY(find_node(hOriginalNode));
  const Ref<Graph> clone = TRY(find_graph(hClonedGraph));
  const GraphLock lock;
  for (const Ref<GraphNode>& node : clone->nodes()) {
    if (node->original != original->handle_value()) continue;
    *phNode = handle_of(*node);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuGraphNodeGetType(CUgraphNode hNode, CUgraphNodeType* type) {
  const Ref<GraphNode> node = TRY(find_node(hNode));
  if (type == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *type = node->work.type;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphDestroyNode(CUgraphNode hNode) {
  const Ref<GraphNode> node = TRY(find_node(hNode));
  const GraphLock lock;
  Graph* const graph = node->graph;
  if (graph == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUgraphNodeType type = node->work.type;
  if (type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || type == CU_GRAPH_NODE_TYPE_MEM_FREE) return CUDA_ERROR_NOT_SUPPORTED;
  if (graph->is_capturing) return CUDA_ERROR_ILLEGAL_STATE;
  graph->destroy_node(*node);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphGetNodes(CUgraph hGraph, CUgraphNode* nodes, size_t* numNodes) {
  return get_nodes(hGraph, nodes, numNodes, false);
}
CUresult CUDAAPI cuGraphGetRootNodes(CUgraph hGraph, CUgraphNode* rootNodes, size_t* numRootNodes) {
  return get_nodes(hGraph, rootNodes, numRootNodes, true);
}

CUresult CUDAAPI cuGraphGetEdges(CUgraph hGraph, CUgraphNode* from, CUgraphNode* to, size_t* numEdges) {
  return get_edges(hGraph, from, to, nullptr, numEdges);
}
CUresult CUDAAPI cuGraphGetEdges_v2(CUgraph hGraph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* edgeData,
                                    size_t* numEdges) {
  return get_edges(hGraph, from, to, edgeData, numEdges);
}

CUresult CUDAAPI cuGraphNodeGetDependencies(CUgraphNode hNode, CUgraphNode* dependencies, size_t* numDependencies) {
  return get_neighbours(hNode, &GraphNode::dependencies, dependencies, nullptr, numDependencies);
}
CUresult CUDAAPI cuGraphNodeGetDependencies_v2(CUgraphNode hNode, CUgraphNode* dependencies, CUgraphEdgeData* edgeData,
                                               size_t* numDependencies) {
  return get_neighbours(hNode, &GraphNode::dependencies, dependencies, edgeData, numDependencies);
}
CUresult CUDAAPI cuGraphNodeGetDependentNodes(CUgraphNode hNode, CUgraphNode* dependentNodes,
                                              size_t* numDependentNodes) {
  return get_neighbours(hNode, &GraphNode::dependents, dependentNodes, nullptr, numDependentNodes);
}
CUresult CUDAAPI cuGraphNodeGetDependentNodes_v2(CUgraphNode hNode, CUgraphNode* dependentNodes,
                                                 CUgraphEdgeData* edgeData, size_t* numDependentNodes) {
  return get_neighbours(hNode, &GraphNode::dependents, dependentNodes, edgeData, numDependentNodes);
}

CUresult CUDAAPI cuGraphAddDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                        size_t numDependencies) {
  return change_edges(hGraph, from, to, nullptr, numDependencies, add_edge);
}
CUresult CUDAAPI cuGraphAddDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                           const CUgraphEdgeData* edgeData, size_t numDependencies) {
  return change_edges(hGraph, from, to, edgeData, numDependencies, add_edge);
}
CUresult CUDAAPI cuGraphRemoveDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                           size_t numDependencies) {
  return change_edges(hGraph, from, to, nullptr, numDependencies, remove_edge);
}
CUresult CUDAAPI cuGraphRemoveDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                              const CUgraphEdgeData* edgeData, size_t numDependencies) {
  return change_edges(hGraph, from, to, edgeData, numDependencies, remove_edge);
}

}  // extern "C"
