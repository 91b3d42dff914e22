// SPDX-License-Identifier: Apache-2.0
#include "host/worker/callbacks.h"

#include <atomic>
#include <thread>

#include "tests/support/test.h"

using vgpu::host::Callbacks;

TEST_CASE("the stream waits until the guest has run its host function", "[unit][callbacks]") {
  Callbacks callbacks;
  Callbacks::Record* record = callbacks.add(0x11, 0x22, 0x33, false);
  std::atomic<bool> returned{false};
  std::thread stream([&] {
    Callbacks::run_host_function(record);
    returned = true;
  });
  const auto request = callbacks.next();
  REQUIRE(request.has_value());
  CHECK(request->request.function == 0x11);
  CHECK(request->request.user_data == 0x22);
  CHECK(request->request.stream == 0x33);
  CHECK(request->request.is_stream_callback == 0);
  CHECK_FALSE(returned.load());
  callbacks.done(request->id);
  stream.join();
  CHECK(returned.load());
}

TEST_CASE("a stream callback brings its status", "[unit][callbacks]") {
  Callbacks callbacks;
  Callbacks::Record* record = callbacks.add(1, 2, 3, false);
  std::thread stream([&] { Callbacks::run_stream_callback(nullptr, 700, record); });
  const auto request = callbacks.next();
  CHECK(request->request.status == 700);
  CHECK(request->request.is_stream_callback == 1);
  callbacks.done(request->id);
  stream.join();
}

TEST_CASE("a record that is kept runs as often as its graph", "[unit][callbacks]") {
  Callbacks callbacks;
  Callbacks::Record* record = callbacks.add(1, 2, 0, true);
  for (int launch = 0; launch < 3; ++launch) {
    std::thread stream([&] { Callbacks::run_host_function(record); });
    const auto request = callbacks.next();
    CHECK(request->request.function == 1);
    callbacks.done(request->id);
    stream.join();
  }
  callbacks.remove(record);
}

TEST_CASE("requests are handed out in the order in which they came", "[unit][callbacks]") {
  Callbacks callbacks;
  std::vector<std::thread> streams;
  for (uint64_t i = 0; i < 5; ++i) {
    streams.emplace_back([&callbacks, i] { Callbacks::run_host_function(callbacks.add(i, 0, 0, false)); });
    const auto request = callbacks.next();
    CHECK(request->request.function == i);
    callbacks.done(request->id);
  }
  for (std::thread& stream : streams) stream.join();
}

TEST_CASE("an answer to a request that was never made frees nobody", "[unit][callbacks]") {
  Callbacks callbacks;
  std::atomic<bool> returned{false};
  std::thread stream([&] {
    Callbacks::run_host_function(callbacks.add(1, 2, 3, false));
    returned = true;
  });
  const auto request = callbacks.next();
  callbacks.done(request->id + 1000);
  callbacks.done(0);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK_FALSE(returned.load());
  callbacks.done(request->id);
  stream.join();
}

TEST_CASE("the end of the session frees streams and the guest's callback thread", "[unit][callbacks]") {
  Callbacks callbacks;
  std::thread stream([&] { Callbacks::run_host_function(callbacks.add(1, 2, 3, false)); });
  callbacks.next();
  std::thread waiting([&] { CHECK_FALSE(callbacks.next().has_value()); });
  callbacks.close();
  stream.join();
  waiting.join();
  Callbacks::run_host_function(callbacks.add(1, 2, 3, false));  // does not wait any more
}
