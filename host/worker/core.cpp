// SPDX-License-Identifier: Apache-2.0
#include "host/worker/core.h"

#include "host/worker/ring_server.h"

namespace vgpu::host {
namespace {

class Core final : public WorkerCore {
 public:
  Core(const WorkerConfig& config, Driver driver, SessionMemory memory, MemoryBudget& budget, SharedRanges& ranges)
      : session_(config, std::move(driver), std::move(memory), budget, ranges), server_(session_) {}

  void run() override {
    server_.run();
    // Nobody will answer the callbacks that streams still wait for.
    session_.callbacks.close();
  }

  wire::Statistics statistics() const override {
    const Counters& counters = session_.counters;
    return {counters.commands,     counters.posted,   counters.replies,      counters.helper_calls,
            counters.parks,        counters.wakeups,  counters.bytes_inline, counters.bytes_window,
            counters.bytes_shared, counters.launches, counters.refused};
  }

 private:
  Session session_;
  RingServer server_;
};

}  // namespace

Result<std::unique_ptr<WorkerCore>> WorkerCore::create(const WorkerConfig& config, MemoryBudget& budget,
                                                       SharedRanges& ranges) {
  Driver driver = TRY(Driver::open(config.driver_path));
  SessionMemory memory = TRY(SessionMemory::map(config.memory_fd));
  TRY(memory.check());
  return std::unique_ptr<WorkerCore>(
      std::make_unique<Core>(config, std::move(driver), std::move(memory), budget, ranges));
}

}  // namespace vgpu::host
