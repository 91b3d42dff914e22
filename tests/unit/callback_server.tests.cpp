// SPDX-License-Identifier: Apache-2.0
#include "host/worker/callback_server.h"

#include <thread>

#include "common/session_memory.h"
#include "tests/support/test.h"

using namespace vgpu;
using host::Callbacks;
using host::CallbackServer;

namespace {

// The guest's end, played by hand.
struct Scene {
  UniqueFd file = create_memory_file("vgpu-callbacks", ring::kTotalBytes).value();
  SessionMemory memory = SessionMemory::map(file.get()).value();
  Callbacks callbacks;
  CallbackServer server{callbacks, memory.header(), host::Waker::local()};

  ~Scene() { callbacks.close(); }
  void wait_for(uint32_t number) {
    while (memory.header().callbacks_given.load() != number) std::this_thread::yield();
  }
};

}  // namespace

TEST_CASE("host functions reach the guest one at a time, without a command of its", "[unit][callbacks]") {
  Scene scene;
  REQUIRE(scene.server.start());
  ring::Header& header = scene.memory.header();
  std::atomic<int> returned{0};
  std::vector<std::thread> streams;
  for (uint64_t i = 0; i < 3; ++i)
    streams.emplace_back([&] {
      Callbacks::run_host_function(scene.callbacks.add(7, 8, 9, false));
      ++returned;
    });
  for (uint32_t number = 1; number <= 3; ++number) {
    scene.wait_for(number);
    CHECK(header.callback.function == 7);
    CHECK(header.callback.user_data == 8);
    CHECK(returned.load() < static_cast<int>(number));
    header.callbacks_done.store(number);
  }
  for (std::thread& stream : streams) stream.join();
  CHECK(returned == 3);
}

TEST_CASE("a guest that says so twice is served once", "[unit][callbacks]") {
  Scene scene;
  REQUIRE(scene.server.start());
  REQUIRE(scene.server.start());
  std::thread stream([&] { Callbacks::run_host_function(scene.callbacks.add(1, 2, 3, false)); });
  scene.wait_for(1);
  scene.memory.header().callbacks_done.store(1);
  stream.join();
  CHECK(scene.memory.header().callbacks_given == 1);
}

TEST_CASE("a counter that makes no sense keeps the stream waiting until the session ends", "[unit][callbacks]") {
  Scene scene;
  REQUIRE(scene.server.start());
  std::atomic<bool> returned{false};
  std::thread stream([&] {
    Callbacks::run_host_function(scene.callbacks.add(1, 2, 3, false));
    returned = true;
  });
  scene.wait_for(1);
  scene.memory.header().callbacks_done.store(77);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK_FALSE(returned.load());
  scene.callbacks.close();
  stream.join();
}
