// SPDX-License-Identifier: Apache-2.0
#include "host/worker/launch_sequences.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/bits.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

// A graph of fewer launches costs as much as they do by themselves.
constexpr size_t kFewest = 4;
// Where a sequence ends: at the first launch of a kind that is one in eight, after so many; the GPU has something to
// do meanwhile. A graph's own start costs the GPU half a microsecond.
constexpr size_t kLeast = 24, kMost = 64;
constexpr uint64_t kEnds = 7;
constexpr unsigned kSeenBefore = 2;
// A program that is ahead writes the next launch within a tenth of that.
constexpr auto kPatience = std::chrono::nanoseconds(1500);
constexpr unsigned kMostBrokenOff = 8, kRest = 512;
// To make a graph takes about as long as this many launches for each of its own, and launching it saves most of them.
constexpr int64_t kCostOfMaking = 2, kFirstCredit = 4096, kMostCredit = 65536;

constexpr uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 29;
}

// Of all that a launch is but its parameters.
uint64_t hash_of(const CommandCopy& command) {
  uint64_t words[sizeof(wire::Launch) / sizeof(uint64_t)];
  std::memcpy(words, command.payload.data(), sizeof words);
  uint64_t hash = 0;
  for (const uint64_t word : words) hash = mixed(hash, word);
  return hash;
}
static_assert(sizeof(wire::Launch) % sizeof(uint64_t) == 0);

uint64_t stream_of(const CommandCopy& command) { return launch_of(command).stream; }

// What functions, or their settings that a graph has taken over, may not survive.
bool changes_functions(uint16_t opcode) {
  namespace op = api::opcode;
  switch (opcode) {
    case op::cuModuleUnload:
    case op::cuLibraryUnload:
    case op::cuFuncSetAttribute:
    case op::cuFuncSetCacheConfig:
    case op::cuFuncSetSharedMemConfig:
    case op::cuKernelSetAttribute:
    case op::cuKernelSetCacheConfig:
    case op::cuCtxSetCacheConfig:
    case op::cuCtxSetSharedMemConfig:
    case op::cuCtxSetLimit:
    case op::cuCtxDestroy_v2:
    case op::cuDevicePrimaryCtxRelease_v2:
    case op::cuDevicePrimaryCtxReset_v2:
    case op::cuGreenCtxDestroy: return true;
    default: return false;
  }
}

bool can_make_graphs(const Driver& driver) {
  namespace op = api::opcode;
  return driver.has(op::cuGraphAddKernelNode_v2) && driver.has(op::cuGraphInstantiateWithFlags) &&
         driver.has(op::cuGraphExecKernelNodeSetParams_v2) && driver.has(op::cuStreamGetPriority);
}

}  // namespace

LaunchSequences::LaunchSequences(const Driver& driver, const HandleTable& handles, Maker& maker, bool enabled)
    : driver_(driver),
      maker_(maker),
      book_(driver, handles),
      enabled_(enabled && can_make_graphs(driver)),
      kept_(kMost),
      credit_(kFirstCredit) {}

// Launches that are answered only the driver can judge. Those that are captured are another command.
bool LaunchSequences::is_suitable(const CommandCopy& command) const {
  if (command.opcode != api::opcode::cuLaunchKernel || command.reply_slot != ring::kNoReply) return false;
  if ((command.flags & ring::kHelper) != 0 || command.context == 0 || command.traced_since != 0) return false;
  if (command.payload.size() < sizeof(wire::Launch) || command.payload.size() > ring::kMaxInline) return false;
  const wire::Launch launch = launch_of(command);
  return launch.attribute_count == 0 && launch.parameter_bytes == command.payload.size() - sizeof(wire::Launch);
}

bool LaunchSequences::belongs_to_kept(const CommandCopy& command) const {
  const CommandCopy& first = kept_[0];
  return command.context == first.context && command.flags == first.flags && stream_of(command) == stream_of(first) &&
         owner_of(command) == owner_of(first);
}

bool LaunchSequences::go_on_with(CommandCopy& command) {
  if (count_ == 0 || !is_suitable(command)) return false;
  if (belongs_to_kept(command)) {
    keep(command);
    return true;
  }
  // A program that goes round its streams has no sequences.
  broken_off_ = count_ < kFewest ? broken_off_ + 1 : 0;
  if (broken_off_ == kMostBrokenOff) broken_off_ = 0, rest_ = kRest;
  return false;
}

void LaunchSequences::keep(CommandCopy& command) {
  const uint64_t hash = hash_of(command);
  key_ = mixed(count_ == 0 ? mixed(command.context, owner_of(command)) : key_, hash);
  std::swap(kept_[count_++], command);
  last_kept_ = Clock::now();
  if (count_ == kMost || (count_ >= kLeast && (hash >> 32 & kEnds) == 0)) make();
}

void LaunchSequences::look() {
  if (Clock::now() - last_kept_ > kPatience) end();
}

// Contexts that have a part of the GPU, attributes that launches take from their stream, managed memory that belongs to
// a stream; and kernels of a graph must not use texture or surface references (CUDA driver API, cuGraphAddKernelNode).
bool LaunchSequences::changes_meaning(uint16_t opcode) {
  namespace op = api::opcode;
  switch (opcode) {
    case op::cuGreenCtxCreate:
    case op::cuCtxFromGreenCtx:
    case op::cuStreamSetAttribute:
    case op::cuStreamCopyAttributes:
    case op::cuStreamAttachMemAsync:
    case op::cuModuleGetTexRef:
    case op::cuModuleGetSurfRef: return true;
    default: return false;
  }
}

void LaunchSequences::notice(uint16_t opcode) {
  if (!enabled_) return;
  if (changes_meaning(opcode)) enabled_ = false;
  if (!enabled_ || changes_functions(opcode)) book_.clear();
}

void LaunchSequences::make() {
  const auto launches = std::span<const CommandCopy>(kept_).first(std::exchange(count_, 0));
  SequenceBook::Sequence* const sequence = launches.size() < kFewest ? nullptr : book_.find(key_, launches);
  if (sequence != nullptr && make_as_graph(*sequence, launches)) return;
  bool failed = false;
  for (const CommandCopy& command : launches) failed |= !maker_.make(command);
  // A graph might do what a launch may not.
  if (failed && sequence != nullptr) sequence->refused = true;
}

// False when none of them has been launched.
bool LaunchSequences::make_as_graph(SequenceBook::Sequence& sequence, std::span<const CommandCopy> launches) {
  if (sequence.refused || sequence.seen++ < kSeenBefore) return false;
  CUstream stream = nullptr;
  if (!maker_.enter(launches[0], stream)) return false;
  // A graph's nodes have priorities of their own.
  int priority = 0;
  if (sequence.graphs.empty())
    sequence.refused = VGPU_DRIVER(driver_, cuStreamGetPriority)(stream, &priority) != CUDA_SUCCESS || priority != 0;
  SequenceGraph* const graph = sequence.refused ? nullptr : graph_for(sequence, launches);
  if (graph != nullptr) maker_.begins(launches, stream);
  if (graph != nullptr && graph->launch(launches, stream) == CUDA_SUCCESS) {
    maker_.made(launches);
    credit_ = std::min(credit_ + static_cast<int64_t>(launches.size()) / 4, kMostCredit);
    return true;
  }
  // By themselves they tell what is wrong.
  if (graph != nullptr) sequence.refused = true;
  book_.drop_graphs(sequence);
  return false;
}

// The one with the most of these parameters, or a new one where that is too little.
SequenceGraph* LaunchSequences::graph_for(SequenceBook::Sequence& sequence, std::span<const CommandCopy> launches) {
  SequenceGraph* best = nullptr;
  size_t least = launches.size() + 1;
  for (const auto& graph : sequence.graphs) {
    const size_t differing = graph->differing(launches);
    if (differing >= least) continue;
    least = differing, best = graph.get();
    if (least == 0) return best;
  }
  const bool is_near = best != nullptr && least <= launches.size() / 2;
  const int64_t cost = kCostOfMaking * static_cast<int64_t>(launches.size());
  if (is_near || sequence.graphs.size() == SequenceBook::kMostVariants || credit_ < cost) return best;
  credit_ -= cost;
  SequenceGraph* const made = book_.add_graph(sequence, launches);
  if (made == nullptr) sequence.refused = true;
  return made;
}

}  // namespace vgpu::host
