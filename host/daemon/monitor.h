// SPDX-License-Identifier: Apache-2.0
// Monitor: the daemon's side of vgpu-monitor, which reads the card. Starts it at the first question, ends it when
// nobody has asked for a while, starts it anew when it died. Equal questions within 100 ms share one answer, so the
// card is read at most ten times a second for each thing, however many ask. The daemon's thread only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <list>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/daemon/event_loop.h"
#include "host/daemon/event_source.h"
#include "host/daemon/worker_process.h"
#include "host/monitor/protocol.h"
#include "vgpu/nvml/nvml_types.h"

namespace vgpu::host {

struct MonitorOptions {
  std::string executable;  // empty: there is none
  std::string driver_path;
  DriverKind kind = DriverKind::soft;
  bool sandbox = true;
  std::string only;  // UUID of the one GPU that is to be seen; empty: all
};

// What never changes, or why nothing is known.
struct CardFacts {
  nvmlReturn_t error = NVML_SUCCESS;
  std::string reason;
  monitor::Identity identity = {};
  std::vector<monitor::DeviceIdentity> devices;
};

class Monitor final : public EventSource {
 public:
  using Clock = std::chrono::steady_clock;
  // The bytes of a reading's answer (common/nvml/reading.h).
  using Answered = std::function<void(std::span<const std::byte>)>;

  Monitor(EventLoop& loop, MonitorOptions options) : loop_(loop), options_(std::move(options)) {}
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor() override;

  // `request` is that of a reading, checked by the caller. Answers later, or before it returns.
  void ask(std::span<const std::byte> request, Answered answered);
  // Who uses the devices: monitor::kUsage's answer.
  void ask_usage(Answered answered) { ask({}, std::move(answered)); }
  // It is not ended for want of questions for that long.
  void stay(std::chrono::seconds time) { stays_until_ = Clock::now() + time; }
  // From now on, and as long as the monitor lives, which then is not ended for want of questions.
  void watch_cards(std::function<void(nvmlReturn_t)> answered) override;
  nvmlReturn_t has_events(uint32_t device, uint64_t types) const override;
  // An event with a result other than success is the last one. Set before the first watch_cards().
  std::function<void(const monitor::CardEvent&)> on_event;
  // Calls `ready` once the facts are known, perhaps before it returns.
  void learn(std::function<void()> ready);
  const CardFacts& facts() const { return facts_; }
  void with_devices(std::function<void(nvmlReturn_t)> ready) override;
  uint32_t device_count() const override { return static_cast<uint32_t>(facts_.devices.size()); }
  std::optional<uint32_t> find_device(const uint8_t (&uuid)[16]) const override;
  bool is_software() const override { return options_.kind == DriverKind::soft; }

  std::optional<Clock::time_point> deadline() const;
  void expire();

 private:
  struct Question {
    uint64_t id = 0;
    monitor::Question kind = monitor::kReading;
    std::string request;
    std::vector<Answered> waiting;
    Clock::time_point since;
    bool sent = false;
  };
  struct Kept {
    std::vector<std::byte> answer;
    Clock::time_point since;
  };

  void start();
  void end();
  void on_socket();
  void on_greeting(const monitor::Header& header, std::span<const std::byte> bytes);
  void on_answer(uint64_t id, std::span<const std::byte> bytes);
  void on_card_event(std::span<const std::byte> bytes);
  void put_question(monitor::Question kind, std::string request, Answered answered);
  void know(CardFacts facts);
  void send_questions();
  void fail_questions(nvmlReturn_t result);
  void keep(const std::string& request, std::span<const std::byte> answer);

  EventLoop& loop_;
  const MonitorOptions options_;
  pid_t pid_ = -1;
  UniqueFd pidfd_, socket_;
  Watch socket_watch_;
  bool greeted_ = false;
  bool known_ = false;
  CardFacts facts_;
  Clock::time_point started_{}, last_used_{}, stays_until_{};
  std::list<Question> questions_;  // in the order in which they are sent
  uint64_t next_id_ = 1;
  std::vector<std::function<void()>> learners_;
  std::unordered_map<std::string, Kept> kept_;
  std::vector<monitor::Watched> watched_;  // by device; empty: the monitor that runs now does not watch
};

}  // namespace vgpu::host
