// SPDX-License-Identifier: Apache-2.0
// The page for Prometheus, and clients that are no Prometheus.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/host/hostile_client.h"
#include "tests/support/exposition.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;

namespace {

struct Metrics {
  std::string path = "/tmp/vgpu-metrics-" + std::to_string(::getpid());
  TestDaemon daemon;
  explicit Metrics(Limits limits = {}) : daemon(limits, {"--metrics", path}) {}
  ~Metrics() {
    ::unlink(path.c_str());
    ::unlink((path + ".lock").c_str());
  }

  UniqueFd connect() const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return socket;
  }
  // All that the server says to `request` until it closes.
  std::string ask(std::string_view request) const {
    const UniqueFd socket = connect();
    ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
    std::string all;
    char part[4096];
    for (ssize_t got = 0; (got = ::recv(socket.get(), part, sizeof part, 0)) > 0;)
      all.append(part, static_cast<size_t>(got));
    return all;
  }
};

}  // namespace

TEST_CASE("the page is what Prometheus reads: each metric once, with help, type and values", "[hostile][metrics]") {
  Metrics metrics;
  HealthyClient client(metrics.daemon.socket());
  REQUIRE(client.computes());
  const std::string all = metrics.ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(all.starts_with("HTTP/1.0 200 OK\r\n"));
  const size_t body = all.find("\r\n\r\n");
  REQUIRE(body != std::string::npos);
  CHECK(all.find("Content-Length: " + std::to_string(all.size() - body - 4) + "\r\n") != std::string::npos);
  CHECK(Exposition::fault_of(std::string_view(all).substr(body + 4)) == "");
  CHECK(all.find("\nvgpu_sessions_open 1\n") != std::string::npos);
  CHECK(all.find("vgpu_session_memory_bytes{pid=\"" + std::to_string(::getpid())) != std::string::npos);
  CHECK(all.find("vgpu_launches_total 0\n") == std::string::npos);
}

TEST_CASE("a request that never ends is cut off, and one without anything is let go", "[hostile][metrics]") {
  Metrics metrics;
  CHECK(metrics.ask(std::string(100'000, 'x')).empty());
  { const UniqueFd silent = metrics.connect(); }
  CHECK(metrics.ask("GET / HTTP/1.0\r\n\r\n").find("vgpu_info") != std::string::npos);
}

TEST_CASE("there is one page, to be read only", "[hostile][metrics]") {
  Metrics metrics;
  const std::string head = metrics.ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.0 200 "));
  CHECK(head.ends_with("\r\n\r\n"));
  CHECK(metrics.ask("GET /metrics?name=x HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 200 "));
  for (const char* wrong :
       {"GET /metricsx HTTP/1.0\r\n\r\n", "GET /a/metrics HTTP/1.0\r\n\r\n", "GET  HTTP/1.0\r\n\r\n"}) {
    const std::string answer = metrics.ask(wrong);
    CHECK(answer.starts_with("HTTP/1.0 404 "));
    CHECK(answer.find("/metrics") != std::string::npos);
  }
  for (const char* wrong : {"POST /metrics HTTP/1.0\r\n\r\n", "get /metrics HTTP/1.0\r\n\r\n", "\r\n\r\n"})
    CHECK(metrics.ask(wrong).starts_with("HTTP/1.0 405 "));
}

TEST_CASE("clients that hold all places are let go after five seconds", "[hostile][metrics]") {
  Metrics metrics;
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 16; ++i) silent.push_back(metrics.connect());
  CHECK(eventually([&] { return !metrics.ask("GET / HTTP/1.0\r\n\r\n").empty(); }));
}

TEST_CASE("a client that comes when no descriptor is left is answered when there are some", "[hostile][metrics]") {
  Metrics metrics({RLIMIT_NOFILE, 40});
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 60; ++i)
    if (auto client = connect_control(metrics.daemon.socket()); client.ok()) silent.push_back(std::move(*client));
  // Turned away: there is none left.
  REQUIRE(eventually([&] {
    pollfd last = {silent.back().get(), POLLIN, 0};
    return ::poll(&last, 1, 0) == 1;
  }));
  const UniqueFd waiting = metrics.connect();
  constexpr std::string_view kRequest = "GET /metrics HTTP/1.0\r\n\r\n";
  REQUIRE(::send(waiting.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) == std::ssize(kRequest));
  pollfd answer = {waiting.get(), POLLIN, 0};
  CHECK(::poll(&answer, 1, 200) == 0);
  silent.clear();
  REQUIRE(::poll(&answer, 1, 10'000) == 1);
  char text[16] = {};
  CHECK(::recv(waiting.get(), text, sizeof text - 1, 0) > 0);
  CHECK(std::string_view(text).starts_with("HTTP/1.0 200"));
}

TEST_CASE("what is no place of this machine is refused at the start", "[hostile][metrics]") {
  for (const char* where : {"0.0.0.0:9400", "9400", "localhost:9400", "127.0.0.1:", "127.0.0.1:70000", "[::]:9400"}) {
    INFO(where);
    TestDaemon daemon{{}, {"--metrics", where}};
    CHECK_FALSE(daemon.alive());
    CHECK(daemon.log().find("--metrics") != std::string::npos);
  }
}
