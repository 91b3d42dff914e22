// SPDX-License-Identifier: Apache-2.0
// Stream capture: records what is enqueued on one or more streams as nodes of a graph. The origin stream begins and
// ends it; other streams join by waiting for an event recorded in it. A call that cannot be captured invalidates the
// capture, which then only waits for its end. All state is guarded by the graphs' lock; any thread.
#pragma once

#include <unordered_map>
#include <vector>

#include "softgpu/driver/event.h"
#include "softgpu/driver/graph.h"
#include "softgpu/driver/stream.h"

namespace vgpu::soft {

class Capture final : public StreamCapture {
 public:
  // Begins on a stream that does not capture. `graph` is an existing graph to add to, with the nodes that the first
  // work depends on; null makes a graph.
  static CUresult begin(const Ref<Stream>& stream, CUstreamCaptureMode mode, Ref<Graph> graph,
                        std::vector<GraphNode::Edge> dependencies);
  // cuStreamEndCapture. `out` becomes the graph, or null with an error.
  CUresult end(Stream& stream, CUgraph* out);
  // False for a capture into an existing graph.
  bool has_own_graph() const { return own_graph_; }

  CUresult add(Stream& stream, Ref<Operation> operation) override;
  CUresult record_event(Stream& stream, Event& event, unsigned flags) override;
  CUresult wait_event(Stream& stream, Event& event, unsigned flags) override;
  CUresult refuse() override;
  CUresult refuse_event() override;
  CUresult leave(Stream& stream) override;

  // cuStreamGetCaptureInfo. The arrays live until the stream's dependencies change.
  struct Info {
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    cuuint64_t id = 0;
    CUgraph graph = nullptr;
    const CUgraphNode* dependencies = nullptr;
    const CUgraphEdgeData* edge_data = nullptr;
    size_t count = 0;
    bool plain = true;  // no edge has data
  };
  Info info(Stream& stream);
  CUresult set_dependencies(Stream& stream, const CUgraphNode* nodes, const CUgraphEdgeData* data, size_t count,
                            bool replace);

  // The context is dying: ends all captures in it.
  static void abandon(Context& context);
  // Whether a blocking stream of the context captures; with `invalidate` those captures are over.
  static bool captures_blocking_stream(Context& context, bool invalidate);
  // Invalidates what an unsafe call of this thread spoils; false when there is nothing.
  static bool spoil(CUstreamCaptureMode thread_mode);

 private:
  using Dependencies = std::vector<GraphNode::Edge>;
  enum class State : uint8_t { active, invalidated, ended };
  struct Participant {
    Ref<Stream> stream;
    Dependencies dependencies;
    std::vector<CUgraphNode> handles;  // of the dependencies, for info()
    std::vector<CUgraphEdgeData> data;
  };

  Capture(const Ref<Stream>& origin, CUstreamCaptureMode mode, Ref<Graph> graph, bool own_graph);
  CUresult status() const { return state_ == State::active ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_INVALIDATED; }
  Participant* find(const Stream& stream);
  Participant& join(Stream& stream, Dependencies dependencies);
  CUresult append(Participant& participant, NodeWork work);
  // The same, with edges that say that a kernel need not end first.
  CUresult append_early(Participant& participant, NodeWork work);
  CUresult wait_for_stranger(Event& event);
  CUresult join_from(Stream& stream, Event& event);
  bool all_joined() const;
  void finish();
  void invalidate();

  const CUstreamCaptureMode mode_;
  const uint64_t id_;
  const uint64_t thread_;
  const Stream* const origin_;
  Ref<Graph> graph_;
  const bool own_graph_;
  State state_ = State::active;
  std::vector<Participant> participants_;  // the origin first
  Dependencies left_;                      // last work of streams that are destroyed, to be joined like that of others
  // Points recorded in it. An event that is gone cannot be looked up, and a new one at its address has no capture.
  std::unordered_map<const Event*, Dependencies> events_;
};

}  // namespace vgpu::soft
