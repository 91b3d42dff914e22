// SPDX-License-Identifier: Apache-2.0
// cuGraphDebugDotPrint: a graph as a drawing for Graphviz. With the flags for parameters and handles, labels say more.
#include <cstdio>
#include <memory>
#include <string>

#include "softgpu/driver/graph.h"

using namespace vgpu::soft;

namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

bool wants(unsigned flags, unsigned flag) { return (flags & (flag | CU_GRAPH_DEBUG_DOT_FLAGS_VERBOSE)) != 0; }

const char* name_of(CUgraphNodeType type) {
  switch (static_cast<int>(type)) {
    case CU_GRAPH_NODE_TYPE_HOST: return "HOST";
    case CU_GRAPH_NODE_TYPE_GRAPH: return "GRAPH";
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT: return "EVENT_WAIT";
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD: return "EVENT_RECORD";
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: return "MEM_ALLOC";
    case CU_GRAPH_NODE_TYPE_MEM_FREE: return "MEM_FREE";
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: return "BATCH_MEM_OP";
    case CU_GRAPH_NODE_TYPE_CONDITIONAL: return "CONDITIONAL";
    default: return "EMPTY";
  }
}

std::string kernel_label(const NodeWork& work, unsigned flags) {
  const KernelOperation& launch = work.launch();
  std::string label = launch.function()->name();
  if (!wants(flags, CU_GRAPH_DEBUG_DOT_FLAGS_KERNEL_NODE_PARAMS)) return label;
  const LaunchShape& shape = launch.shape();
  char text[128];
  std::snprintf(text, sizeof text, "\\n<<<(%u,%u,%u),(%u,%u,%u),%u>>>", shape.grid.x, shape.grid.y, shape.grid.z,
                shape.block.x, shape.block.y, shape.block.z, shape.shared_bytes);
  return label + text;
}

std::string label_of(const NodeWork& work, unsigned flags) {
  char text[128];
  switch (static_cast<int>(work.type)) {
    case CU_GRAPH_NODE_TYPE_KERNEL: return kernel_label(work, flags);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS_v1& set = work.set().parameters();
      std::snprintf(text, sizeof text, "MEMSET\\n(%u,%zu)", set.value, set.width * set.elementSize * set.height);
      return text;
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY: {
      const CUDA_MEMCPY3D_PEER& copy = work.copy().parameters();
      std::snprintf(text, sizeof text, "MEMCPY\\n(%zu)", copy.WidthInBytes * copy.Height * copy.Depth);
      return text;
    }
    default: return name_of(work.type);
  }
}

class DotWriter {
 public:
  DotWriter(std::FILE* file, unsigned flags) : file_(file), flags_(flags) {}

  void write(const Graph& graph) {
    const unsigned number = ++graphs_;
    std::fprintf(file_, "subgraph cluster_%u {\nlabel=\"graph_%u\" graph[style=\"dashed\"];\n", number, number);
    for (const Ref<GraphNode>& node : graph.nodes()) write(*node, number);
    for (const Ref<GraphNode>& node : graph.nodes())
      for (const GraphNode::Edge& edge : node->dependents)
        std::fprintf(file_, "\"graph_%u_node_%u\" -> \"graph_%u_node_%u\";\n", number, node->id, number, edge.node->id);
    for (const Ref<GraphNode>& node : graph.nodes())
      for (const Ref<Graph>& inner : node->work.inner) write(*inner);
    std::fputs("}\n", file_);
  }

 private:
  void write(const GraphNode& node, unsigned number) {
    std::string label = label_of(node.work, flags_);
    if (wants(flags_, CU_GRAPH_DEBUG_DOT_FLAGS_HANDLES)) {
      char text[64];
      std::snprintf(text, sizeof text, "\\nhandle %p", static_cast<void*>(handle_of(node)));
      label += text;
    }
    std::fprintf(file_, "\"graph_%u_node_%u\"[shape=\"%s\" label=\"%u\\n%s\"];\n", number, node.id,
                 node.work.type == CU_GRAPH_NODE_TYPE_KERNEL ? "octagon" : "rectangle", node.id, label.c_str());
  }

  std::FILE* const file_;
  const unsigned flags_;
  unsigned graphs_ = 0;
};

}  // namespace

extern "C" CUresult CUDAAPI cuGraphDebugDotPrint(CUgraph hGraph, const char* path, unsigned int flags) {
  const Ref<Graph> graph = TRY(find_graph(hGraph));
  if (path == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const File file(std::fopen(path, "w"), &std::fclose);
  if (!file) return CUDA_ERROR_OPERATING_SYSTEM;
  const GraphLock lock;
  std::fputs("digraph dot {\n", file.get());
  DotWriter(file.get(), flags).write(*graph);
  std::fputs("}\n", file.get());
  return std::ferror(file.get()) != 0 ? CUDA_ERROR_OPERATING_SYSTEM : CUDA_SUCCESS;
}
