// SPDX-License-Identifier: Apache-2.0
// Rows name exported symbols, so their header needs the internal names of CUDA's.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "host/worker/launch_sequences.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "common/bits.h"
#include "tests/support/test.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

// A driver that makes graphs of nodes that count.
struct Recorded {
  uint64_t next = 1;
  int instantiated = 0, destroyed = 0, launched = 0, updated = 0, priority = 0;
  CUresult instantiating = CUDA_SUCCESS, updating = CUDA_SUCCESS, launching = CUDA_SUCCESS;
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  int destroyed_strictly = 0;  // while a capture of somebody's would mind
} recorded;

CUresult create(CUgraph* graph, unsigned) {
  *graph = from_bits<CUgraph>(recorded.next++);
  return CUDA_SUCCESS;
}
CUresult add_node(CUgraphNode* node, CUgraph, const CUgraphNode*, size_t, const CUDA_KERNEL_NODE_PARAMS*) {
  *node = from_bits<CUgraphNode>(recorded.next++);
  return CUDA_SUCCESS;
}
CUresult instantiate(CUgraphExec* made, CUgraph, unsigned long long) {
  if (recorded.instantiating != CUDA_SUCCESS) return recorded.instantiating;
  ++recorded.instantiated;
  *made = from_bits<CUgraphExec>(recorded.next++);
  return CUDA_SUCCESS;
}
CUresult update(CUgraphExec, CUgraphNode, const CUDA_KERNEL_NODE_PARAMS*) {
  ++recorded.updated;
  return recorded.updating;
}
CUresult launch_graph(CUgraphExec, CUstream) {
  if (recorded.launching == CUDA_SUCCESS) ++recorded.launched;
  return recorded.launching;
}
CUresult destroy(CUgraphExec) {
  ++recorded.destroyed;
  if (recorded.mode != CU_STREAM_CAPTURE_MODE_RELAXED) ++recorded.destroyed_strictly;
  return CUDA_SUCCESS;
}
CUresult destroy_graph(CUgraph) { return CUDA_SUCCESS; }
CUresult exchange(CUstreamCaptureMode* mode) {
  std::swap(recorded.mode, *mode);
  return CUDA_SUCCESS;
}
CUresult get_priority(CUstream, int* priority) {
  *priority = recorded.priority;
  return CUDA_SUCCESS;
}

Driver recording_driver() {
  recorded = {};
  std::array<void*, kOpcodes> entries = {};
  const auto set = [&](uint16_t opcode, auto* function) { entries[opcode] = reinterpret_cast<void*>(function); };
  set(api::opcode::cuGraphCreate, &create);
  set(api::opcode::cuGraphAddKernelNode_v2, &add_node);
  set(api::opcode::cuGraphInstantiateWithFlags, &instantiate);
  set(api::opcode::cuGraphExecKernelNodeSetParams_v2, &update);
  set(api::opcode::cuGraphLaunch, &launch_graph);
  set(api::opcode::cuGraphExecDestroy, &destroy);
  set(api::opcode::cuGraphDestroy, &destroy_graph);
  set(api::opcode::cuThreadExchangeStreamCaptureMode, &exchange);
  set(api::opcode::cuStreamGetPriority, &get_priority);
  return Driver::of(entries);
}

class CountingMaker final : public LaunchSequences::Maker {
 public:
  bool make(const CommandCopy& launch) override {
    alone.push_back(launch);
    return launch_of(launch).function != refused;
  }
  bool enter(const CommandCopy&, CUstream& stream) override {
    stream = nullptr;
    return true;
  }
  void begins(std::span<const CommandCopy> launches, CUstream) override { begun += launches.size(); }
  void made(std::span<const CommandCopy> launches) override { together += launches.size(); }

  std::vector<CommandCopy> alone;
  size_t begun = 0, together = 0;
  uint64_t refused = 0;  // a function whose launches fail
};

constexpr unsigned kKernels = 100;

struct Program {
  explicit Program(bool enabled = true)
      : driver(recording_driver()),
        sequences(driver, handles, maker, enabled, {}),
        context(handle::primary_context(0)) {
    handles.set_primary(0, 0x77);
    for (unsigned i = 0; i < kKernels; ++i)
      functions.push_back(handles.add(Kind::function, 0x1000 + i, handles.add(Kind::module, 0x500 + i, context)));
  }

  CommandCopy command(unsigned kernel, uint32_t value, uint64_t stream = 0) const {
    wire::Launch launch = {};
    launch.function = functions[kernel];
    launch.stream = stream;
    launch.grid[0] = launch.grid[1] = launch.grid[2] = launch.block[0] = launch.block[1] = launch.block[2] = 1;
    launch.parameter_bytes = sizeof value;
    CommandCopy command;
    command.opcode = api::opcode::cuLaunchKernel;
    command.context = context;
    codec::Writer writer(command.payload);
    writer.put(launch);
    writer.put(value);
    return command;
  }
  CommandCopy large_command(unsigned kernel, size_t bytes) const {
    CommandCopy large = command(kernel, 0);
    const auto parameter_bytes = static_cast<uint32_t>(bytes);
    std::memcpy(large.payload.data() + offsetof(wire::Launch, parameter_bytes), &parameter_bytes,
                sizeof parameter_bytes);
    large.payload.resize(sizeof(wire::Launch) + bytes);
    return large;
  }
  CommandCopy command_of(uint32_t thread, unsigned kernel, uint64_t stream) const {
    CommandCopy made = command(kernel, 0, stream);
    made.thread = thread;
    return made;
  }
  // As the ring's server does.
  void give(CommandCopy command, bool backlog = true) {
    if (sequences.go_on_with(command)) return;
    sequences.end_before(command);
    if (!sequences.begin_with(command, [=] { return backlog; })) sequences.make_alone(command);
  }
  void step(uint32_t value, unsigned changes = 0, uint64_t stream = 0) {
    for (unsigned i = 0; i < kKernels; ++i) give(command(i, i < changes ? value : 0, stream));
    sequences.end();
  }

  const Driver driver;
  HandleTable handles;
  CountingMaker maker;
  LaunchSequences sequences;
  const uint64_t context;
  std::vector<uint64_t> functions;
};

}  // namespace

TEST_CASE("what is launched for the third time in the same order is a graph", "[unit][launch-sequences]") {
  Program program;
  program.step(0);
  program.step(0);
  CHECK(program.maker.alone.size() == 2 * kKernels);
  CHECK(recorded.instantiated == 0);
  program.step(0);
  program.step(0);
  CHECK(program.maker.alone.size() + program.maker.together == 4 * kKernels);
  CHECK(program.maker.together >= 2 * (kKernels - 3));
  CHECK(program.maker.begun == program.maker.together);
  CHECK(recorded.launched == 2 * recorded.instantiated);
  CHECK(recorded.updated == 0);
}

TEST_CASE("only parameters that are others than before are told to the driver", "[unit][launch-sequences]") {
  Program program;
  for (uint32_t i = 0; i < 3; ++i) program.step(0);
  const int made = recorded.instantiated;
  program.step(5, 7);
  CHECK(recorded.updated == 7);
  program.step(5, 7);
  CHECK(recorded.updated == 7);
  CHECK(recorded.instantiated == made);
}

TEST_CASE("launches alone come in their order, whole, when nothing of them repeats", "[unit][launch-sequences]") {
  Program program;
  for (uint32_t i = 0; i < 300; ++i) program.give(program.command((i * i + i / 7) % kKernels, i));
  program.sequences.end();
  REQUIRE(program.maker.alone.size() == 300);
  for (uint32_t i = 0; i < 300; ++i)
    CHECK(program.maker.alone[i].payload == program.command((i * i + i / 7) % kKernels, i).payload);
}

TEST_CASE("a sequence that begins elsewhere finds the graphs of the rest", "[unit][launch-sequences]") {
  Program program;
  for (uint32_t i = 0; i < 4; ++i) program.step(0);
  const size_t before = program.maker.together;
  // The first five by themselves, as when the program was not ahead yet.
  for (unsigned i = 0; i < kKernels; ++i) program.give(program.command(i, 0), i >= 5);
  program.sequences.end();
  CHECK(program.maker.together > before);
}

TEST_CASE("without others behind it a launch is made at once", "[unit][launch-sequences]") {
  Program program;
  program.give(program.command(0, 1), false);
  CHECK(program.maker.alone.size() == 1);
  CHECK_FALSE(program.sequences.keeps());
}

TEST_CASE("what is kept does not stay when nothing comes any more", "[unit][launch-sequences]") {
  Program program;
  program.give(program.command(0, 1));
  CHECK(program.maker.alone.empty());
  std::this_thread::sleep_for(std::chrono::milliseconds(1));
  program.sequences.look();
  CHECK(program.maker.alone.size() == 1);
}

TEST_CASE("launches of another stream end what is kept of the first", "[unit][launch-sequences]") {
  Program program;
  const uint64_t first = program.handles.add(Kind::stream, 1, program.context);
  const uint64_t second = program.handles.add(Kind::stream, 2, program.context);
  program.give(program.command(0, 1, first));
  program.give(program.command(1, 1, second));
  REQUIRE(program.maker.alone.size() == 1);
  CHECK(program.maker.alone[0].payload == program.command(0, 1, first).payload);
}

TEST_CASE("a program that goes round its streams is left alone for a while, and not forever",
          "[unit][launch-sequences]") {
  Program program;
  const uint64_t streams[] = {program.handles.add(Kind::stream, 1, program.context),
                              program.handles.add(Kind::stream, 2, program.context)};
  for (unsigned i = 0; i < 50; ++i) program.give(program.command(i, 0, streams[i % 2]));
  CHECK_FALSE(program.sequences.keeps());
  for (unsigned i = 0; i < 10; ++i) program.step(0, 0, streams[0]);
  CHECK(program.maker.alone.size() + program.maker.together == 50 + 10 * kKernels);
  CHECK(program.maker.together > 0);
}

TEST_CASE("threads that launch side by side have sequences of their own", "[unit][launch-sequences]") {
  Program program;
  constexpr unsigned kThreads = 5;
  uint64_t streams[kThreads] = {};
  for (uint64_t& stream : streams) stream = program.handles.add(Kind::stream, 1, program.context);
  for (unsigned round = 0; round < 4; ++round) {
    for (unsigned i = 0; i < kKernels; ++i)
      for (unsigned t = 0; t < kThreads; ++t) program.give(program.command_of(t, i, streams[t]));
    program.sequences.end();
  }
  CHECK(program.maker.alone.size() + program.maker.together == 4 * kThreads * kKernels);
  CHECK(program.maker.together >= kThreads * kKernels);
}

TEST_CASE("what one thread launches, and what one stream gets, keeps its order", "[unit][launch-sequences]") {
  Program program;
  const uint64_t first = program.handles.add(Kind::stream, 1, program.context);
  const uint64_t second = program.handles.add(Kind::stream, 2, program.context);
  const auto given = [&](std::initializer_list<CommandCopy> launches) {
    program.maker.alone.clear();
    for (const CommandCopy& launch : launches) program.give(launch);
    return program.maker.alone.size();
  };
  SECTION("threads do not end each other's") {
    CHECK(given({program.command_of(1, 0, first), program.command_of(2, 1, second)}) == 0);
  }
  SECTION("a thread's next stream comes behind its last") {
    CHECK(given({program.command_of(1, 0, first), program.command_of(1, 1, second)}) == 1);
  }
  SECTION("a stream's next thread comes behind its last") {
    CHECK(given({program.command_of(1, 0, first), program.command_of(2, 1, first)}) == 1);
  }
  SECTION("the legacy stream comes behind all, and all behind it") {
    CHECK(given({program.command_of(1, 0, first), program.command_of(2, 1, second), program.command_of(3, 2, 0)}) == 2);
    CHECK(given({program.command_of(1, 0, first)}) == 1);
  }
  SECTION("own default streams of threads are several") {
    const uint64_t own = bits_of(CU_STREAM_PER_THREAD);
    CHECK(given({program.command_of(1, 0, own), program.command_of(2, 1, own)}) == 0);
  }
  SECTION("any other command comes behind all") {
    CommandCopy other = program.command(0, 0);
    other.opcode = api::opcode::cuEventRecord;
    CHECK(given({program.command_of(1, 0, first), program.command_of(2, 1, second), other}) == 3);
  }
  program.sequences.end();
}

TEST_CASE("graphs are gone before their functions are", "[unit][launch-sequences]") {
  Program program;
  for (uint32_t i = 0; i < 3; ++i) program.step(0);
  REQUIRE(recorded.instantiated > 0);
  program.sequences.notice(api::opcode::cuMemAlloc_v2);
  CHECK(recorded.destroyed == 0);
  program.sequences.notice(api::opcode::cuModuleUnload);
  CHECK(recorded.destroyed == recorded.instantiated);
  program.step(0);
  CHECK(recorded.launched == recorded.instantiated);
}

TEST_CASE("streams that say more than their order make no graphs", "[unit][launch-sequences]") {
  SECTION("a priority") {
    Program program;
    recorded.priority = -1;
    for (uint32_t i = 0; i < 6; ++i) program.step(0);
    CHECK(program.maker.alone.size() == 6 * kKernels);
  }
  SECTION("attributes") {
    Program program;
    program.sequences.notice(api::opcode::cuStreamSetAttribute);
    for (uint32_t i = 0; i < 6; ++i) program.step(0);
    CHECK(program.maker.alone.size() == 6 * kKernels);
  }
  SECTION("texture references") {
    Program program;
    program.sequences.notice(GENERATE(api::opcode::cuModuleGetTexRef, api::opcode::cuModuleGetSurfRef));
    for (uint32_t i = 0; i < 6; ++i) program.step(0);
    CHECK(program.maker.alone.size() == 6 * kKernels);
  }
  SECTION("the user does not want it") {
    Program program(false);
    for (uint32_t i = 0; i < 6; ++i) program.step(0);
    CHECK(program.maker.alone.size() == 6 * kKernels);
  }
  CHECK(recorded.instantiated == 0);
}

TEST_CASE("launches of two threads' own default streams are two sequences", "[unit][launch-sequences]") {
  Program program;
  const bool by_handle = GENERATE(true, false);
  const auto of_thread = [&](uint32_t thread, unsigned kernel) {
    CommandCopy command = program.command(kernel, 0, by_handle ? bits_of(CU_STREAM_PER_THREAD) : 0);
    command.thread = thread, command.flags = by_handle ? 0 : ring::kPerThreadStream;
    return command;
  };
  for (unsigned round = 0; round < 4; ++round) {
    for (unsigned i = 0; i < kKernels; ++i)
      for (uint32_t thread = 1; thread < 3; ++thread) program.give(of_thread(thread, i));
    program.sequences.end();
  }
  CHECK(program.maker.alone.size() + program.maker.together == 8 * kKernels);
  CHECK(program.maker.together >= 3 * kKernels);
}

TEST_CASE("each thread's own default stream has graphs of its own", "[unit][launch-sequences]") {
  Program program;
  for (unsigned round = 0; round < 4; ++round)
    for (uint32_t thread = 0; thread < 3; ++thread) {
      for (unsigned i = 0; i < kKernels; ++i) {
        CommandCopy command = program.command(i, 0);
        command.thread = thread, command.flags = ring::kPerThreadStream;
        program.give(command);
      }
      program.sequences.end();
    }
  CHECK(recorded.instantiated >= 3);
  CHECK(recorded.instantiated % 3 == 0);
  CHECK(recorded.launched == 2 * recorded.instantiated);
}

TEST_CASE("what fails by itself does not become part of a graph", "[unit][launch-sequences]") {
  Program program;
  program.maker.refused = program.functions[kKernels / 2];
  for (uint32_t i = 0; i < 6; ++i) program.step(0);
  const auto tried = std::count_if(program.maker.alone.begin(), program.maker.alone.end(), [&](const auto& launch) {
    return launch_of(launch).function == program.maker.refused;
  });
  CHECK(tried == 6);
  CHECK(program.maker.together > 0);
}

TEST_CASE("a stream of another context makes no graphs", "[unit][launch-sequences]") {
  Program program;
  const uint64_t elsewhere = program.handles.add(Kind::stream, 1, program.handles.add(Kind::context, 0x99, 0));
  for (uint32_t i = 0; i < 6; ++i) program.step(0, 0, elsewhere);
  CHECK(program.maker.alone.size() == 6 * kKernels);
}

TEST_CASE("a graph may go while another thread captures", "[unit][launch-sequences]") {
  Program program;
  for (uint32_t i = 0; i < 3; ++i) program.step(0);
  program.sequences.notice(api::opcode::cuFuncSetAttribute);
  CHECK(recorded.destroyed > 0);
  CHECK(recorded.destroyed_strictly == 0);
  CHECK(recorded.mode == CU_STREAM_CAPTURE_MODE_GLOBAL);
}

TEST_CASE("where the driver fails, launches are made by themselves", "[unit][launch-sequences]") {
  Program program;
  const bool makes_it = GENERATE(true, false);
  recorded.instantiating = makes_it ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
  recorded.launching = makes_it ? CUDA_ERROR_LAUNCH_FAILED : CUDA_SUCCESS;
  for (uint32_t i = 0; i < 6; ++i) program.step(0);
  CHECK(program.maker.alone.size() == 6 * kKernels);
  CHECK(program.maker.together == 0);
  CHECK(recorded.destroyed == recorded.instantiated);
}

TEST_CASE("where the driver does not take new parameters, no launch is lost and none is made twice",
          "[unit][launch-sequences]") {
  Program program;
  for (uint32_t i = 0; i < 3; ++i) program.step(0);
  recorded.updating = CUDA_ERROR_INVALID_VALUE;
  for (uint32_t i = 1; i < 4; ++i) program.step(i, kKernels / 3);
  CHECK(program.maker.alone.size() + program.maker.together == 6 * kKernels);
}

TEST_CASE("a program that never repeats its parameters gets few graphs", "[unit][launch-sequences]") {
  Program program;
  for (uint32_t i = 0; i < 100; ++i) program.step(i + 1, kKernels);
  CHECK(recorded.instantiated <= static_cast<int>(SequenceBook::kMostVariants) * 4);
  CHECK(program.maker.together >= 90 * (kKernels - 3));
}

TEST_CASE("graphs of large parameters are few", "[unit][launch-sequences]") {
  Program program;
  constexpr unsigned kLength = 24, kSequences = 60;
  constexpr size_t kBytes = ring::kMaxInline - sizeof(wire::Launch);
  for (unsigned round = 0; round < 4; ++round)
    for (unsigned first = 0; first < kSequences; ++first) {
      for (unsigned i = 0; i < kLength; ++i) program.give(program.large_command(first + i, kBytes));
      program.sequences.end();
    }
  CHECK(recorded.instantiated > 0);
  const auto graphs = static_cast<size_t>(recorded.instantiated - recorded.destroyed);
  CHECK(graphs * kLength * kBytes <= SequenceBook::kMostParameterBytes);
}

TEST_CASE("more sequences than there is room for do not stay", "[unit][launch-sequences]") {
  Program program;
  for (unsigned round = 0; round < 6; ++round)
    for (unsigned i = 0; i < kKernels - 8; ++i)
      for (unsigned more = 4; more < 8; ++more) {
        for (unsigned k = 0; k < more; ++k) program.give(program.command(i + k, 0));
        program.sequences.end();
      }
  CHECK(recorded.instantiated - recorded.destroyed <= static_cast<int>(SequenceBook::kMostGraphs));
  CHECK(recorded.instantiated > 0);
}

}  // namespace vgpu::host
