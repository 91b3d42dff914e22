// SPDX-License-Identifier: Apache-2.0
// RawClient: a session spoken by hand, byte for byte, so that a test can say what no libcuda.so.1 would.
// HealthyClient: an honest session that computes all the while. Scene: a vgpud on the software GPU with a healthy
// client, and the question that ends each test: is everybody else unharmed, and nothing left behind?
// One thread uses each object.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "common/codec/call_codec.h"
#include "common/control_socket.h"
#include "common/handle.h"
#include "common/session_memory.h"
#include "vgpu/api/rows.h"
#include "vgpu/hand_wire.h"

namespace vgpu::test {

using Bytes = std::vector<std::byte>;

// The values one after the other, packed, as hand-written payloads are.
template <class... T>
Bytes pack(const T&... values) {
  Bytes out;
  codec::Writer writer(out);
  (writer.put(values), ...);
  return out;
}
inline Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

struct Reply {
  bool arrived = false;  // false: the session is over, or nothing came for ten seconds
  CUresult result = CUDA_SUCCESS;
  uint32_t flags = 0;
  Bytes data;
  bool malformed() const { return arrived && (flags & ring::kMalformed) != 0; }
};

inline bool refused(const Reply& reply) { return reply.arrived && reply.result != CUDA_SUCCESS; }

// Addresses at which a worker has memory of its own, or might.
inline constexpr uint64_t kWorkerAddresses[] = {
    0x100000000000, 0x100000100000, 0x7fffffffe000, 0x7f0000000000, 4096, 0, 0xffffffffff600000, ~uint64_t{0} - 100};

inline wire::Copy copy_of(uint64_t destination, uint64_t source, uint64_t bytes, wire::HostSide side) {
  wire::Copy copy = {};
  copy.destination = destination, copy.source = source, copy.bytes = bytes, copy.host_side = side;
  return copy;
}

class RawClient {
 public:
  // Connects and says hello; `text` tells what a refusal said.
  explicit RawClient(const std::string& socket_path);
  bool is_open() const { return memory_ != nullptr; }
  const std::string& text() const { return text_; }
  const SessionMemory& memory() const { return *memory_; }
  ring::Header& header() const { return memory_->header(); }
  int socket() const { return socket_.get(); }
  int doorbell() const { return doorbell_.get(); }

  // The next command's place, header filled in, not published. `edit` it, then publish().
  ring::Command& prepare(uint16_t opcode, std::span<const std::byte> payload, uint32_t slot = ring::kNoReply);
  void publish(ring::Command& command, uint32_t units);
  void publish(ring::Command& command);

  void post(uint16_t opcode, std::span<const std::byte> payload);
  Reply call(uint16_t opcode, std::span<const std::byte> payload);
  Reply wait_for(uint32_t slot);
  // Whether the session ends within ten seconds.
  bool is_lost();

  // A call by its row; the arguments have the call's own types.
  template <class... A>
  CUresult row(const Call& call, A... arguments) {
    void* argv[] = {static_cast<void*>(&arguments)..., nullptr};
    return row_argv(call, argv);
  }
  CUresult row_argv(const Call& call, void* const* argv);

  // Control messages.
  wire::ControlMessage ask(const wire::ControlMessage& message, std::span<const int> files = {});
  int map(int file, uint64_t address, uint64_t size, uint64_t offset = 0);

  // Conveniences of tests that need something to attack with.
  bool retain_context();
  uint64_t allocate(size_t bytes);
  uint64_t load(const std::string& image);
  uint64_t function(uint64_t module, const char* name);
  Reply launch(uint64_t function, const Bytes& parameters, uint32_t blocks = 1, uint32_t threads = 1);

  uint64_t context = 0;
  uint16_t flags = 0;
  uint32_t thread = 1;

 private:
  UniqueFd socket_, doorbell_;
  std::unique_ptr<SessionMemory> memory_;
  std::string text_;
  uint64_t tail_ = 0;
  uint64_t last_id_ = 1;
};

class HealthyClient {
 public:
  explicit HealthyClient(const std::string& socket_path);
  ~HealthyClient();
  // Two whole rounds of launch and check from now on, and not one wrong number so far.
  bool computes();
  uint64_t a_stream() const { return stream_; }

 private:
  void run();
  RawClient client_;
  uint64_t buffer_ = 0, function_ = 0, stream_ = 0;
  std::atomic<uint64_t> rounds_{0};
  std::atomic<bool> wrong_{false}, stop_{false};
  std::thread thread_;
};

// What vgpud is started under.
struct Limits {
  int resource = -1;  // RLIMIT_*
  uint64_t value = 0;
};

class TestDaemon {
 public:
  explicit TestDaemon(Limits limits = {}, std::vector<std::string> options = {});
  ~TestDaemon();
  const std::string& socket() const { return socket_; }
  bool alive() const;
  std::string log() const;
  std::vector<pid_t> workers() const;
  // Descriptors and mappings of shared memory, of the daemon itself.
  size_t held() const;
  // SIGTERM; whether it ended with status 0 and its workers with it.
  bool stop();

 private:
  std::string directory_, socket_;
  pid_t pid_ = -1;
};

class Scene {
 public:
  Scene();
  TestDaemon daemon;
  HealthyClient healthy;
  RawClient attacker() { return RawClient(daemon.socket()); }
  // To be asked when all attackers are gone. Empty, or what is wrong.
  std::string damage();

 private:
  size_t workers_before_, held_before_;
};

// Waits up to ten seconds for something to become true.
template <class Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return condition();
}

}  // namespace vgpu::test
