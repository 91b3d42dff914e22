// SPDX-License-Identifier: Apache-2.0
#include "host/worker/sequence_book.h"

#include <algorithm>
#include <cstring>

#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

size_t parameter_bytes_of(std::span<const CommandCopy> launches) {
  size_t bytes = 0;
  for (const CommandCopy& command : launches) bytes += parameters_of(command).size();
  return bytes;
}

bool is_of(const SequenceBook::Sequence& sequence, std::span<const CommandCopy> launches) {
  if (sequence.launches.size() != launches.size() || sequence.context != launches[0].context ||
      sequence.owner != owner_of(launches[0], launch_of(launches[0])))
    return false;
  for (size_t i = 0; i < launches.size(); ++i)
    if (std::memcmp(&sequence.launches[i], launches[i].payload.data(), sizeof(wire::Launch)) != 0) return false;
  return true;
}

}  // namespace

SequenceBook::Sequence* SequenceBook::find(uint64_t key, std::span<const CommandCopy> launches) {
  if (const auto known = sequences_.find(key); known != sequences_.end()) {
    if (!is_of(known->second, launches)) return nullptr;
    known->second.last_use = ++uses_;
    return &known->second;
  }
  if (sequences_.size() == kMostSequences) make_room();
  Sequence& made = sequences_[key];
  for (const CommandCopy& command : launches) made.launches.push_back(launch_of(command));
  made.context = launches[0].context;
  made.owner = owner_of(launches[0], made.launches[0]);
  made.last_use = ++uses_;
  return &made;
}

SequenceGraph* SequenceBook::add_graph(Sequence& sequence, std::span<const CommandCopy> launches) {
  if (!make_room_for_graph(sequence, parameter_bytes_of(launches))) return nullptr;
  std::unique_ptr<SequenceGraph> made = SequenceGraph::create(driver_, handles_, launches);
  if (made == nullptr) return nullptr;
  parameter_bytes_ += made->parameter_bytes();
  sequence.graphs.push_back(std::move(made));
  ++graphs_;
  return sequence.graphs.back().get();
}

void SequenceBook::drop_graphs(Sequence& sequence) {
  graphs_ -= sequence.graphs.size();
  for (const auto& graph : sequence.graphs) parameter_bytes_ -= graph->parameter_bytes();
  sequence.graphs.clear();
}

void SequenceBook::clear() {
  sequences_.clear();
  graphs_ = parameter_bytes_ = 0;
}

// The older half, so that it is not done again for each new one.
void SequenceBook::make_room() {
  const uint64_t oldest = uses_ - std::min<uint64_t>(uses_, kMostSequences / 2);
  for (auto at = sequences_.begin(); at != sequences_.end();) {
    Sequence& sequence = at->second;
    if (sequence.last_use > oldest) {
      ++at;
      continue;
    }
    drop_graphs(sequence);
    at = sequences_.erase(at);
  }
}

bool SequenceBook::make_room_for_graph(const Sequence& sequence, size_t parameter_bytes) {
  // All variants of a sequence have room beside each other.
  if (parameter_bytes > kMostParameterBytes / kMostVariants) return false;
  while (graphs_ == most_graphs_ || parameter_bytes_ + parameter_bytes > kMostParameterBytes)
    if (!drop_oldest_graphs(sequence)) return false;
  return true;
}

bool SequenceBook::drop_oldest_graphs(const Sequence& but) {
  Sequence* oldest = nullptr;
  for (auto& [key, one] : sequences_)
    if (&one != &but && !one.graphs.empty() && (oldest == nullptr || one.last_use < oldest->last_use)) oldest = &one;
  if (oldest != nullptr) drop_graphs(*oldest);
  return oldest != nullptr;
}

}  // namespace vgpu::host
