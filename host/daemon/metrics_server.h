// SPDX-License-Identifier: Apache-2.0
// MetricsServer: answers Prometheus, on a Unix socket or a port of the loopback interface: any HTTP request gets the
// same page. Whoever may connect may read it, so it is off unless it is asked for. The daemon's thread only.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "host/daemon/event_loop.h"
#include "host/daemon/listener.h"

namespace vgpu::host {

class MetricsServer {
 public:
  using Clock = std::chrono::steady_clock;
  // Calls back with the text, later or at once.
  using Source = std::function<void(std::function<void(const std::string&)>)>;

  // `where`: a path with a slash in it, "127.0.0.1:PORT" or "[::1]:PORT". Port 0 is one that is free.
  static Result<std::unique_ptr<MetricsServer>> open(EventLoop& loop, const std::string& where, mode_t mode,
                                                     Source source);

  // "PATH" or "ADDRESS:PORT".
  const std::string& where() const { return where_; }
  std::optional<Clock::time_point> deadline() const;
  // Lets slow clients go, and those that are done. Between events.
  void expire();

 private:
  struct Client {
    UniqueFd socket;
    Watch watch;
    std::string request, answer;
    bool asked = false, done = false;
    Clock::time_point deadline;
  };
  MetricsServer(EventLoop& loop, Source source) : loop_(loop), source_(std::move(source)) {}
  Result<void> listen(const std::string& where, mode_t mode);
  void accept_clients();
  void on_client(Client& client, uint32_t events);
  void on_request(Client& client);
  static void refuse(Client& client, const char* status);
  static void write_answer(Client& client);

  EventLoop& loop_;
  const Source source_;
  std::string where_;
  std::optional<Listener> listener_;
  UniqueFd port_;
  Watch watch_;
  std::optional<Clock::time_point> resting_until_;  // no client is accepted before
  std::list<std::shared_ptr<Client>> clients_;      // shared with answers that are under way
};

}  // namespace vgpu::host
