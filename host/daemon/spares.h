// SPDX-License-Identifier: Apache-2.0
// Spares: workers that were started before anybody needs them (--prestart), some of them with a context of the first
// GPU (--ready-contexts). The daemon's thread only.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "host/daemon/worker.h"

namespace vgpu::host {

class Spares {
 public:
  Spares(EventLoop& loop, MemoryLimit& limit, unsigned count, unsigned contexts)
      : loop_(loop), limit_(limit), count_(count), contexts_(contexts) {}

  // One that the program need not wait for, if there is one, and among those one that has a context; else null.
  std::unique_ptr<Worker> take();
  // Starts what is missing, a moment after it was taken. A worker that could not be started, or ended by itself, was
  // the last one.
  void fill(const WorkerOptions& options);
  // When fill() wants to be called, if ever.
  std::optional<Clock::time_point> deadline() const;
  void drop_ended();
  void clear() { workers_.clear(); }

  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }

 private:
  EventLoop& loop_;
  MemoryLimit& limit_;
  const size_t count_, contexts_;
  std::vector<std::unique_ptr<Worker>> workers_;  // the oldest first
  Clock::time_point undisturbed_until_ = {};
  bool works_ = true;
};

}  // namespace vgpu::host
