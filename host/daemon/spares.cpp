// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/spares.h"

#include <algorithm>

#include "common/log.h"

namespace vgpu::host {
namespace {

// A driver that starts, and a context that is made, hold locks of the card's for most of their time, and processors.
// The program that has just got a worker is at its own start, which this is all about.
constexpr auto kUndisturbed = std::chrono::milliseconds(150);

int worth(const std::unique_ptr<Worker>& worker) {
  return worker->ended() ? 0 : 1 + (worker->ready() ? 2 : 0) + (worker->has_context() ? 1 : 0);
}

}  // namespace

std::unique_ptr<Worker> Spares::take() {
  const auto best = std::max_element(workers_.begin(), workers_.end(),
                                     [](const auto& left, const auto& right) { return worth(left) < worth(right); });
  if (best == workers_.end() || (*best)->ended()) return nullptr;
  std::unique_ptr<Worker> worker = std::move(*best);
  workers_.erase(best);
  // Programs that come one after the other do not put it off for ever.
  if (const auto now = Clock::now(); now >= undisturbed_until_) undisturbed_until_ = now + kUndisturbed;
  return worker;
}

void Spares::fill(const WorkerOptions& options) {
  if (Clock::now() < undisturbed_until_) return;
  while (works_ && workers_.size() < count_) {
    const auto contexts =
        std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->has_context(); });
    WorkerOptions own = options;
    own.ready_context = static_cast<size_t>(contexts) < contexts_;
    auto worker = Worker::start(loop_, limit_, own);
    if (!worker) {
      VGPU_WARN("cannot prestart a worker: %s", worker.error().message.c_str());
      works_ = false;
      return;
    }
    workers_.push_back(std::move(worker).value());
  }
}

std::optional<Clock::time_point> Spares::deadline() const {
  return works_ && workers_.size() < count_ ? std::optional(undisturbed_until_) : std::nullopt;
}

void Spares::drop_ended() {
  std::erase_if(workers_, [this](const std::unique_ptr<Worker>& worker) {
    if (!worker->ended()) return false;
    VGPU_WARN("a prestarted worker ended: %s; no more are prestarted",
              worker->reason().empty() ? worker->end().c_str() : worker->reason().c_str());
    works_ = false;
    return true;
  });
}

}  // namespace vgpu::host
