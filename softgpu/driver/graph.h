// SPDX-License-Identifier: Apache-2.0
// Graphs: nodes of work, and edges that order them. Built by cuGraphAdd* and by stream capture; GraphExec makes an
// executable of one. The structure of all graphs is guarded by one mutex: building graphs is rare, launching them does
// not come here. Every function below that touches nodes or edges is called with it held (GraphLock).
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/graph_memory.h"
#include "softgpu/driver/graph_work.h"
#include "softgpu/driver/object.h"
#include "softgpu/driver/user_object.h"

namespace vgpu::soft {

class Graph;

class GraphLock {
 public:
  GraphLock();
  ~GraphLock();
  GraphLock(const GraphLock&) = delete;
  GraphLock& operator=(const GraphLock&) = delete;
};

class GraphNode final : public Object {
 public:
  using Handle = CUgraphNode;
  static constexpr Kind kKind = Kind::graph_node;
  struct Edge {
    GraphNode* node;
    CUgraphEdgeData data;
  };

  GraphNode(Graph& owner, unsigned number, NodeWork what)
      : Object(Kind::graph_node), work(std::move(what)), graph(&owner), id(number) {}

  NodeWork work;
  Graph* graph;           // null once the node is destroyed
  const unsigned id;      // within its graph, in order of creation
  uint64_t original = 0;  // handle of the node that this one is a clone of
  bool enabled = true;    // in an executable graph
  std::vector<Edge> dependencies, dependents;
};

class Graph final : public Object {
 public:
  using Handle = CUgraph;
  static constexpr Kind kKind = Kind::graph;

  static CuResult<Ref<Graph>> create();
  ~Graph() override;

  const std::vector<Ref<GraphNode>>& nodes() const { return nodes_; }
  // A node that depends on `dependencies`, which were checked. Published.
  CuResult<Ref<GraphNode>> add(NodeWork work, std::vector<GraphNode::Edge> dependencies);
  void destroy_node(GraphNode& node);
  // One edge; INVALID_VALUE when the two have one already, are the same, or the data does not fit them.
  CUresult connect(GraphNode& from, GraphNode& to, const CUgraphEdgeData& data);
  bool disconnect(GraphNode& from, GraphNode& to);

  // A deep copy. `published`: its nodes have handles. `copies` receives every node's copy by the original's handle,
  // those of child graphs included.
  CuResult<Ref<Graph>> clone(bool published, std::unordered_map<uint64_t, GraphNode*>* copies) const;
  // The nodes so that each comes after all it depends on; empty when there is a cycle, one of whose nodes is then in
  // `stuck`.
  std::vector<GraphNode*> in_order(GraphNode** stuck = nullptr) const;
  // Whether it, or a child graph, allocates or frees memory.
  bool has_memory_nodes() const;
  bool has_conditional_nodes() const;
  // A conditional node in it with a body of nodes that no body may have, or null.
  GraphNode* find_misplaced_node() const;
  // cuGraphDestroy: takes back the handles of the graph, its nodes and its child graphs.
  void close();

  uint64_t original = 0;      // handle of the graph that this one is a clone of
  bool is_child = false;      // belongs to a node: cannot be destroyed by itself
  bool is_capturing = false;  // a stream capture is adding nodes
  // Counted by its executables, which outlive it.
  std::shared_ptr<std::atomic<int>> instances = std::make_shared<std::atomic<int>>(0);
  UserObjectReferences user_objects;
  std::vector<std::shared_ptr<ConditionHandle>> conditions;

 private:
  Graph() : Object(Kind::graph) {}
  // The first node for which `is_it` holds, in it or in a graph inside; null: none.
  template <class F>
  GraphNode* find_node_that(F is_it) const;

  std::vector<Ref<GraphNode>> nodes_;
  unsigned next_id_ = 0;
};

// INVALID_VALUE for handles of nothing, as NVIDIA's driver returns for graphs.
CuResult<Ref<Graph>> find_graph(CUgraph handle);
CuResult<Ref<GraphNode>> find_node(CUgraphNode handle);
CuResult<Ref<GraphNode>> find_node(CUgraphNode handle, CUgraphNodeType type);
// The dependencies argument of the cuGraphAdd* calls: INVALID_VALUE for nodes of other graphs, and for duplicates.
// `data` may be null.
CuResult<std::vector<GraphNode::Edge>> find_dependencies(const Graph& graph, const CUgraphNode* nodes,
                                                         const CUgraphEdgeData* data, size_t count);
// Whether the edge's ports and type suit an edge to `to` (CUgraphEdgeData in cuda.h).
bool is_valid_edge(const GraphNode& from, const NodeWork& to, const CUgraphEdgeData& data);
bool is_plain(const CUgraphEdgeData& data);

}  // namespace vgpu::soft
