// SPDX-License-Identifier: Apache-2.0
// Conditions of graphs: numbers that kernels set by a handle (cudaGraphSetConditional) and that choose which body of a
// conditional node runs, or how often. A graph with conditional nodes has one executable at a time, so a condition has
// one value. Any thread.
#pragma once

#include <atomic>

#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"
#include "softgpu/machine/machine.h"

namespace vgpu::soft {

class Condition final : public Object {
 public:
  using Handle = CUgraphConditionalHandle;
  static constexpr Kind kKind = Kind::condition;

  // `assigned`: every launch of the graph begins with `initial` (CU_GRAPH_COND_ASSIGN_DEFAULT).
  Condition(unsigned initial, bool assigned)
      : Object(Kind::condition), initial_(initial), assigned_(assigned), value_(initial) {}

  void begin_launch() {
    if (assigned_) set(initial_);
  }
  void set(unsigned value) { value_.store(value, std::memory_order_release); }
  unsigned get() const { return value_.load(std::memory_order_acquire); }

 private:
  const unsigned initial_;
  const bool assigned_;
  std::atomic<unsigned> value_;
};

// Keeps a condition's handle: shared by the graph that it was made for and by copies of that graph.
struct ConditionHandle {
  explicit ConditionHandle(Ref<Condition> made) : condition(std::move(made)) {}
  ConditionHandle(const ConditionHandle&) = delete;
  ConditionHandle& operator=(const ConditionHandle&) = delete;
  ~ConditionHandle() { retire(condition); }

  const Ref<Condition> condition;
};

// What kernels reach conditions by.
class Conditions final : public ConditionSink {
 public:
  bool set(uint64_t handle, unsigned value) override;
};

}  // namespace vgpu::soft
