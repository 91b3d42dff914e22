// SPDX-License-Identifier: Apache-2.0
// Exports: what this session has exported to other programs of its owner, and the way to what they have exported
// (vgpu/wire.h, SharedObject). A guest knows an object by a random token; the driver's own name for it stays between
// daemon and workers. Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "host/worker/core.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {

class Exports {
 public:
  explicit Exports(ObjectBroker& broker) : broker_(broker) {}

  // Offers an object by the driver's bytes or a file, and gives the guest's name for it. `key`: what the object is in
  // this process (an address, a handle), so that it has one name however often it is exported, and none once it is
  // forgotten; 0 for an object that is offered anew each time. An errno.
  int offer(wire::SharedObject object, int file, uint64_t key, wire::SharedName& name);
  // Opens what the guest's name stands for. An errno; EINVAL for what is no name of this kind.
  int claim(const wire::SharedName& name, wire::ShareKind kind, wire::SharedObject& object, UniqueFd& file);
  // The object with this key is gone.
  void forget(wire::ShareKind kind, uint64_t key);
  // The guest has no use for this name of its own any more.
  void withdraw(const wire::Token& token);

 private:
  struct Less {
    bool operator()(const wire::Token& a, const wire::Token& b) const {
      return a.word[0] != b.word[0] ? a.word[0] < b.word[0] : a.word[1] < b.word[1];
    }
  };

  ObjectBroker& broker_;
  std::atomic<size_t> keyed_count_{0};  // size of keyed_, so that frees need not look
  std::mutex mutex_;                    // guards what follows
  std::map<std::pair<wire::ShareKind, uint64_t>, wire::SharedObject> keyed_;
  std::set<wire::Token, Less> unkeyed_;
};

}  // namespace vgpu::host
