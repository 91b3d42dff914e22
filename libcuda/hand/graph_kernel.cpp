// SPDX-License-Identifier: Apache-2.0
// Kernel nodes. Parameters travel packed by the function's layout, as with launches.
// CUDA driver API: Graph Management.
#include <algorithm>
#include <map>
#include <mutex>
#include <span>

#include "common/bits.h"
#include "libcuda/function.h"
#include "libcuda/hand/graph_node.h"

namespace vgpu::guest {
namespace {

CUresult put_kernel(const Admitted& admitted, Remote& remote, const CUDA_KERNEL_NODE_PARAMS& params) {
  CUfunction handle = params.func;
  // SAFETY: a CUkernel is accepted wherever a CUfunction is (CUDA driver API, Library Management).
  if (handle == nullptr) handle = reinterpret_cast<CUfunction>(params.kern);
  // Facts use the thread's buffers, so they are fetched before the message is begun.
  Function* function = admitted.process->handles().function(bits_of(handle));
  if (function == nullptr || !function->known.load(std::memory_order_acquire)) return CUDA_ERROR_INVALID_HANDLE;
  wire::KernelNode node = {bits_of(params.func),
                           bits_of(params.kern),
                           {params.gridDimX, params.gridDimY, params.gridDimZ},
                           {params.blockDimX, params.blockDimY, params.blockDimZ},
                           params.sharedMemBytes,
                           0,
                           bits_of(params.ctx)};
  VGPU_CHECK(packed_size(*function, params.kernelParams, params.extra, node.parameter_bytes));
  remote.writer().put(node);
  return pack_parameters(*function, params.kernelParams, params.extra, node.parameter_bytes, remote.writer());
}

CUresult learn_function(const Admitted& admitted, const CUDA_KERNEL_NODE_PARAMS* params, Function*& function) {
  if (params == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUfunction handle = params->func;
  // SAFETY: as in put_kernel.
  if (handle == nullptr) handle = reinterpret_cast<CUfunction>(params->kern);
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return function_facts(admitted, handle, function);
}

// Handles that the worker has set aside for nodes: who adds a node under one of them need not wait to be told it.
class NodeNames {
 public:
  // 0 when there are none to be had.
  uint64_t take(const Admitted& admitted) {
    const std::lock_guard lock(mutex_);
    if (names_.empty()) fetch(admitted);
    if (names_.empty()) return 0;
    const uint64_t name = names_.back();
    names_.pop_back();
    return name;
  }

 private:
  void fetch(const Admitted& admitted) {
    constexpr uint32_t kAtOnce = 64;
    Remote remote(admitted, wire::kReserveNodes);
    remote.writer().put(kAtOnce);
    if (remote.call() != CUDA_SUCCESS) return;
    const auto count = remote.reader().get<uint32_t>();
    if (remote.reader().failed() || count > remote.reader().left() / sizeof(uint64_t)) return;
    for (uint32_t i = 0; i < count; ++i) names_.push_back(remote.reader().get<uint64_t>());
  }

  std::mutex mutex_;  // guards the names
  std::vector<uint64_t> names_;
};

NodeNames& node_names() {
  static auto* const names = new NodeNames;  // Exit handlers may still add nodes.
  return *names;
}

struct NewNode {
  CUgraph graph;
  std::span<const CUgraphNode> dependencies;
  const CUDA_KERNEL_NODE_PARAMS& params;
};

bool fits(const Admitted& admitted, const CUDA_KERNEL_NODE_PARAMS& params, const Function& function) {
  // Clusters are for the driver to judge.
  const int* const facts = function.facts.attribute;
  if (facts[CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET] != 0 || facts[CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH] != 0)
    return false;
  wire::Launch shape = {};
  shape.grid[0] = params.gridDimX, shape.grid[1] = params.gridDimY, shape.grid[2] = params.gridDimZ;
  shape.block[0] = params.blockDimX, shape.block[1] = params.blockDimY, shape.block[2] = params.blockDimZ;
  shape.shared_bytes = params.sharedMemBytes;
  uint32_t bytes = 0;
  return check_shape(admitted, function, shape) == CUDA_SUCCESS &&
         packed_size(function, params.kernelParams, params.extra, bytes) == CUDA_SUCCESS &&
         bytes == function.facts.parameter_bytes;
}

bool has_good_place(const HandleNotes& handles, const NewNode& node) {
  constexpr size_t kFew = 16;  // each is compared with each
  if (!handles.is_live(bits_of(node.graph)) || node.dependencies.size() > kFew) return false;
  for (size_t i = 0; i < node.dependencies.size(); ++i) {
    const auto before = node.dependencies.first(i);
    if (!handles.is_node_of(bits_of(node.dependencies[i]), bits_of(node.graph)) ||
        std::find(before.begin(), before.end(), node.dependencies[i]) != before.end())
      return false;
  }
  return true;
}

// Whether CUDA cannot but accept the node. Where the least thing is in doubt, the driver is asked.
bool is_beyond_doubt(const Admitted& admitted, const NewNode& node, const Function& function) {
  Process& process = *admitted.process;
  if (process.captures.load(std::memory_order_relaxed) != 0 || !process.serves_private(wire::kNamedKernelNode) ||
      !process.serves(api::opcode::cuGraphAddKernelNode_v2))
    return false;
  const Context* const current = admitted.thread->current();
  if (current == nullptr || !current->alive() || current->sticky() != CUDA_SUCCESS || node.params.ctx != nullptr)
    return false;
  return has_good_place(process.handles(), node) && fits(admitted, node.params, function);
}

// Adds the node under a name of ours. What is wrong with it after all, another call tells.
CUresult post_node(const Admitted& admitted, const NewNode& node, uint64_t name, CUgraphNode* out) {
  Remote remote(admitted, wire::kNamedKernelNode);
  remote.writer().put(name);
  VGPU_CHECK(put_place(remote, node.graph, node.dependencies.data(), node.dependencies.size()));
  VGPU_CHECK(put_kernel(admitted, remote, node.params));
  VGPU_CHECK(remote.post());
  *out = from_bits<CUgraphNode>(name);
  admitted.process->handles().made_node(name, bits_of(node.graph));
  return CUDA_SUCCESS;
}

CUresult set_kernel(uint16_t opcode, CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS* params) {
  VGPU_ADMIT(admitted);
  Function* function = nullptr;
  VGPU_CHECK(learn_function(admitted, params, function));
  Remote remote(admitted, opcode);
  put_target(remote, exec, node);
  VGPU_CHECK(put_kernel(admitted, remote, *params));
  return remote.call();
}

// What cuGraphKernelNodeGetParams hands out by pointer lives as long as the process knows the node.
struct NodeParams {
  std::vector<std::byte> packed;
  std::vector<void*> pointers;
};
std::mutex node_params_mutex;  // guards the map
std::map<CUgraphNode, NodeParams>& node_params() {
  static auto* map = new std::map<CUgraphNode, NodeParams>;
  return *map;
}

CUDA_KERNEL_NODE_PARAMS widened(const CUDA_KERNEL_NODE_PARAMS_v1& v1) {
  CUDA_KERNEL_NODE_PARAMS out = {};
  out.func = v1.func;
  out.gridDimX = v1.gridDimX, out.gridDimY = v1.gridDimY, out.gridDimZ = v1.gridDimZ;
  out.blockDimX = v1.blockDimX, out.blockDimY = v1.blockDimY, out.blockDimZ = v1.blockDimZ;
  out.sharedMemBytes = v1.sharedMemBytes, out.kernelParams = v1.kernelParams, out.extra = v1.extra;
  return out;
}

}  // namespace

namespace by_hand {

CUresult cuGraphAddKernelNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                 size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  VGPU_ADMIT(admitted);
  if (phGraphNode == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Function* function = nullptr;
  VGPU_CHECK(learn_function(admitted, nodeParams, function));
  if (numDependencies == 0 || dependencies != nullptr) {
    const NewNode node = {hGraph, {dependencies, numDependencies}, *nodeParams};
    const uint64_t name = is_beyond_doubt(admitted, node, *function) ? node_names().take(admitted) : 0;
    if (name != 0) return post_node(admitted, node, name, phGraphNode);
  }
  Remote remote(admitted, api::opcode::cuGraphAddKernelNode_v2);
  VGPU_CHECK(put_place(remote, hGraph, dependencies, numDependencies));
  VGPU_CHECK(put_kernel(admitted, remote, *nodeParams));
  VGPU_CHECK(remote.call());
  VGPU_CHECK(get_node(remote, phGraphNode));
  admitted.process->handles().made_node(bits_of(*phGraphNode), bits_of(hGraph));
  return CUDA_SUCCESS;
}

CUresult cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                              size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_KERNEL_NODE_PARAMS params = widened(*nodeParams);
  return by_hand::cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return set_kernel(api::opcode::cuGraphKernelNodeSetParams_v2, nullptr, hNode, nodeParams);
}

CUresult cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_KERNEL_NODE_PARAMS params = widened(*nodeParams);
  return by_hand::cuGraphKernelNodeSetParams_v2(hNode, &params);
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode,
                                           const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  if (hGraphExec == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_kernel(api::opcode::cuGraphExecKernelNodeSetParams_v2, hGraphExec, hNode, nodeParams);
}

CUresult cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                        const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_KERNEL_NODE_PARAMS params = widened(*nodeParams);
  return by_hand::cuGraphExecKernelNodeSetParams_v2(hGraphExec, hNode, &params);
}

CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  VGPU_ADMIT(admitted);
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, api::opcode::cuGraphKernelNodeGetParams_v2);
  put_target(remote, nullptr, hNode);
  VGPU_CHECK(remote.call());
  const auto node = remote.reader().get<wire::KernelNode>();
  const std::byte* bytes = remote.reader().take(node.parameter_bytes);
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  std::vector<std::byte> packed(bytes, bytes + node.parameter_bytes);
  const auto handle = from_bits<CUfunction>(node.function != 0 ? node.function : node.kernel);
  Function* function = nullptr;
  VGPU_CHECK(function_facts(admitted, handle, function));

  const std::lock_guard lock(node_params_mutex);
  NodeParams& kept = node_params()[hNode];
  kept.packed = std::move(packed);
  kept.pointers.clear();
  for (const wire::ParameterFacts& parameter : function->parameters)
    if (parameter.offset + parameter.size <= kept.packed.size())
      kept.pointers.push_back(kept.packed.data() + parameter.offset);
  *nodeParams = {};
  nodeParams->func = from_bits<CUfunction>(node.function);
  nodeParams->kern = from_bits<CUkernel>(node.kernel);
  nodeParams->gridDimX = node.grid[0], nodeParams->gridDimY = node.grid[1], nodeParams->gridDimZ = node.grid[2];
  nodeParams->blockDimX = node.block[0], nodeParams->blockDimY = node.block[1], nodeParams->blockDimZ = node.block[2];
  nodeParams->sharedMemBytes = node.shared_bytes;
  nodeParams->kernelParams = kept.pointers.empty() ? nullptr : kept.pointers.data();
  nodeParams->ctx = from_bits<CUcontext>(node.context);
  return CUDA_SUCCESS;
}

CUresult cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS p = {};
  VGPU_CHECK(by_hand::cuGraphKernelNodeGetParams_v2(hNode, &p));
  // SAFETY: as in put_kernel; the older struct has one field for both.
  const CUfunction function = p.func != nullptr ? p.func : reinterpret_cast<CUfunction>(p.kern);
  *nodeParams = {function,    p.gridDimX,  p.gridDimY,       p.gridDimZ,     p.blockDimX,
                 p.blockDimY, p.blockDimZ, p.sharedMemBytes, p.kernelParams, p.extra};
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
