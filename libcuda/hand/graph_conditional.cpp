// SPDX-License-Identifier: Apache-2.0
// Conditional nodes: the graphs of the branches come back as handles. CUDA driver API: Graph Management.
#include <map>
#include <mutex>

#include "libcuda/hand/graph_node.h"

namespace vgpu::guest {
namespace {

// The arrays of branches that the program reads through phGraph_out; they live as long as the process.
std::mutex branches_mutex;  // guards the map
std::map<CUgraphNode, std::vector<CUgraph>>& branches_of_nodes() {
  static auto* map = new std::map<CUgraphNode, std::vector<CUgraph>>;
  return *map;
}

}  // namespace

CUresult add_conditional_node(const Admitted& admitted, CUgraphNode* node, CUgraph graph,
                              const CUgraphNode* dependencies, size_t count, CUDA_CONDITIONAL_NODE_PARAMS& params) {
  Remote remote(admitted, api::opcode::cuGraphAddNode);
  VGPU_CHECK(put_place(remote, graph, dependencies, count));
  remote.writer().put(static_cast<uint64_t>(params.handle));
  remote.writer().put(static_cast<uint32_t>(params.type));
  remote.writer().put(static_cast<uint32_t>(params.size));
  remote.writer().put(bits_of(params.ctx));
  VGPU_CHECK(remote.call());
  VGPU_CHECK(get_node(remote, node));
  if (remote.reader().left() != params.size * sizeof(uint64_t)) return CUDA_ERROR_UNKNOWN;
  const std::lock_guard lock(branches_mutex);
  std::vector<CUgraph>& branches = branches_of_nodes()[*node];
  branches.clear();
  for (unsigned i = 0; i < params.size; ++i) branches.push_back(from_bits<CUgraph>(remote.reader().get<uint64_t>()));
  params.phGraph_out = branches.data();
  return CUDA_SUCCESS;
}

}  // namespace vgpu::guest
