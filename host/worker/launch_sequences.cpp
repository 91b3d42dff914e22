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
constexpr unsigned kSeenBefore = 2;
// A program that is ahead writes the next launch within a tenth of that.
constexpr auto kPatience = std::chrono::nanoseconds(1500);
// A program that does not repeat itself, or goes round its streams, is left alone for a while.
constexpr int kMostMerit = 32, kMeritAfterRest = 16;
constexpr unsigned kRest = 128;
// To make a graph takes about as long as this many launches for each of its own, and launching it saves most of them.
constexpr int64_t kCostOfMaking = 2, kFirstCredit = 4096, kMostCredit = 65536;

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

LaunchSequences::LaunchSequences(const Driver& driver, const HandleTable& handles, Maker& maker, bool enabled,
                                 const Limits& limits)
    : driver_(driver),
      maker_(maker),
      book_(driver, handles, limits.graphs),
      enabled_(enabled && can_make_graphs(driver)),
      kept_(limits.threads),
      merit_(kMostMerit),
      credit_(kFirstCredit) {}

// Launches that are answered only the driver can judge. Those that are captured are another command.
std::optional<wire::Launch> LaunchSequences::suitable_launch(const CommandCopy& command) {
  if (command.opcode != api::opcode::cuLaunchKernel || command.reply_slot != ring::kNoReply) return std::nullopt;
  if ((command.flags & ring::kHelper) != 0 || command.context == 0 || command.traced_since != 0) return std::nullopt;
  const size_t bytes = command.payload.size();
  if (bytes < sizeof(wire::Launch) || bytes > ring::kMaxInline) return std::nullopt;
  const wire::Launch launch = launch_of(command);
  const bool is_whole = launch.attribute_count == 0 && launch.parameter_bytes == bytes - sizeof launch;
  return is_whole ? std::optional(launch) : std::nullopt;
}

bool LaunchSequences::go_on_with(CommandCopy& command) {
  if (open_ == 0) return false;
  const std::optional<wire::Launch> launch = suitable_launch(command);
  if (!launch) return false;
  for (size_t i = 0; i < open_; ++i) {
    if (!kept_[i].is_of(command.thread)) continue;
    if (!kept_[i].fits(command, *launch)) return false;
    kept_[i].add(command, *launch);
    if (kept_[i].is_complete()) make(i);
    return true;
  }
  return false;
}

void LaunchSequences::end_ordered(const CommandCopy& command) {
  const std::optional<wire::Launch> launch = suitable_launch(command);
  if (!launch) return end();
  for (size_t i = open_; i-- > 0;)
    if (kept_[i].is_of(command.thread) || kept_[i].shares_order_with(command, *launch)) make(i);
}

void LaunchSequences::end() {
  while (open_ != 0) make(open_ - 1);
}

void LaunchSequences::look() {
  const auto now = KeptLaunches::Clock::now();
  for (size_t i = open_; i-- > 0;)
    if (now - kept_[i].last_added() > kPatience) make(i);
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

void LaunchSequences::make(size_t index) {
  make(kept_[index]);
  kept_[index].clear();
  std::swap(kept_[index], kept_[--open_]);
}

void LaunchSequences::make(const KeptLaunches& kept) {
  const std::span<const CommandCopy> launches = kept.launches();
  SequenceBook::Sequence* const sequence = launches.size() < kFewest ? nullptr : book_.find(kept.key(), launches);
  const bool as_graph = sequence != nullptr && make_as_graph(*sequence, launches);
  note_success(as_graph);
  if (as_graph) return;
  bool failed = false;
  for (const CommandCopy& command : launches) failed |= !maker_.make(command);
  // A graph might do what a launch may not.
  if (failed && sequence != nullptr) sequence->refused = true;
}

void LaunchSequences::note_success(bool success) {
  merit_ = std::min(merit_ + (success ? 1 : -1), kMostMerit);
  if (merit_ >= 0) return;
  merit_ = kMeritAfterRest;
  rest_ = kRest;
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
