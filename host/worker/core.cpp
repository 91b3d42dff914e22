// SPDX-License-Identifier: Apache-2.0
#include "host/worker/core.h"

#include <mutex>

#include "host/worker/ring_server.h"

namespace vgpu::host {
namespace {

class Core final : public WorkerCore {
 public:
  Core(const WorkerConfig& config, const Driver& driver, MemoryBudget& budget, SharedRanges& ranges,
       ObjectBroker& broker)
      : config_(config), driver_(driver), budget_(budget), ranges_(ranges), broker_(broker) {}

  void make_context() override { ready_context_ = ReadyContext::make(driver_); }

  void run(Attachment attachment) override {
    auto session =
        std::make_unique<Session>(config_, driver_, std::move(attachment), budget_, ranges_, broker_, ready_context_);
    {
      const std::lock_guard lock(mutex_);
      session_ = std::move(session);
      if (early_trace_) session_->trace.start(std::move(early_trace_));
    }
    counted_.store(session_.get(), std::memory_order_release);
    RingServer(*session_).run();
    // Nobody will answer the callbacks that streams still wait for.
    session_->callbacks.close();
  }

  wire::Statistics statistics() const override {
    const Session* const session = counted_.load(std::memory_order_acquire);
    return session == nullptr ? wire::Statistics() : session->statistics();
  }

  std::vector<std::pair<std::string, uint64_t>> take_unsupported() override {
    Session* const session = counted_.load(std::memory_order_acquire);
    if (session == nullptr) return {};
    return session->unsupported.take_changed();
  }

  void trace(UniqueFd pipe) override {
    const std::lock_guard lock(mutex_);
    if (session_ != nullptr) session_->trace.start(std::move(pipe));
    else early_trace_ = std::move(pipe);
  }

 private:
  const WorkerConfig config_;
  const Driver driver_;
  MemoryBudget& budget_;
  SharedRanges& ranges_;
  ObjectBroker& broker_;
  CUcontext ready_context_ = nullptr;
  std::mutex mutex_;      // guards early_trace_, and session_ against trace()
  UniqueFd early_trace_;  // that came before the session
  std::unique_ptr<Session> session_;
  std::atomic<Session*> counted_{nullptr};
};

}  // namespace

Result<std::unique_ptr<WorkerCore>> WorkerCore::create(const WorkerConfig& config, MemoryBudget& budget,
                                                       SharedRanges& ranges, ObjectBroker& broker) {
  const Driver driver = TRY(Driver::open(config.driver_path));
  return std::unique_ptr<WorkerCore>(std::make_unique<Core>(config, driver, budget, ranges, broker));
}

}  // namespace vgpu::host
