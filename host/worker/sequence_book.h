// SPDX-License-Identifier: Apache-2.0
// SequenceBook: the sequences of launches that a program has repeated, and their graphs. What has not been seen for the
// longest time makes room. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "host/worker/sequence_graph.h"

namespace vgpu::host {

class SequenceBook {
 public:
  static constexpr size_t kMostSequences = 1024;
  static constexpr size_t kMostGraphs = 256;
  static constexpr size_t kMostVariants = 8;
  // Of all graphs. The driver has as much once or twice more.
  static constexpr size_t kMostParameterBytes = 4 << 20;

  // A sequence's launches are the same but for their parameters. Programs repeat one with few sets of those, such as a
  // model's layers: each may have a graph of its own.
  struct Sequence {
    std::vector<wire::Launch> launches;
    uint64_t context = 0;
    uint64_t owner = 0;
    unsigned seen = 0;
    bool refused = false;  // no graph is made of it
    uint64_t last_use = 0;
    std::vector<std::unique_ptr<SequenceGraph>> graphs;
  };

  // Both outlive it. 256 graphs of 64 launches take 64 MiB of an H100's memory.
  SequenceBook(const Driver& driver, const HandleTable& handles, size_t most_graphs)
      : driver_(driver), handles_(handles), most_graphs_(most_graphs) {}

  // The sequence that these launches are; new ones are written down. Null when another one has this key.
  Sequence* find(uint64_t key, std::span<const CommandCopy> launches);
  // Makes a graph with these parameters; null when the driver does not, or when they are too many.
  SequenceGraph* add_graph(Sequence& sequence, std::span<const CommandCopy> launches);
  void drop_graphs(Sequence& sequence);
  void clear();

 private:
  void make_room();
  bool make_room_for_graph(const Sequence& sequence, size_t parameter_bytes);
  bool drop_oldest_graphs(const Sequence& but);

  const Driver& driver_;
  const HandleTable& handles_;
  const size_t most_graphs_;
  std::unordered_map<uint64_t, Sequence> sequences_;
  size_t graphs_ = 0, parameter_bytes_ = 0;
  uint64_t uses_ = 0;
};

}  // namespace vgpu::host
