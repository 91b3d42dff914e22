// SPDX-License-Identifier: Apache-2.0
// Clients whose control messages are out of order; and a vgpud that runs out of things.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/host/hostile_client.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;

namespace {

wire::ControlMessage control(wire::Control type, uint64_t address = 0, uint64_t size = 0, uint64_t offset = 0) {
  wire::ControlMessage message = {};
  message.type = type, message.address = address, message.size = size, message.offset = offset;
  return message;
}

bool is_closed(const RawClient& client) {
  return eventually([&] { return receive_control(client.socket(), MSG_DONTWAIT).receipt == Receipt::closed; });
}

}  // namespace

TEST_CASE("datagrams that are not control messages close the connection", "[hostile]") {
  Scene scene;
  for (const size_t size :
       {size_t{1}, sizeof(wire::ControlMessage) - 1, sizeof(wire::ControlMessage) + 1, size_t{60'000}}) {
    RawClient client = scene.attacker();
    const Bytes bytes(size, std::byte{1});
    REQUIRE(::send(client.socket(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(size));
    CHECK(is_closed(client));
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("messages of the wrong kind close the connection", "[hostile]") {
  Scene scene;
  for (const uint32_t type : {0u, 1u, 2u, 3u, 6u, 7u, 8u, 10u, 0xffffffffu}) {
    RawClient client = scene.attacker();
    send_control(client.socket(), control(static_cast<wire::Control>(type), 0, ~uint64_t{0}));
    CHECK(is_closed(client));
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("ranges that may not be mapped are refused, with the errno that fits", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    const UniqueFd file = create_memory_file("vgpu-test", 1 << 16).value();
    const uint64_t base = wire::kSharedBase;
    CHECK(client.map(-1, base, 4096) == EBADF);
    CHECK(client.map(file.get(), base, 0) == EINVAL);
    CHECK(client.map(file.get(), base + 1, 4096) == EINVAL);
    CHECK(client.map(file.get(), base, 4097) == EINVAL);
    CHECK(client.map(file.get(), base, 4096, 1) == EINVAL);
    CHECK(client.map(file.get(), base, 1 << 17) == EINVAL);
    CHECK(client.map(file.get(), base, 4096, uint64_t{1} << 62) == EINVAL);
    CHECK(client.map(file.get(), 0, 4096) == EINVAL);
    CHECK(client.map(file.get(), ~uint64_t{0xfff}, 4096) == EINVAL);
    const UniqueFd device(::open("/dev/zero", O_RDWR)), directory(::open("/", O_RDONLY));
    CHECK(client.map(device.get(), base, 4096) == EBADF);
    CHECK(client.map(directory.get(), base, 4096) == EBADF);
    CHECK(client.map(client.socket(), base, 4096) == EBADF);
    // Over the worker's own program.
    CHECK(client.map(file.get(), 0x100000000000, 4096) == EEXIST);
    CHECK(client.map(file.get(), base, 1 << 16) == 0);
    CHECK(client.map(file.get(), base + 4096, 4096) == EEXIST);
    CHECK(client.ask(control(wire::Control::unmap, base, 4096)).result == EINVAL);
    CHECK(client.ask(control(wire::Control::unmap, base + 4096, 1 << 16)).result == EINVAL);
    CHECK(client.ask(control(wire::Control::unmap, base, 1 << 16)).result == 0);
    CHECK(client.ask(control(wire::Control::unmap, base, 1 << 16)).result == EINVAL);
    CHECK(client.call(wire::kStatistics, {}).arrived);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a client that does not read its answers is not read from", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    int sent = 0;
    // The socket is full for half a second: vgpud has stopped reading.
    for (int full = 0; sent < 200'000 && full < 50;)
      if (send_control(client.socket(), control(wire::Control::unmap, 4096, 4096), {}, MSG_DONTWAIT) ==
          Delivery::sent) {
        ++sent, full = 0;
      } else {
        ++full;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    CHECK(sent < 200'000);
    CHECK(scene.healthy.computes());
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("connections that never say hello do not keep others out", "[hostile]") {
  Scene scene;
  {
    std::vector<UniqueFd> silent;
    for (int i = 0; i < 200; ++i) silent.push_back(connect_control(scene.daemon.socket()).value());
    RawClient client = scene.attacker();
    CHECK(client.retain_context());
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("without file descriptors vgpud says so and goes on", "[hostile]") {
  TestDaemon daemon({RLIMIT_NOFILE, 40});
  std::vector<std::unique_ptr<RawClient>> clients;
  std::string text;
  for (int i = 0; i < 40 && text.empty(); ++i) {
    clients.push_back(std::make_unique<RawClient>(daemon.socket()));
    if (!clients.back()->is_open()) text = clients.back()->text();
  }
  INFO(text);
  CHECK((text.find("file descriptors") != std::string::npos || text.find("Too many open files") != std::string::npos));
  clients.clear();
  CHECK(daemon.alive());
  CHECK(eventually([&] { return RawClient(daemon.socket()).is_open(); }));
  CHECK(daemon.stop());
}

TEST_CASE("without room for a memory file vgpud says so and goes on", "[hostile]") {
  TestDaemon daemon({RLIMIT_FSIZE, 1 << 20});
  REQUIRE(daemon.alive());
  for (int i = 0; i < 3; ++i) {
    const RawClient client(daemon.socket());
    CHECK_FALSE(client.is_open());
    INFO(client.text());
    CHECK(client.text().find("cannot size a memory file") != std::string::npos);
  }
  CHECK(daemon.alive());
  CHECK(daemon.stop());
}

TEST_CASE("without address space vgpud refuses and goes on", "[hostile]") {
  TestDaemon daemon({RLIMIT_AS, 40 << 20});
  REQUIRE(daemon.alive());
  const RawClient client(daemon.socket());
  CHECK_FALSE(client.is_open());
  INFO(client.text());
  // The worker has no room either, and is the first to notice: CUDA_ERROR_OUT_OF_MEMORY.
  CHECK(client.text().find("CUDA error 2") != std::string::npos);
  CHECK(daemon.alive());
  CHECK(daemon.stop());
}
