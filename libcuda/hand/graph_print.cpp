// SPDX-License-Identifier: Apache-2.0
// cuGraphDebugDotPrint: the file is the program's, so the guest writes it, from what the graph answers about itself.
#include <cstdio>
#include <memory>

#include "libcuda/hand/graph_node.h"

namespace vgpu::guest {
namespace {

const char* name_of(CUgraphNodeType type) {
  switch (type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: return "kernel";
    case CU_GRAPH_NODE_TYPE_MEMCPY: return "memcpy";
    case CU_GRAPH_NODE_TYPE_MEMSET: return "memset";
    case CU_GRAPH_NODE_TYPE_HOST: return "host";
    case CU_GRAPH_NODE_TYPE_GRAPH: return "graph";
    case CU_GRAPH_NODE_TYPE_EMPTY: return "empty";
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT: return "event wait";
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD: return "event record";
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: return "mem alloc";
    case CU_GRAPH_NODE_TYPE_MEM_FREE: return "mem free";
    default: return "node";
  }
}

struct Shape {
  std::vector<CUgraphNode> nodes, from, to;
};

CUresult read_shape(const Admitted& admitted, CUgraph graph, Shape& shape) {
  size_t count = 0;
  VGPU_CHECK(forward(admitted, api::spec::cuGraphGetNodes, graph, static_cast<CUgraphNode*>(nullptr), &count));
  shape.nodes.resize(count);
  VGPU_CHECK(forward(admitted, api::spec::cuGraphGetNodes, graph, shape.nodes.data(), &count));
  CUgraphNode* none = nullptr;
  CUgraphEdgeData* no_data = nullptr;
  VGPU_CHECK(forward(admitted, api::spec::cuGraphGetEdges_v2, graph, none, none, no_data, &count));
  shape.from.resize(count);
  shape.to.resize(count);
  return forward(admitted, api::spec::cuGraphGetEdges_v2, graph, shape.from.data(), shape.to.data(), no_data, &count);
}

}  // namespace

namespace by_hand {

CUresult cuGraphDebugDotPrint(CUgraph hGraph, const char* path, unsigned int /*flags*/) {
  VGPU_ADMIT(admitted);
  if (hGraph == nullptr || path == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Shape shape;
  VGPU_CHECK(read_shape(admitted, hGraph, shape));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "w"), &std::fclose);
  if (file == nullptr) return CUDA_ERROR_OPERATING_SYSTEM;
  std::fputs("digraph graph_1 {\n", file.get());
  for (const CUgraphNode node : shape.nodes) {
    CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
    VGPU_CHECK(forward(admitted, api::spec::cuGraphNodeGetType, node, &type));
    std::fprintf(file.get(), "  \"%p\" [label=\"%s\"];\n", static_cast<void*>(node), name_of(type));
  }
  for (size_t i = 0; i < shape.from.size(); ++i)
    std::fprintf(file.get(), "  \"%p\" -> \"%p\";\n", static_cast<void*>(shape.from[i]),
                 static_cast<void*>(shape.to[i]));
  std::fputs("}\n", file.get());
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
