// SPDX-License-Identifier: Apache-2.0
// Clients that repeat launches which lie: what a worker makes of repetition answers them as the launches alone would
// be answered, and harms nobody else.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <functional>

#include "tests/contract/kernels.h"
#include "tests/host/hostile_client.h"
#include "tests/support/row_arguments.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;
namespace op = vgpu::api::opcode;

namespace {

constexpr unsigned kRounds = 6, kLaunches = 40, kLiar = 17;

// A posted launch as it goes into the ring.
struct Posted {
  wire::Launch launch = {};
  Bytes parameters;
  uint64_t context = 0;
  uint16_t flags = 0;
  uint32_t thread = 1;
};

// A client with what lies can be made of.
struct Liar {
  explicit Liar(const std::string& socket) : client(socket) {
    REQUIRE(client.retain_context());
    word = client.allocate(4);
    module = client.load(contract::kBasicPtx);
    add = client.function(module, "add"), empty = client.function(module, "empty");
    stream = made(api::spec::cuStreamCreate);
    event = made(api::spec::cuEventCreate);
    gone = made(api::spec::cuStreamCreate);
    client.row(api::spec::cuStreamDestroy_v2, as<CUstream>(gone));
    REQUIRE(client.row(api::spec::cuMemsetD32_v2, CUdeviceptr{word}, 0u, size_t{1}) == CUDA_SUCCESS);
  }

  template <class T>
  static T as(uint64_t wire) {
    T out = {};
    std::memcpy(&out, &wire, sizeof wire);
    return out;
  }
  uint64_t made(const Call& call) {
    uint64_t out = 0;
    REQUIRE(client.row(call, &out, 0u) == CUDA_SUCCESS);
    return out;
  }

  Posted honest() const {
    Posted posted;
    posted.launch.function = add;
    posted.launch.grid[0] = posted.launch.grid[1] = posted.launch.grid[2] = 1;
    posted.launch.block[0] = posted.launch.block[1] = posted.launch.block[2] = 1;
    posted.parameters = pack(word, uint32_t{1}, uint32_t{1});
    posted.launch.parameter_bytes = static_cast<uint32_t>(posted.parameters.size());
    posted.context = client.context;
    return posted;
  }
  void post(const Posted& posted) {
    ring::Command& command = client.prepare(op::cuLaunchKernel, pack(posted.launch) + posted.parameters);
    command.context = posted.context, command.flags = posted.flags, command.thread = posted.thread;
    client.publish(command);
  }

  RawClient client;
  uint64_t word = 0, module = 0, add = 0, empty = 0, stream = 0, event = 0, gone = 0;
};

using Lie = std::function<void(const Liar&, Posted&)>;

// What a client is told after each of its rounds, and what was computed.
struct Answers {
  std::vector<int> errors;
  std::vector<uint32_t> words;
};

void ask(Liar& liar, Answers& answers) {
  const CUresult waited = liar.client.call(op::cuCtxSynchronize, {}).result;
  const int posted = liar.client.memory().slot(0).posted_error;
  answers.errors.push_back(waited != CUDA_SUCCESS ? static_cast<int>(waited) : posted);
  wire::Copy copy = {};
  copy.source = liar.word, copy.bytes = 4, copy.host_side = wire::HostSide::inline_data;
  const Reply reply = liar.client.call(op::cuMemcpyDtoH_v2, pack(copy));
  answers.words.push_back(reply.data.size() == 4 ? codec::Reader(reply.data).get<uint32_t>() : ~0u);
}

// Every round is the same launches, of which one lies.
Answers answers_to(TestDaemon& daemon, const Lie& lie) {
  Liar liar(daemon.socket());
  Answers answers;
  for (unsigned round = 0; round < kRounds; ++round) {
    for (unsigned i = 0; i < kLaunches; ++i) {
      Posted posted = liar.honest();
      if (i == kLiar) lie(liar, posted);
      liar.post(posted);
    }
    ask(liar, answers);
  }
  return answers;
}

const std::pair<const char*, Lie> kLies[] = {
    {"no parameters", [](const Liar&, Posted& p) { p.parameters = {}, p.launch.parameter_bytes = 0; }},
    {"few parameters", [](const Liar&, Posted& p) { p.parameters.resize(4), p.launch.parameter_bytes = 4; }},
    {"too many parameters", [](const Liar&, Posted& p) { p.parameters.resize(96), p.launch.parameter_bytes = 96; }},
    {"parameters where there are none", [](const Liar& l, Posted& p) { p.launch.function = l.empty; }},
    {"a length beyond the message", [](const Liar&, Posted& p) { p.launch.parameter_bytes = 4096; }},
    {"a length that wraps", [](const Liar&, Posted& p) { p.launch.parameter_bytes = ~0u; }},
    {"more bytes than it says", [](const Liar&, Posted& p) { p.launch.parameter_bytes = 8; }},
    {"attributes that are not there", [](const Liar&, Posted& p) { p.launch.attribute_count = 3; }},
    {"no function", [](const Liar&, Posted& p) { p.launch.function = 0; }},
    {"a module as a function", [](const Liar& l, Posted& p) { p.launch.function = l.module; }},
    {"a stream as a function", [](const Liar& l, Posted& p) { p.launch.function = l.stream; }},
    {"an event as a stream", [](const Liar& l, Posted& p) { p.launch.stream = l.event; }},
    {"a stream that is gone", [](const Liar& l, Posted& p) { p.launch.stream = l.gone; }},
    {"a grid of nothing", [](const Liar&, Posted& p) { p.launch.grid[1] = 0; }},
    {"a block that is too large", [](const Liar&, Posted& p) { p.launch.block[0] = 4096; }},
    {"shared memory without end", [](const Liar&, Posted& p) { p.launch.shared_bytes = ~0u; }},
    {"no context", [](const Liar&, Posted& p) { p.context = 0; }},
    {"a stream as a context", [](const Liar& l, Posted& p) { p.context = l.stream; }},
    {"a capture mode", [](const Liar&, Posted& p) { p.flags = ring::kCaptureModeMask; }},
    // A helper's launch may fail after the answer.
    {"all flags but those", [](const Liar&, Posted& p) { p.flags = 0xffff & ~(ring::kBlobPayload | ring::kHelper); }},
    {"another thread", [](const Liar&, Posted& p) { p.thread = ~0u, p.launch.stream = 2; }},
};

}  // namespace

TEST_CASE("repeated launches of which one lies are answered as launches alone are", "[hostile]") {
  Scene scene;
  TestDaemon plain({}, {"--no-launch-graphs"});
  for (const auto& [name, lie] : kLies) {
    CAPTURE(name);
    const Answers expected = answers_to(plain, lie), answers = answers_to(scene.daemon, lie);
    CHECK(answers.errors == expected.errors);
    CHECK(answers.words == expected.words);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("repeated launches with any words are answered as launches alone are", "[hostile]") {
  Scene scene;
  TestDaemon plain({}, {"--no-launch-graphs"});
  constexpr uint32_t kWords[] = {0, 1, 2, 3, 16, 1024, 1025, 65536, 0x7fffffff, 0x80000000, ~0u};
  Random random(77);
  for (int round = 0; round < 60; ++round) {
    const size_t at = random.below(sizeof(wire::Launch) / 4) * 4;
    const uint32_t word = kWords[random.below(std::size(kWords))];
    CAPTURE(at, word);
    const Lie lie = [=](const Liar&, Posted& p) {
      std::memcpy(reinterpret_cast<std::byte*>(&p.launch) + at, &word, sizeof word);
    };
    // Blocks that are many add to the word side by side.
    CHECK(answers_to(scene.daemon, lie).errors == answers_to(plain, lie).errors);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a function of another context is refused, however often it is launched", "[hostile]") {
  Scene scene;
  {
    Liar liar(scene.daemon.socket());
    const uint64_t first = liar.client.context;
    CUcontext made = nullptr;
    REQUIRE(liar.client.row(api::spec::cuCtxCreate_v2, &made, 0u, CUdevice{0}) == CUDA_SUCCESS);
    std::memcpy(&liar.client.context, &made, sizeof made);
    Answers answers;
    for (unsigned round = 0; round < kRounds; ++round) {
      for (unsigned i = 0; i < kLaunches; ++i) liar.post(liar.honest());
      ask(liar, answers);
    }
    CHECK(answers.errors == std::vector<int>(kRounds, CUDA_ERROR_INVALID_HANDLE));
    CHECK(first != liar.client.context);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("repeated launches of what has been unloaded or destroyed meanwhile are refused", "[hostile]") {
  Scene scene;
  {
    Liar liar(scene.daemon.socket());
    Answers answers;
    for (unsigned round = 0; round < kRounds; ++round) {
      for (unsigned i = 0; i < kLaunches; ++i) liar.post(liar.honest());
      if (round == 3) liar.client.post(op::cuModuleUnload, pack(liar.module));
      for (unsigned i = 0; i < kLaunches; ++i) liar.post(liar.honest());
      ask(liar, answers);
    }
    const int stale = CUDA_ERROR_INVALID_HANDLE;
    CHECK(answers.errors == std::vector<int>{0, 0, 0, stale, stale, stale});
    CHECK(answers.words.back() == 7 * kLaunches);
    // Nor do graphs survive the context in which they were made.
    for (unsigned i = 0; i < 3; ++i) liar.client.post(op::cuDevicePrimaryCtxReset_v2, pack(int32_t{0}));
    for (unsigned i = 0; i < kRounds * kLaunches; ++i) liar.post(liar.honest());
    CHECK(liar.client.call(op::cuCtxSynchronize, {}).arrived);
  }
  CHECK(scene.damage() == "");
}
