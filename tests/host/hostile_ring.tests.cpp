// SPDX-License-Identifier: Apache-2.0
// Clients that break the rules of the command ring. Each may lose its session; nobody else may notice.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/host/hostile_client.h"
#include "tests/support/row_arguments.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;
namespace op = vgpu::api::opcode;

namespace {

constexpr uint16_t kFreePrivate = wire::kPrivateEnd - 1;  // a private opcode that nobody has taken yet

}  // namespace

TEST_CASE("a healthy client computes and leaves nothing behind", "[hostile]") {
  Scene scene;
  CHECK(scene.damage() == "");
  CHECK(scene.daemon.stop());
}

TEST_CASE("unknown private opcodes are malformed, and the session goes on", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    CHECK(client.call(kFreePrivate, {}).malformed());
    CHECK(client.retain_context());
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("calls without a row, and numbers that are no call, are not supported", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    size_t refused = 0;
    for (uint16_t opcode = 0; opcode < wire::kFirstPrivate; ++opcode) {
      const Call* call = api::find_row(opcode);
      if (call != nullptr && call->path != Path::local && call->path != Path::refuse) continue;
      const Reply reply = client.call(opcode, pack(uint64_t{1}));
      REQUIRE(reply.arrived);
      if (reply.result == CUDA_ERROR_NOT_SUPPORTED) ++refused;
      else CHECK(reply.result != CUDA_SUCCESS);
    }
    CHECK(refused > 500);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("every call of every row with no payload, and with random ones, is answered with an error or not at all",
          "[hostile]") {
  Scene scene;
  Random random(21);
  for (int seed = 0; seed < 3; ++seed) {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    for (uint16_t opcode = 0; opcode < wire::kPrivateEnd; ++opcode) {
      Bytes payload(seed == 0 ? 0 : random.below(200));
      random.fill(payload.data(), payload.size());
      // Calls that reached the driver with random arguments may have harmed this session, and no more than that.
      if (!client.call(opcode, payload).arrived) {
        client = scene.attacker();
        REQUIRE(client.retain_context());
      }
    }
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("truncated and oversized requests are malformed, and the session goes on", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const Bytes good = pack(uint8_t{1}, uint64_t{4096});
    CHECK(client.call(op::cuMemAlloc_v2, good).result == CUDA_SUCCESS);
    for (size_t length = 0; length < good.size(); ++length)
      CHECK(client.call(op::cuMemAlloc_v2, std::span(good).first(length)).malformed());
    CHECK(client.call(op::cuMemAlloc_v2, good + pack(uint8_t{0})).malformed());
    const Bytes launch = pack(wire::Launch{});
    for (size_t length = 0; length < launch.size(); ++length)
      CHECK(client.call(op::cuLaunchKernel, std::span(launch).first(length)).malformed());
    CHECK(client.call(op::cuMemAlloc_v2, good).result == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a commit word that cannot be right ends the session", "[hostile]") {
  Scene scene;
  for (const uint32_t units : {2u, 0x7fffffffu, 0xffffffffu, static_cast<uint32_t>(ring::kRingUnits) + 1}) {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    ring::Command& command = client.prepare(wire::kStatistics, {}, 0);
    ring::publish(command, units);
    const uint64_t one = 1;
    static_cast<void>(!::write(client.doorbell(), &one, sizeof one));
    CHECK(client.is_lost());
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a header whose numbers are out of range ends the session", "[hostile]") {
  Scene scene;
  using Edit = void (*)(ring::Command&);
  const Edit edits[] = {[](ring::Command& c) { c.payload_bytes = ring::kMaxInline + 1; },
                        [](ring::Command& c) { c.payload_bytes = ~uint64_t{0}; },
                        [](ring::Command& c) { c.payload_bytes = uint64_t{1} << 40; },
                        [](ring::Command& c) { c.reply_slot = ring::kReplySlots; },
                        [](ring::Command& c) { c.reply_slot = 0xfffffffe; },
                        [](ring::Command& c) { c.opcode = wire::kOpcodeEnd; },
                        [](ring::Command& c) { c.opcode = 0xffff; },
                        [](ring::Command& c) { c.flags = ring::kBlobPayload, c.blob = 99; }};
  for (const Edit edit : edits) {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    ring::Command& command = client.prepare(wire::kStatistics, {}, 0);
    edit(command);
    client.publish(command, 1);
    CHECK(client.is_lost());
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("stale handles and those of another session are refused", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    CUstream stream = nullptr;
    REQUIRE(client.row(api::spec::cuStreamCreate, &stream, 0u) == CUDA_SUCCESS);
    REQUIRE(client.row(api::spec::cuStreamDestroy_v2, stream) == CUDA_SUCCESS);
    CHECK(client.row(api::spec::cuStreamQuery, stream) == CUDA_ERROR_INVALID_HANDLE);
    CHECK(client.row(api::spec::cuStreamDestroy_v2, stream) == CUDA_ERROR_INVALID_HANDLE);
    // The place is used again, with another generation.
    CUstream second = nullptr;
    REQUIRE(client.row(api::spec::cuStreamCreate, &second, 0u) == CUDA_SUCCESS);
    CHECK(client.row(api::spec::cuStreamQuery, stream) == CUDA_ERROR_INVALID_HANDLE);
    CHECK(client.row(api::spec::cuStreamQuery, second) == CUDA_SUCCESS);
    // A handle means nothing outside of its session: the number is of ours, or of nothing.
    RawClient other = scene.attacker();
    REQUIRE(other.retain_context());
    CHECK(other.row(api::spec::cuStreamQuery, second) == CUDA_ERROR_INVALID_HANDLE);
    for (uint32_t index = 1; index < 200; ++index) {
      CUstream guess = nullptr;
      const uint64_t wire = handle::make(Kind::event, index, 1);
      std::memcpy(&guess, &wire, sizeof wire);
      REQUIRE(other.row(api::spec::cuStreamQuery, guess) == CUDA_ERROR_INVALID_HANDLE);
    }
    CHECK(other.row(api::spec::cuStreamQuery, CUstream{}) == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("blobs that lie about themselves are refused", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    const auto append = [&](uint64_t id, uint64_t total, uint32_t chunk, uint64_t bytes) {
      return client.call(wire::kBlobAppend, pack(id, total, chunk, bytes));
    };
    CHECK(append(1, ~uint64_t{0}, 0, 16).result == CUDA_ERROR_OUT_OF_MEMORY);
    CHECK(append(2, 8, 0, 16).result == CUDA_ERROR_OUT_OF_MEMORY);
    CHECK(append(3, 64, ring::kChunks, 16).malformed());
    CHECK(append(3, 64, 0xffffffff, 16).malformed());
    CHECK(append(3, 64, 0, ring::kChunkBytes + 1).malformed());
    CHECK(append(3, 64, 0, ~uint64_t{0}).malformed());
    CHECK(client.call(wire::kBlobRead, pack(uint64_t{12345}, uint64_t{0}, uint32_t{0}, uint64_t{16})).malformed());
    CHECK(client.call(wire::kBlobRead, pack(uint64_t{1}, uint64_t{0}, ring::kChunks, uint64_t{16})).malformed());
    CHECK(client.call(wire::kBlobDrop, pack(uint64_t{777})).result == CUDA_SUCCESS);
    // Announced and never sent: without end they would fill the worker.
    uint32_t taken = 0;
    while (taken < 10'000 && append(100 + taken, 1 << 12, 0, 0).result == CUDA_SUCCESS) ++taken;
    CHECK(taken < 10'000);
    CHECK(client.call(wire::kStatistics, {}).result == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a command whose blob is not complete ends the session", "[hostile]") {
  Scene scene;
  RawClient client = scene.attacker();
  REQUIRE(client.call(wire::kBlobAppend, pack(uint64_t{1}, uint64_t{100}, uint32_t{0}, uint64_t{50})).result ==
          CUDA_SUCCESS);
  ring::Command& command = client.prepare(wire::kStatistics, {}, 0);
  command.flags = ring::kBlobPayload, command.blob = 1, command.payload_bytes = 100;
  client.publish(command, 1);
  CHECK(client.is_lost());
}

TEST_CASE("100000 posted commands are carried out, and the next call is answered", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const uint64_t memory = client.allocate(4096);
    const Bytes set = pack(memory, uint8_t{7}, uint64_t{16});
    for (int i = 0; i < 100'000; ++i) client.post(op::cuMemsetD8_v2, set);
    CHECK(client.call(wire::kStatistics, {}).result == CUDA_SUCCESS);
    CHECK(scene.healthy.computes());
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a client that leaves with 100000 commands under way leaves nothing", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    client.flags = ring::kHelper;
    for (uint32_t i = 0; i < 100'000; ++i) {
      client.thread = i % 50;
      client.post(kFreePrivate, {});
    }
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("calls that wait forever on 200 guest threads end with their client", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    // A host function that nobody runs.
    REQUIRE(client.call(api::opcode::cuLaunchHostFunc, pack(uint64_t{0}, wire::HostFunction{1, 2})).result ==
            CUDA_SUCCESS);
    client.flags = ring::kHelper;
    for (uint32_t thread = 0; thread < 200; ++thread) {
      client.thread = thread;
      client.post(api::opcode::cuCtxSynchronize, {});
    }
    client.flags = 0;
    CHECK(client.call(wire::kStatistics, {}).result == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("replies that nobody reads hold up nobody", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    for (int i = 0; i < 20'000; ++i)
      client.publish(client.prepare(wire::kStatistics, {}, static_cast<uint32_t>(i) % ring::kReplySlots));
    CHECK(client.call(wire::kStatistics, {}).result == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a place that is reserved and never published stops its own session only", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    client.header().tail.fetch_add(3);
    client.memory().slot(0).state.store(static_cast<uint32_t>(ring::SlotState::pending));
    // Published behind the gap: the worker must not jump over it.
    std::byte* at = client.memory().units(3);
    reinterpret_cast<ring::Command*>(at)->opcode = wire::kStatistics;
    ring::publish(*reinterpret_cast<ring::Command*>(at), 1);
    const uint64_t one = 1;
    static_cast<void>(!::write(client.doorbell(), &one, sizeof one));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK_FALSE(ring::is_done(client.memory().slot(0)));
    CHECK(scene.healthy.computes());
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("head, tail and the waiting flags may be scribbled over", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    Random random(33);
    for (int i = 0; i < 500; ++i) {
      ring::Header& header = client.header();
      header.tail.store(random.next());
      header.space_waiters.store(static_cast<uint32_t>(random.next()));
      header.worker_parked.store(static_cast<uint32_t>(random.next()));
      header.head_word.store(static_cast<uint32_t>(random.next()));
      header.chunk_busy[random.below(ring::kChunks)].store(static_cast<uint32_t>(random.next()));
      client.post(wire::kBlobDrop, pack(uint64_t{1}));
      const uint64_t one = 1;
      static_cast<void>(!::write(client.doorbell(), &one, sizeof one));
    }
    CHECK(client.call(wire::kStatistics, {}).arrived);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("header and slots full of random bytes while the worker runs harm nobody else", "[hostile]") {
  Scene scene;
  Random random(34);
  for (int round = 0; round < 10; ++round) {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    for (int i = 0; i < 50; ++i) client.post(wire::kStatistics, {});
    random.fill(reinterpret_cast<std::byte*>(&client.header()), ring::kPage);
    for (uint32_t i = 0; i < ring::kReplySlots; ++i)
      random.fill(reinterpret_cast<std::byte*>(&client.memory().slot(i)), ring::kSlotBytes);
    const uint64_t one = 1;
    static_cast<void>(!::write(client.doorbell(), &one, sizeof one));
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a ring full of random bytes harms nobody else", "[hostile]") {
  Scene scene;
  Random random(35);
  for (int round = 0; round < 10; ++round) {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    random.fill(client.memory().units(0) + 4, ring::kRingBytes - 4);
    client.publish(*reinterpret_cast<ring::Command*>(client.memory().units(0)),
                   static_cast<uint32_t>(random.below(300)));
    const uint64_t one = 1;
    static_cast<void>(!::write(client.doorbell(), &one, sizeof one));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a client that is killed at any point leaves no worker, file or mapping", "[hostile]") {
  Scene scene;
  Random random(36);
  for (int round = 0; round < 50; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      RawClient client = scene.attacker();
      client.retain_context();
      for (uint64_t memory = 0;;) {
        memory = client.allocate(1 << 16);
        client.post(op::cuMemsetD8_v2, pack(memory, uint8_t{1}, uint64_t{1 << 16}));
        static_cast<void>(
            client.call(wire::kBlobAppend, pack(memory, uint64_t{1 << 20}, uint32_t{0}, uint64_t{1 << 16})));
        const auto file = create_memory_file("vgpu-test", 1 << 16);
        client.map(file.ok() ? const_cast<UniqueFd&>(file.value()).get() : -1,
                   wire::kSharedBase + (memory & 0xfffff0000), 1 << 16);
      }
    }
    REQUIRE(child > 0);
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(120'000)));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  CHECK(scene.damage() == "");
  CHECK(scene.daemon.stop());
}
