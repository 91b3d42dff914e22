// SPDX-License-Identifier: Apache-2.0
// HandleNotes: which handles of this session are live, and what the guest knows about functions. Lets posted calls
// refuse a stale handle at once, and launches pack their parameters, without asking the worker. Reads are lock-free.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "common/codec/call_codec.h"
#include "common/handle.h"
#include "libcuda/progress.h"
#include "vgpu/wire.h"

namespace vgpu::guest {

class Context;

// What the launch calls of CUDA 3 keep in a function (old_launch.cpp).
struct OldLaunch {
  unsigned block[3] = {};
  unsigned shared_bytes = 0;
  size_t parameter_bytes = 0;
  std::vector<std::byte> parameters;
};

// Layout and attributes of a function, fetched once, when it is first needed.
struct Function {
  std::atomic<bool> known{false};  // the rest is there
  wire::FunctionFacts facts = {};
  std::atomic<uint64_t> settings_then{0};  // changes of the other kind when they were fetched (hand/function.cpp)
  std::vector<wire::ParameterFacts> parameters;
  std::string name;  // for cuFuncGetName: the program keeps the pointer
  std::unique_ptr<OldLaunch> old_launch;
  // What cuKernelGetAttribute said: bit per id; and all changes of settings until then.
  uint32_t told = 0;
  uint64_t told_then = 0;
  int32_t told_attribute[wire::kFunctionAttributes] = {};
  std::mutex mutex;  // guards the fetching, old_launch, and what was told
};

class HandleNotes final : public codec::HandleObserver {
 public:
  void made(Kind kind, uint64_t handle) override;
  void dropped(Kind kind, uint64_t handle) override;

  // Whether the worker minted this handle and nobody dropped it since. Children of dropped owners may still look live.
  bool is_live(uint64_t handle) const;
  // What is known of a stream or event; all zero at first. Null when the handle is not live.
  Progress* progress(uint64_t handle);
  // The context that was current where the handle was made: that of an event or a stream, mostly. Null when unknown.
  const Context* maker(uint64_t handle) const;
  // What is known about a function or kernel; made on first use. Null when the handle is not one.
  Function* function(uint64_t handle);
  // A node of a graph whose handle the guest knows to be of that graph.
  void made_node(uint64_t node, uint64_t graph);
  bool is_node_of(uint64_t node, uint64_t graph) const;

 private:
  struct Note {
    std::atomic<uint64_t> graph{0};  // of a node
    std::atomic<uint64_t> handle{0};
    std::atomic<Function*> function{nullptr};
    Progress progress;
    std::atomic<const Context*> maker{nullptr};
  };
  static constexpr uint32_t kPageNotes = 1024;
  struct Page {
    std::array<Note, kPageNotes> note;
  };
  Note* find(uint64_t handle) const;
  Note& note_at(uint32_t index);

  std::array<std::atomic<Page*>, (handle::kMaxIndex + 1) / kPageNotes> page_ = {};
  std::mutex mutex_;  // guards making pages and functions
  std::vector<std::unique_ptr<Page>> owned_pages_;
  std::vector<std::unique_ptr<Function>> owned_functions_;
};

}  // namespace vgpu::guest
