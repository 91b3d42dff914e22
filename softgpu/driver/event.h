// SPDX-License-Identifier: Apache-2.0
// A CUDA event: remembers the last recorded point of a stream's work. Recording takes effect at the call: a wait
// enqueued afterwards waits for that point even if the event is recorded anew. Any thread.
#pragma once

#include <mutex>

#include "softgpu/driver/completion.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"
#include "softgpu/driver/shared_event.h"
#include "softgpu/driver/stream.h"

namespace vgpu::soft {

class Event final : public Object {
 public:
  using Handle = CUevent;
  static constexpr Kind kKind = Kind::event;

  // `shared`: of an interprocess event, else null.
  Event(Context& context, unsigned flags, Ref<SharedEvent> shared = nullptr);

  Context& context() const { return *context_; }
  unsigned flags() const { return flags_; }
  SharedEvent* shared() const { return shared_.get(); }
  bool has_timing() const { return (flags_ & CU_EVENT_DISABLE_TIMING) == 0; }

  // cuEventRecord on a stream that does not capture.
  void record(Stream& stream);
  // Makes `completion` the event's point: for graph launches, whose event nodes complete it when they run.
  void set_point(Ref<Completion> completion);
  // The last recorded point, of whichever process, or null if the event was never recorded.
  Ref<Completion> point() const;
  // Whether that point is reached; true without one.
  bool is_done() const;

  // The capture in which the event was recorded last, or null; cleared by an ordinary record.
  Ref<StreamCapture> capture() const;
  void set_capture(Ref<StreamCapture> capture);

 private:
  const Ref<Context> context_;
  const unsigned flags_;
  const Ref<SharedEvent> shared_;
  mutable std::mutex mutex_;  // guards everything below
  mutable Ref<Completion> point_;
  mutable uint64_t point_number_ = 0;  // of a shared event: which record point_ stands for
  Ref<StreamCapture> capture_;
};

}  // namespace vgpu::soft
