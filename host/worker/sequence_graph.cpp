// SPDX-License-Identifier: Apache-2.0
#include "host/worker/sequence_graph.h"

#include <algorithm>
#include <cstring>

#include "common/bits.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

// A capture of another thread's forbids this one much of what a graph needs, and its end, unless it says that it knows.
class RelaxedCapture {
 public:
  explicit RelaxedCapture(const Driver& driver) : driver_(driver) { exchange(); }
  ~RelaxedCapture() { exchange(); }
  RelaxedCapture(const RelaxedCapture&) = delete;
  RelaxedCapture& operator=(const RelaxedCapture&) = delete;

 private:
  void exchange() { static_cast<void>(VGPU_DRIVER(driver_, cuThreadExchangeStreamCaptureMode)(&mode_)); }

  const Driver& driver_;
  CUstreamCaptureMode mode_ = CU_STREAM_CAPTURE_MODE_RELAXED;
};

// A CUkernel runs in the context of its launch's stream, whatever is current (CUDA driver API, cuLaunchKernel), and a
// node in the one that is current here.
bool is_stream_of_context(const HandleTable& handles, const CommandCopy& command) {
  const uint64_t stream = launch_of(command).stream;
  return stream <= bits_of(CU_STREAM_PER_THREAD) || handles.parent_of(stream) == command.context;
}

}  // namespace

wire::Launch launch_of(const CommandCopy& command) { return codec::Reader(command.payload).get<wire::Launch>(); }

std::span<const std::byte> parameters_of(const CommandCopy& command) {
  return std::span(command.payload).subspan(sizeof(wire::Launch));
}

uint64_t owner_of(const CommandCopy& command, const wire::Launch& launch) {
  const bool is_own = launch.stream == bits_of(CU_STREAM_PER_THREAD) ||
                      (launch.stream == 0 && (command.flags & ring::kPerThreadStream) != 0);
  return is_own ? uint64_t{command.thread} + 1 : 0;
}

std::unique_ptr<SequenceGraph> SequenceGraph::create(const Driver& driver, const HandleTable& handles,
                                                     std::span<const CommandCopy> launches) {
  if (!is_stream_of_context(handles, launches[0])) return nullptr;
  const RelaxedCapture relaxed(driver);
  std::unique_ptr<SequenceGraph> made(new SequenceGraph(driver));
  if (VGPU_DRIVER(driver, cuGraphCreate)(&made->graph_, 0u) != CUDA_SUCCESS) return nullptr;
  for (const CommandCopy& command : launches)
    if (!made->add(handles, command)) return nullptr;
  const CUresult status = VGPU_DRIVER(driver, cuGraphInstantiateWithFlags)(&made->executable_, made->graph_, 0ull);
  return status == CUDA_SUCCESS ? std::move(made) : nullptr;
}

SequenceGraph::~SequenceGraph() {
  const RelaxedCapture relaxed(driver_);
  if (executable_ != nullptr) VGPU_DRIVER(driver_, cuGraphExecDestroy)(executable_);
  if (graph_ != nullptr) VGPU_DRIVER(driver_, cuGraphDestroy)(graph_);
}

template <class Call>
CUresult SequenceGraph::with_params(const Node& node, Call call) {
  size_t bytes = node.bytes;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, parameters_.data() + node.begin, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                   CU_LAUNCH_PARAM_END};
  CUDA_KERNEL_NODE_PARAMS params = node.params;
  params.extra = bytes == 0 ? nullptr : extra;
  return call(&params);
}

bool SequenceGraph::add(const HandleTable& handles, const CommandCopy& command) {
  const wire::Launch launch = launch_of(command);
  const std::span<const std::byte> parameters = parameters_of(command);
  uint64_t function = 0, context = 0;
  if (!handles.resolve(Kind::function, launch.function, function) ||
      !handles.resolve(Kind::context, command.context, context))
    return false;
  Node node;
  if (handle::kind_of(launch.function) == Kind::kernel) node.params.kern = from_bits<CUkernel>(function);
  else node.params.func = from_bits<CUfunction>(function);
  node.params.ctx = from_bits<CUcontext>(context);
  node.params.gridDimX = launch.grid[0], node.params.gridDimY = launch.grid[1], node.params.gridDimZ = launch.grid[2];
  node.params.blockDimX = launch.block[0], node.params.blockDimY = launch.block[1];
  node.params.blockDimZ = launch.block[2];
  node.params.sharedMemBytes = launch.shared_bytes;
  node.begin = parameters_.size(), node.bytes = parameters.size();
  parameters_.insert(parameters_.end(), parameters.begin(), parameters.end());
  const CUgraphNode* const before = nodes_.empty() ? nullptr : &nodes_.back().node;
  const CUresult status = with_params(node, [&](const CUDA_KERNEL_NODE_PARAMS* params) {
    return VGPU_DRIVER(driver_, cuGraphAddKernelNode_v2)(&node.node, graph_, before, size_t{before != nullptr}, params);
  });
  nodes_.push_back(node);
  return status == CUDA_SUCCESS;
}

bool SequenceGraph::has_parameters(const Node& node, const CommandCopy& command) const {
  const std::span<const std::byte> parameters = parameters_of(command);
  return std::memcmp(parameters_.data() + node.begin, parameters.data(), node.bytes) == 0;
}

size_t SequenceGraph::differing(std::span<const CommandCopy> launches) const {
  size_t count = 0;
  for (size_t i = 0; i < nodes_.size(); ++i)
    if (!has_parameters(nodes_[i], launches[i])) ++count;
  return count;
}

CUresult SequenceGraph::launch(std::span<const CommandCopy> launches, CUstream stream) {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const Node& node = nodes_[i];
    if (has_parameters(node, launches[i])) continue;
    std::memcpy(parameters_.data() + node.begin, parameters_of(launches[i]).data(), node.bytes);
    const CUresult status = with_params(node, [&](const CUDA_KERNEL_NODE_PARAMS* params) {
      return VGPU_DRIVER(driver_, cuGraphExecKernelNodeSetParams_v2)(executable_, node.node, params);
    });
    if (status != CUDA_SUCCESS) return status;
  }
  return VGPU_DRIVER(driver_, cuGraphLaunch)(executable_, stream);
}

}  // namespace vgpu::host
