// SPDX-License-Identifier: Apache-2.0
// Clients that take of something as much as there is. They get CUDA's own errors; others go on.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "tests/host/hostile_client.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;
namespace op = vgpu::api::opcode;

namespace {

size_t threads_of(pid_t process) {
  std::error_code gone;
  const std::filesystem::directory_iterator tasks("/proc/" + std::to_string(process) + "/task", gone), none;
  return gone ? 0 : static_cast<size_t>(std::distance(tasks, none));
}

// Workers that come to nothing, as on a machine that has too much to do.
class StoppedWorkers {
 public:
  explicit StoppedWorkers(const TestDaemon& daemon) : workers_(daemon.workers()) {
    for (const pid_t worker : workers_) ::kill(worker, SIGSTOP);
  }
  ~StoppedWorkers() {
    for (const pid_t worker : workers_) ::kill(worker, SIGCONT);
  }

 private:
  const std::vector<pid_t> workers_;
};

void ask_for_statistics(int socket) {
  wire::ControlMessage question = {};
  question.type = wire::Control::statistics;
  send_control(socket, question, {}, MSG_DONTWAIT);
}

}  // namespace

TEST_CASE("a client that makes up threads without end gets an error, and its worker no more threads", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    client.flags = ring::kHelper;
    for (client.thread = 1; client.thread < 3000; ++client.thread) client.post(wire::kStatistics, {});
    const Reply reply = client.call(wire::kStatistics, {});
    CHECK(reply.arrived);
    CHECK(reply.result == CUDA_ERROR_OUT_OF_MEMORY);
    for (const pid_t worker : scene.daemon.workers()) CHECK(threads_of(worker) < 1200);
    client.flags = 0;
    CHECK(client.call(wire::kStatistics, {}).result == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("without file descriptors every client is turned away, one after the other", "[hostile]") {
  TestDaemon daemon({RLIMIT_NOFILE, 40});
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 60; ++i) clients.push_back(connect_control(daemon.socket()).value());
  for (size_t i = 40; i < clients.size(); ++i) {
    pollfd answer = {clients[i].get(), POLLIN, 0};
    REQUIRE(::poll(&answer, 1, 10'000) == 1);
    const Incoming said = receive_control(clients[i].get(), MSG_DONTWAIT);
    CHECK(said.message.type == wire::Control::refused);
    CHECK(std::string_view(said.message.text).find("file descriptors") != std::string_view::npos);
  }
  clients.clear();
  CHECK(eventually([&] { return RawClient(daemon.socket()).is_open(); }));
}

TEST_CASE("clients that are refused again and again do not fill the log", "[hostile]") {
  Scene scene;
  {
    wire::ControlMessage hello = {};
    hello.type = wire::Control::hello;
    hello.format = ring::kFormat + 1;
    for (int i = 0; i < 300; ++i) {
      const UniqueFd client = connect_control(scene.daemon.socket()).value();
      send_control(client.get(), hello);
      REQUIRE(receive_control(client.get(), 0).message.type == wire::Control::refused);
      send_control(client.get(), hello, std::array{0, 0});  // and closed for it, with a line of its own
    }
    const std::string log = scene.daemon.log();
    CHECK(log.find("speaks wire format") != std::string::npos);
    CHECK(std::count(log.begin(), log.end(), '\n') < 50);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("questions for statistics that wait for a worker take no answer from others", "[hostile]") {
  Scene scene;
  {
    RawClient victim = scene.attacker(), other = scene.attacker();
    REQUIRE(other.is_open());
    const UniqueFd client = connect_control(scene.daemon.socket()).value();
    const StoppedWorkers stopped(scene.daemon);
    // A few at a time: vgpud takes turns.
    for (int i = 0; i < 100; ++i) {
      ask_for_statistics(client.get());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    wire::ControlMessage question = {};
    question.type = wire::Control::statistics;
    CHECK(other.ask(question).type == wire::Control::statistics);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("questions without end for statistics do not end a worker that does not come to answer", "[hostile]") {
  Scene scene;
  {
    RawClient victim = scene.attacker();
    REQUIRE(victim.is_open());
    {
      const UniqueFd client = connect_control(scene.daemon.socket()).value();
      const StoppedWorkers stopped(scene.daemon);
      // An answer without theirs takes 300 ms.
      for (int i = 0; i < 800; ++i) {
        ask_for_statistics(client.get());
        std::this_thread::sleep_for(std::chrono::milliseconds(4));
        while (receive_control(client.get(), MSG_DONTWAIT).receipt == Receipt::message) continue;
      }
    }
    CHECK(victim.call(wire::kStatistics, {}).result == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

// Hidden: it takes gigabytes.
TEST_CASE("a client that makes events without end gets CUDA's error, and others go on", "[.][hostile][long]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const Bytes create = pack(uint8_t{1}, uint32_t{CU_EVENT_DISABLE_TIMING});
    for (uint32_t i = 0; i < handle::kMaxIndex; ++i) client.post(op::cuEventCreate, create);
    const Reply reply = client.call(op::cuEventCreate, create);
    CHECK(reply.arrived);
    CHECK(reply.result == CUDA_ERROR_OUT_OF_MEMORY);
    CHECK(client.allocate(4096) != 0);
  }
  CHECK(scene.damage() == "");
}
