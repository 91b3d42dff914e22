// SPDX-License-Identifier: Apache-2.0
// Reports: answers requests of vgpu/report.h, from what the daemon knows of its sessions and what the monitor reads of
// the card. Requests are a guest's: nothing in them is trusted. The daemon's thread only.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/nvml/reading.h"
#include "host/daemon/events.h"
#include "host/daemon/monitor.h"
#include "host/daemon/sample_history.h"
#include "host/daemon/traces.h"
#include "host/daemon/worker.h"
#include "vgpu/report.h"
#include "vgpu/wire.h"

namespace vgpu::host {

// A program with a worker, as a report shows it.
struct SessionFacts {
  uint64_t key = 0;         // the same for one session as long as it lives
  uint32_t pid = 0;         // the program's own; 0: unknown
  uint32_t vm_session = 0;  // 0: not in a VM
  uint32_t worker_pid = 0;
  bool open = false;
  const char* state = "";
  uint64_t mapped_bytes = 0;
  wire::Statistics work = {};
  CallCounts unsupported = {};
};

// What the daemon tells.
class ReportSource {
 public:
  virtual ~ReportSource() = default;
  // Calls `done` when all workers have said what they counted, or did not in time.
  virtual void with_statistics(std::function<void()> done) = 0;
  virtual std::vector<SessionFacts> session_facts() const = 0;
  virtual wire::DaemonStatistics daemon_statistics() const = 0;
  virtual CallCounts unsupported_calls() const = 0;
  // Calls `done` after that time.
  virtual void after(std::chrono::milliseconds time, std::function<void()> done) = 0;
};

class Reports {
 public:
  // `error`: an errno; then there are no bytes.
  using Answered = std::function<void(int error, std::span<const std::byte> bytes)>;

  Reports(ReportSource& source, Monitor& monitor, Traces& traces, Events& events)
      : source_(source), monitor_(monitor), traces_(traces), events_(events) {}

  // Answers later, or before it returns.
  void ask(const Owner& asker, std::span<const std::byte> request, Answered answered);
  // The page for Prometheus.
  void metrics(std::function<void(const std::string&)> answered);

 private:
  struct Readings;
  using Clock = std::chrono::steady_clock;
  // How busy the software GPU's threads were between two looks at them.
  struct Busy {
    Clock::time_point since{};  // none yet: the epoch
    uint64_t total = 0;         // nanoseconds, of all workers
    std::unordered_map<uint64_t, uint64_t> by_session;
  };

  // `in_vm`: for somebody in the VM.
  void overview(bool in_vm, Answered answered);
  void processes(bool in_vm, Answered answered);
  std::vector<std::byte> list_processes(bool in_vm) const;
  report::Process describe(const SessionFacts& session) const;
  void reading(std::span<const std::byte> request, Answered answered);
  // The card's answer with this daemon's share in it.
  void share(const nvml::Prepared& reading, std::span<const std::byte> request, Answered answered);
  void put_share(std::string_view name, uint32_t device, std::vector<std::byte>& answer) const;
  // Samples of utilisation, which are of this daemon's programs where the driver tells that.
  static bool is_utilization(const nvml::Prepared& reading);
  void utilization_samples(const nvml::Prepared& reading, std::span<const std::byte> request, Answered answered);
  void keep_samples();
  void sample_later();
  nvmlMemory_t memory_share(uint32_t device, const nvmlMemory_t& card) const;
  // Calls `done` when everything is known of who uses the card; `busy`: how busy it is kept, too.
  void look(bool busy, std::function<void()> done);
  void with_utilization(std::function<void()> done);
  void look_at_threads();
  void look_at_usage(std::span<const std::byte> answer);
  // What one session, or all of them, hold of a device, and how busy they keep it.
  struct Share {
    uint64_t bytes = 0;
    uint32_t gpu_percent = 0, memory_percent = 0;
    bool told = false;   // the percents are known
    bool there = false;  // it uses the device
  };
  Share share_of(const SessionFacts& session, uint32_t device) const;
  Share share_of_all(uint32_t device) const;
  std::string overview_text(bool in_vm) const;
  void read_sensor(const std::shared_ptr<Readings>& readings, size_t sensor, uint32_t device);
  void have_reading(Readings& readings) const;
  std::string metrics_text(const Readings& readings) const;
  // Percent; of one session, or (key 0) of all.
  unsigned percent(uint64_t key) const;

  ReportSource& source_;
  Monitor& monitor_;
  Traces& traces_;
  Events& events_;
  Busy before_, now_;
  std::vector<monitor::Usage> usage_;
  bool workers_are_known_ = false;  // to the driver, by the numbers that they have here
  uint64_t seen_ = 0;               // when now_ was, in microseconds since 1970
  SampleHistory history_;
  bool sampling_ = false;  // a look is under way, or will be in a moment
  Clock::time_point sample_until_{};
};

}  // namespace vgpu::host
