// SPDX-License-Identifier: Apache-2.0
// A piece of work that a stream can run: immutable once enqueued, runnable any number of times (a captured graph runs
// it again and again), and describing itself as a graph node by its type. Stream::enqueue runs it once, or hands it to
// the recorder of a capture. Concrete operations: operations.h (copies, sets, host functions, events, memory), the
// kernel launch (launch.h). run() is called on a worker thread; one operation may run on several at once.
#pragma once

#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class Context;

class Operation : public RefCounted {
 public:
  // The kind of graph node this becomes when captured; a concrete type per value (see operations.h).
  virtual CUgraphNodeType node_type() const = 0;
  // Does the work, waiting as long as it takes. A failure becomes the sticky error of `context`.
  virtual CUresult run(Context& context) = 0;
  // Host functions added with cuStreamAddCallback run even in a failed context; everything else is skipped there.
  virtual bool runs_after_failure() const { return false; }
};

// Does nothing: a point in a stream.
class PointOperation final : public Operation {
 public:
  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_EMPTY; }
  CUresult run(Context&) override { return CUDA_SUCCESS; }
  bool runs_after_failure() const override { return true; }
};

}  // namespace vgpu::soft
