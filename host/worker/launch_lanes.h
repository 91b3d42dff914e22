// SPDX-License-Identifier: Apache-2.0
// LaunchLanes: threads that make posted launches side by side, when several guest threads launch on streams of their
// own faster than one dispatcher can: a driver's launch takes microseconds, and drivers scale over threads. Launches of
// one guest thread, and those on one stream, keep the ring's order; nothing else orders two launches. Every other
// command does, so the dispatcher drains the lanes before it carries one out. A lane holds no more than it makes in a
// moment: a drain is never longer than the dispatcher's own way through the same launches would have been. The
// dispatcher's thread only.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "host/worker/launch_sequences.h"
#include "host/worker/session.h"

namespace vgpu::host {

class LaunchLanes {
 public:
  // What a lane makes its launches with; they may become graphs or not.
  using MakeSequences = std::function<std::unique_ptr<LaunchSequences>(bool may_make_graphs)>;

  // `lanes`: how many threads there may be; fewer than two are none. Each asks once for sequences of its own.
  LaunchLanes(unsigned lanes, MakeSequences make_sequences);
  // Waits until each lane has made what it holds.
  ~LaunchLanes();

  // Half of the processors: the guest's threads want some, too.
  static unsigned suitable_count();

  // Takes the command if it is a launch that need not be made here; leaves it as it was otherwise. `backlog`: whether
  // more commands than a few wait behind it, asked only when it matters.
  template <class Backlog>
  bool take(CommandCopy& command, Backlog backlog) {
    if (lane_limit_ < 2) return false;
    const Key key = key_of(command);
    if (!key.is_launch) return false;
    if (engaged_ ? is_alone(key) : !(wants_to_engage(key) && backlog())) return false;
    return give(command, key);
  }
  // Returns when all that was taken is done.
  void drain() {
    if (engaged_) drain_lanes();
  }
  // Whether some of what was taken may not be done.
  bool hold_launches() const { return engaged_; }
  // Before any other command, when all is done.
  void notice(uint16_t opcode);
  // The ring is empty: what comes next is made here, if the lanes are through.
  void rest();

 private:
  class Lane;
  struct Key {
    bool is_launch = false;
    uint32_t thread = 0;
    uint64_t stream = 0;
  };
  // Where what a thread or stream has been given is, until the next drain. Two that share a place share a lane.
  static constexpr size_t kPlaces = 256;
  using Places = std::array<uint8_t, kPlaces>;

  static Key key_of(const CommandCopy& command);
  bool wants_to_engage(const Key& key);
  bool is_alone(const Key& key);
  bool give(CommandCopy& command, const Key& key);
  bool has_lane(size_t lane);
  void drain_lanes();
  void disengage();

  const unsigned lane_limit_;
  const MakeSequences make_sequences_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  bool engaged_ = false;
  bool may_make_graphs_ = true;  // for the lanes that are still to be made
  unsigned next_lane_ = 0;
  uint32_t last_thread_ = 0;
  unsigned credit_ = 0;    // grows when the launching thread changes, shrinks while it does not
  unsigned alone_ = 0;     // launches of one thread in a row, in lanes
  unsigned patience_ = 0;  // launches to make here before lanes are tried again
  Places lane_of_thread_ = {}, lane_of_stream_ = {};  // 0: none, else one more than the lane's number
};

}  // namespace vgpu::host
