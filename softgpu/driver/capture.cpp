// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/capture.h"

#include <algorithm>
#include <atomic>
#include <unordered_set>

#include "softgpu/driver/context.h"
#include "softgpu/driver/launch.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/pool.h"
#include "softgpu/driver/thread_state.h"

namespace vgpu::soft {
namespace {

std::atomic<int> live_captures{0};  // lets calls that no capture concerns pass without the lock

std::vector<Ref<Capture>>& live_list() {
  static std::vector<Ref<Capture>>& list = *new std::vector<Ref<Capture>>;  // guarded by the graphs' lock
  return list;
}

uint64_t next_capture_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// Ends a context's captures with it.
class ContextCaptures final : public ContextState {
 public:
  explicit ContextCaptures(Context& context) : context_(context) {}
  ~ContextCaptures() override { Capture::abandon(context_); }

 private:
  Context& context_;
};

void merge(std::vector<GraphNode::Edge>& into, const std::vector<GraphNode::Edge>& more) {
  for (const GraphNode::Edge& edge : more) {
    const bool known =
        std::any_of(into.begin(), into.end(), [&](const GraphNode::Edge& each) { return each.node == edge.node; });
    if (!known) into.push_back(edge);
  }
}

// Whether the launch may begin before the kernels in front of it end (programming guide, programmatic dependent
// launch), which devices can do since 9.0.
bool begins_early(const Operation& operation, Context& context) {
  if (operation.node_type() != CU_GRAPH_NODE_TYPE_KERNEL || context.device().limits().major < 9) return false;
  const CUlaunchAttributeValue* const value = static_cast<const KernelOperation&>(operation).attributes().find(
      CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
  return value != nullptr && value->programmaticStreamSerializationAllowed != 0;
}

// A stream-ordered allocation gets its memory at the call; a graph's node takes that memory over.
CuResult<NodeWork> work_of(Ref<Operation> operation, Context& context) {
  switch (operation->node_type()) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
    case CU_GRAPH_NODE_TYPE_MEMCPY:
    case CU_GRAPH_NODE_TYPE_MEMSET:
    case CU_GRAPH_NODE_TYPE_HOST:
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: return captured_work(std::move(operation), context);
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: {
      const auto& allocation = static_cast<const MemAllocOperation&>(*operation.get());
      NodeWork work;
      work.type = CU_GRAPH_NODE_TYPE_MEM_ALLOC;
      work.allocation = TRY(GraphAllocation::adopt(*allocation.pool(), allocation.address(), allocation.bytes()));
      return work;
    }
    default: return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
}

}  // namespace

Capture::Capture(const Ref<Stream>& origin, CUstreamCaptureMode mode, Ref<Graph> graph, bool own_graph)
    : mode_(mode),
      id_(next_capture_id()),
      thread_(thread_state().id),
      origin_(origin.get()),
      graph_(std::move(graph)),
      own_graph_(own_graph) {}

CUresult Capture::begin(const Ref<Stream>& stream, CUstreamCaptureMode mode, Ref<Graph> graph,
                        Dependencies dependencies) {
  if (stream->type() == Stream::Type::legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  stream->context().state(ContextSlot::graphs, [](Context& context) -> std::unique_ptr<ContextState> {
    return std::make_unique<ContextCaptures>(context);
  });
  const GraphLock lock;
  if (stream->capture()) return CUDA_ERROR_ILLEGAL_STATE;
  const bool own_graph = !graph;
  if (own_graph) graph = TRY(Graph::create());
  if (graph->is_capturing) return CUDA_ERROR_ILLEGAL_STATE;
  graph->is_capturing = true;
  const Ref<Capture> capture(new Capture(stream, mode, std::move(graph), own_graph));
  capture->join(*stream, std::move(dependencies));
  live_list().push_back(capture);
  live_captures.fetch_add(1, std::memory_order_release);
  return CUDA_SUCCESS;
}

Capture::Participant* Capture::find(const Stream& stream) {
  for (Participant& participant : participants_)
    if (participant.stream.get() == &stream) return &participant;
  return nullptr;
}

Capture::Participant& Capture::join(Stream& stream, Dependencies dependencies) {
  participants_.push_back({Ref<Stream>(&stream), std::move(dependencies), {}, {}});
  stream.set_capture(Ref<StreamCapture>(this));
  return participants_.back();
}

void Capture::invalidate() {
  if (state_ == State::active) state_ = State::invalidated;
}

// Lets go of the streams and of everything else; events recorded in it still know it, and that it is over.
void Capture::finish() {
  state_ = State::ended;
  for (const Participant& participant : participants_) participant.stream->set_capture(nullptr);
  participants_.clear();
  events_.clear();
  graph_->is_capturing = false;
  std::erase_if(live_list(), [&](const Ref<Capture>& each) { return each.get() == this; });
  live_captures.fetch_sub(1, std::memory_order_release);
}

// Every stream's last work must be waited for, directly or not, by the origin's.
bool Capture::all_joined() const {
  std::unordered_set<const GraphNode*> reached;
  std::vector<const GraphNode*> open;
  for (const GraphNode::Edge& edge : participants_.front().dependencies) open.push_back(edge.node);
  while (!open.empty()) {
    const GraphNode* const node = open.back();
    open.pop_back();
    if (!reached.insert(node).second) continue;
    for (const GraphNode::Edge& edge : node->dependencies) open.push_back(edge.node);
  }
  const auto is_joined = [&](const Dependencies& dependencies) {
    return std::all_of(dependencies.begin(), dependencies.end(),
                       [&](const GraphNode::Edge& edge) { return reached.contains(edge.node); });
  };
  return is_joined(left_) && std::all_of(participants_.begin(), participants_.end(),
                                         [&](const Participant& each) { return is_joined(each.dependencies); });
}

CUresult Capture::end(Stream& stream, CUgraph* out) {
  const Ref<Capture> self(this);  // finish() may let the last other reference go
  const GraphLock lock;
  *out = nullptr;
  if (state_ == State::ended) return CUDA_ERROR_ILLEGAL_STATE;
  if (&stream != origin_) {
    invalidate();
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  CUresult result = CUDA_SUCCESS;
  if (state_ == State::invalidated) result = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  else if (mode_ != CU_STREAM_CAPTURE_MODE_RELAXED && thread_ != thread_state().id)
    result = CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  else if (!all_joined()) result = CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  finish();
  if (result == CUDA_SUCCESS) *out = handle_of(*graph_);
  else if (own_graph_) graph_->close();
  graph_ = nullptr;
  return result;
}

CUresult Capture::append(Participant& participant, NodeWork work) {
  const Ref<GraphNode> node = TRY(graph_->add(std::move(work), participant.dependencies));
  participant.dependencies = {{node.get(), CUgraphEdgeData{}}};
  return CUDA_SUCCESS;
}

CUresult Capture::append_early(Participant& participant, NodeWork work) {
  Dependencies dependencies = participant.dependencies;
  for (GraphNode::Edge& edge : dependencies) {
    if (edge.node->work.type != CU_GRAPH_NODE_TYPE_KERNEL || !is_plain(edge.data)) continue;
    edge.data.type = CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
    edge.data.from_port = CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC;
  }
  const Ref<GraphNode> node = TRY(graph_->add(std::move(work), std::move(dependencies)));
  participant.dependencies = {{node.get(), CUgraphEdgeData{}}};
  return CUDA_SUCCESS;
}

CUresult Capture::add(Stream& stream, Ref<Operation> operation) {
  const bool early = begins_early(*operation, stream.context());
  auto work = work_of(std::move(operation), stream.context());
  const GraphLock lock;
  VGPU_CHECK(status());
  if (!work) {
    invalidate();
    return work.error();
  }
  Participant* const participant = find(stream);
  if (participant == nullptr) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (early) return append_early(*participant, *std::move(work));
  return append(*participant, *std::move(work));
}

CUresult Capture::record_event(Stream& stream, Event& event, unsigned flags) {
  const GraphLock lock;
  VGPU_CHECK(status());
  Participant* const participant = find(stream);
  if (participant == nullptr) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if ((flags & CU_EVENT_RECORD_EXTERNAL) == 0) {
    events_[&event] = participant->dependencies;
    event.set_capture(Ref<StreamCapture>(this));
    return CUDA_SUCCESS;
  }
  NodeWork work;
  work.type = CU_GRAPH_NODE_TYPE_EVENT_RECORD;
  work.event = Ref<Event>(&event);
  return append(*participant, std::move(work));
}

// An event that was recorded outside any capture says nothing about the graph.
CUresult Capture::wait_for_stranger(Event& event) {
  if (!event.capture() && !event.point()) return CUDA_SUCCESS;  // never recorded: nothing to wait for
  invalidate();
  return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
}

CUresult Capture::join_from(Stream& stream, Event& event) {
  const auto point = events_.find(&event);
  if (point == events_.end()) return CUDA_ERROR_INVALID_VALUE;
  if (Participant* const participant = find(stream)) {
    merge(participant->dependencies, point->second);
    return CUDA_SUCCESS;
  }
  if (stream.type() == Stream::Type::legacy) {
    invalidate();
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  }
  join(stream, point->second);
  return CUDA_SUCCESS;
}

CUresult Capture::wait_event(Stream& stream, Event& event, unsigned flags) {
  const GraphLock lock;
  const Ref<StreamCapture> of_event = event.capture();
  if (state_ == State::ended) return CUDA_ERROR_INVALID_VALUE;  // the event's capture is over
  VGPU_CHECK(status());
  if ((flags & CU_EVENT_WAIT_EXTERNAL) != 0) {
    Participant* const participant = find(stream);
    if (participant == nullptr) return CUDA_ERROR_ILLEGAL_STATE;
    NodeWork work;
    work.type = CU_GRAPH_NODE_TYPE_WAIT_EVENT;
    work.event = Ref<Event>(&event);
    return append(*participant, std::move(work));
  }
  if (of_event.get() == this) return join_from(stream, event);
  if (!of_event) return wait_for_stranger(event);
  // Two captures cannot become one, and neither can go on.
  auto& other = static_cast<Capture&>(*of_event.get());
  if (other.state_ == State::ended) return CUDA_ERROR_INVALID_VALUE;
  other.invalidate();
  invalidate();
  return CUDA_ERROR_STREAM_CAPTURE_MERGE;
}

CUresult Capture::refuse() {
  const GraphLock lock;
  invalidate();
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult Capture::refuse_event() {
  const GraphLock lock;
  if (state_ != State::active) return CUDA_ERROR_INVALID_VALUE;
  invalidate();
  return CUDA_ERROR_CAPTURED_EVENT;
}

CUresult Capture::leave(Stream& stream) {
  const GraphLock lock;
  if (state_ == State::ended) return CUDA_SUCCESS;
  if (&stream == origin_) {
    invalidate();
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  if (const Participant* const participant = find(stream)) merge(left_, participant->dependencies);
  stream.set_capture(nullptr);
  std::erase_if(participants_, [&](const Participant& each) { return each.stream.get() == &stream; });
  return CUDA_SUCCESS;
}

Capture::Info Capture::info(Stream& stream) {
  const GraphLock lock;
  Info info;
  Participant* const participant = find(stream);
  if (participant == nullptr) return info;
  info.status = state_ == State::active ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_INVALIDATED;
  info.id = id_;
  info.graph = handle_of(*graph_);
  participant->handles.clear();
  participant->data.clear();
  for (const GraphNode::Edge& edge : participant->dependencies) {
    participant->handles.push_back(handle_of(*edge.node));
    participant->data.push_back(edge.data);
    if (!is_plain(edge.data)) info.plain = false;
  }
  info.dependencies = participant->handles.data();
  info.edge_data = participant->data.data();
  info.count = participant->handles.size();
  return info;
}

CUresult Capture::set_dependencies(Stream& stream, const CUgraphNode* nodes, const CUgraphEdgeData* data, size_t count,
                                   bool replace) {
  const GraphLock lock;
  VGPU_CHECK(status());
  Participant* const participant = find(stream);
  if (participant == nullptr) return CUDA_ERROR_ILLEGAL_STATE;
  Dependencies wanted = TRY(find_dependencies(*graph_, nodes, data, count));
  if (replace) participant->dependencies = std::move(wanted);
  else merge(participant->dependencies, wanted);
  return CUDA_SUCCESS;
}

void Capture::abandon(Context& context) {
  const GraphLock lock;
  const std::vector<Ref<Capture>> all = live_list();
  for (const Ref<Capture>& capture : all)
    if (&capture->origin_->context() == &context) capture->finish();
}

bool Capture::captures_blocking_stream(Context& context, bool invalidate) {
  if (live_captures.load(std::memory_order_acquire) == 0) return false;
  const GraphLock lock;
  bool found = false;
  for (const Ref<Capture>& capture : live_list()) {
    const bool concerned =
        std::any_of(capture->participants_.begin(), capture->participants_.end(), [&](const Participant& participant) {
          return &participant.stream->context() == &context && participant.stream->is_blocking();
        });
    if (!concerned) continue;
    found = true;
    if (invalidate) capture->invalidate();
  }
  return found;
}

bool Capture::spoil(CUstreamCaptureMode thread_mode) {
  if (live_captures.load(std::memory_order_acquire) == 0 || thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return false;
  const uint64_t thread = thread_state().id;
  const GraphLock lock;
  bool found = false;
  for (const Ref<Capture>& capture : live_list()) {
    const bool own = capture->thread_ == thread && capture->mode_ != CU_STREAM_CAPTURE_MODE_RELAXED;
    const bool global = thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL && capture->mode_ == CU_STREAM_CAPTURE_MODE_GLOBAL;
    if (!own && !global) continue;
    found = true;
    capture->invalidate();
  }
  return found;
}

CUresult check_unsafe_call() {
  return Capture::spoil(thread_state().capture_mode) ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult check_legacy_use(Context& context) {
  return Capture::captures_blocking_stream(context, true) ? CUDA_ERROR_STREAM_CAPTURE_IMPLICIT : CUDA_SUCCESS;
}

}  // namespace vgpu::soft
