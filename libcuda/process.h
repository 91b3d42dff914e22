// SPDX-License-Identifier: Apache-2.0
// Process: the state that cuInit creates, once, and that lives as long as the process: the session with the worker,
// the snapshot of the devices, contexts, handles, host memory. Before cuInit and in a forked child there is none.
// Thread-safe.
#pragma once

#include <atomic>
#include <vector>

#include "common/launch_blocking.h"
#include "libcuda/context.h"
#include "libcuda/device_ranges.h"
#include "libcuda/handles.h"
#include "libcuda/host_memory.h"
#include "libcuda/managed_mirror.h"
#include "libcuda/marker_trials.h"
#include "libcuda/markers.h"
#include "libcuda/pointer_facts.h"
#include "libcuda/session.h"
#include "libcuda/shared_descriptors.h"
#include "libcuda/thread.h"

namespace vgpu::guest {

class Process {
 public:
  // cuInit.
  static CUresult initialise(unsigned flags);
  // The process state without cuInit, opening the session if need be: for the few calls that work before it. Null
  // and the reason when there is no device or daemon; a failure is remembered unless the caller wants it tried again.
  static Process* open(CUresult& failure, bool again);
  // Null before a successful cuInit and in a forked child.
  static Process* get() noexcept;
  // Whether exit handlers run by now that are older than cuInit: as with the real driver no call works there.
  static bool is_shut_down() noexcept;

  Session& session() { return session_; }
  ContextTable& contexts() { return contexts_; }
  HandleNotes& handles() { return handles_; }
  HostMemory& host_memory() { return host_memory_; }
  DeviceRanges& device_ranges() { return device_ranges_; }
  PointerFacts& pointer_facts() { return pointer_facts_; }
  SharedDescriptors& descriptors() { return descriptors_; }
  ManagedMirror& managed_mirror() { return managed_mirror_; }
  Markers& markers() { return markers_; }

  int driver_version() const { return header_.driver_version; }
  int device_count() const { return static_cast<int>(devices_.size()); }
  // Null when there is no such device.
  const wire::DeviceSnapshot* device(int ordinal) const;
  // Whether worker and driver carry the call.
  bool serves(uint16_t opcode) const;
  // Whether the worker knows that private command.
  bool serves_private(uint16_t opcode) const { return opcode < header_.private_end; }

  // Whether a launch returns only when its kernel is done.
  bool launches_block() const { return launches_block_; }
  // Whether kernels run on the processors of a machine, maybe of this one.
  bool computes_on_processors() const { return (header_.traits & wire::kComputesOnProcessors) != 0; }

  // How often an attribute of a function, or of a kernel, was set (libcuda/hand/function.cpp).
  std::atomic<uint64_t> function_settings{0}, kernel_settings{0};
  // Captures that are active in this process: while there are any, only launches are posted, so that errors are exact.
  std::atomic<int> captures{0};
  std::atomic<int> global_captures{0};  // of them, those in global mode, which forbid things to every thread
  // Whether a call has returned an error of capturing since the first of them began: one of them may be invalid, and
  // launches wait for the driver's word.
  std::atomic<bool> captures_doubtful{false};
  // Whether a graph may allocate memory: until that is freed the driver refuses to launch it again, and says so at
  // once.
  std::atomic<bool> graphs_allocate{false};
  // Whether the legacy stream may have markers: not since the worker refused one, because of other streams.
  std::atomic<bool> marks_legacy_stream{true};
  MarkerTrials marker_trials, legacy_marker_trials;  // of waits for the legacy stream
  // Grows with each launch of a graph: it may record events.
  std::atomic<uint64_t> graph_launches{0};

 private:
  explicit Process(std::unique_ptr<Transport> transport)

      : session_(std::move(transport)),
        host_memory_(session_.transport()),
        managed_mirror_(session_),
        markers_(session_.transport().memory().header()) {}
  CUresult load_snapshot();

  Session session_;
  ContextTable contexts_;
  HandleNotes handles_;
  HostMemory host_memory_;
  DeviceRanges device_ranges_;
  PointerFacts pointer_facts_;
  SharedDescriptors descriptors_;
  ManagedMirror managed_mirror_;
  Markers markers_;
  const bool launches_block_ = vgpu::launches_block();
  wire::SnapshotHeader header_ = {};
  std::vector<wire::DeviceSnapshot> devices_;
};

}  // namespace vgpu::guest
