// SPDX-License-Identifier: Apache-2.0
// SharedDescriptors: the file descriptors that programs get as shareable handles. A host's descriptor cannot cross into
// a VM, so the program gets one end of a socket pair in which a message waits: the export's name (wire::SharedName).
// It can be sent to other processes like any descriptor; whoever has it reads the name without taking it out. The
// other end stays here, and hangs up when the last copy is closed: then the export is over, as CUDA has it. So that the
// host notices by itself, also when this process has ended, it has a copy of that end, or a file goes with the message
// that is closed with the descriptor. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "common/fd.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest {

class SharedDescriptors {
 public:
  // Lends the end that stays here; the file is for the message.
  using Tell = std::function<Result<UniqueFd>(int end)>;

  // A new descriptor, the caller's, for this export. What `tell` says decides whether there is one.
  Result<UniqueFd> make(const wire::SharedName& name, const Tell& tell);
  // The exports whose descriptors are closed, each told once.
  std::vector<wire::Token> take_closed();

  // What a descriptor stands for; nothing when it is not one of ours. It stays as it is.
  static std::optional<wire::SharedName> read(int descriptor);

 private:
  struct Export {
    UniqueFd end;
    wire::Token token;
  };
  std::atomic<size_t> count_{0};  // size of exports_, so that most calls need not look
  std::mutex mutex_;              // guards exports_
  std::vector<Export> exports_;
};

}  // namespace vgpu::guest
