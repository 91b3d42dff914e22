// SPDX-License-Identifier: Apache-2.0
// SequenceGraph: launches of one stream, one behind the other, as an executable graph of the driver's: kernel nodes in
// a chain. CUDA driver API: Graph Management. One thread at a time; the launches' context is current.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "host/worker/session.h"

namespace vgpu::host {

// The part of a posted launch that comes before its parameters.
wire::Launch launch_of(const CommandCopy& command);
std::span<const std::byte> parameters_of(const CommandCopy& command);
// Whose launch it is, where that says in which stream: a thread's own default stream has the same handle in all of
// them. One more than the thread's number, or 0.
uint64_t owner_of(const CommandCopy& command, const wire::Launch& launch);

class SequenceGraph {
 public:
  // Null when the driver makes no such graph.
  static std::unique_ptr<SequenceGraph> create(const Driver& driver, const HandleTable& handles,
                                               std::span<const CommandCopy> launches);
  ~SequenceGraph();
  SequenceGraph(const SequenceGraph&) = delete;
  SequenceGraph& operator=(const SequenceGraph&) = delete;

  // How many of these launches, which are the graph's but for their parameters, have others than it has.
  size_t differing(std::span<const CommandCopy> launches) const;
  // Gives the graph these parameters, and launches it. After a failure none of them was launched, and the graph is
  // good for nothing.
  CUresult launch(std::span<const CommandCopy> launches, CUstream stream);
  size_t parameter_bytes() const { return parameters_.size(); }

 private:
  // A node, and where its parameters begin in parameters_.
  struct Node {
    CUgraphNode node = nullptr;
    CUDA_KERNEL_NODE_PARAMS params = {};
    size_t begin = 0, bytes = 0;
  };

  explicit SequenceGraph(const Driver& driver) : driver_(driver) {}
  bool add(const HandleTable& handles, const CommandCopy& command);
  bool has_parameters(const Node& node, const CommandCopy& command) const;
  // The node's parameters as the driver wants them. `call` gets the parameters in its driver's form.
  template <class Call>
  CUresult with_params(const Node& node, Call call);

  const Driver& driver_;
  CUgraph graph_ = nullptr;  // it names the executable graph's nodes
  CUgraphExec executable_ = nullptr;
  std::vector<Node> nodes_;
  std::vector<std::byte> parameters_;
};

}  // namespace vgpu::host
