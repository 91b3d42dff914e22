// SPDX-License-Identifier: Apache-2.0
// WorkerCore: what a worker does once its process is set up (host/worker/main.cpp): opens the driver, serves the
// session's ring until the session ends. Created and run by the main thread; nothing here outlives the process.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "common/session_memory.h"
#include "host/worker/waker.h"
#include "vgpu/wire.h"

namespace vgpu::host {

// Told of each context that died of what the program did, once; from any thread. May be empty.
using FaultListener = std::function<void(const wire::Fault&)>;

struct WorkerConfig {
  int doorbell_fd = -1;
  int output_fd = -1;  // the memory file that is the process's stdout
  std::string driver_path;
  // Kernels run on processors, and the driver's managed memory is ordinary memory of this process.
  bool software_gpu = false;
  // Launches that repeat may become graphs (launch_sequences.h).
  bool launch_graphs = true;
  FaultListener on_fault;
};

// The device memory this worker may still take; the daemon decides. Thread-safe.
class MemoryBudget {
 public:
  virtual ~MemoryBudget() = default;
  virtual bool reserve(uint64_t bytes) = 0;
  virtual void release(uint64_t bytes) = 0;
  // The limit, or 0 when there is none.
  virtual uint64_t limit() const = 0;
  virtual uint64_t used() const = 0;
};

// Address ranges that guest and worker both map at the same address. Thread-safe.
class SharedRanges {
 public:
  virtual ~SharedRanges() = default;
  virtual bool contains(uint64_t address, uint64_t size) const = 0;
  // The guest may take over these pages of the worker: from then on both sides map them.
  virtual void permit_adoption(uint64_t address, uint64_t size) = 0;
};

// Objects that programs of one owner open from each other; the daemon keeps them (wire::SharedObject). All functions
// ask the daemon and wait for it, about 20 microseconds; errors are errnos. Thread-safe.
class ObjectBroker {
 public:
  virtual ~ObjectBroker() = default;
  // Sets the object's token. `file`: borrowed, -1 for none. ENOSPC when the owner has exported too much.
  virtual int offer(wire::SharedObject& object, int file) = 0;
  // Fills in the object whose token and kind are given. ENOENT when this program may open no such object.
  virtual int claim(wire::SharedObject& object, UniqueFd& file) = 0;
  // Does not wait.
  virtual void withdraw(const wire::Token& token) = 0;
};

// What the daemon brings once a guest process is there for this worker.
struct Attachment {
  SessionMemory memory;
  Waker waker;
};

class WorkerCore {
 public:
  // Opens and initialises the driver. The error's text reaches the user who started a program.
  static Result<std::unique_ptr<WorkerCore>> create(const WorkerConfig& config, MemoryBudget& budget,
                                                    SharedRanges& ranges, ObjectBroker& broker);
  virtual ~WorkerCore() = default;

  // Makes the context that the program will probably want (ready_context.h). Before run(), or not at all.
  virtual void make_context() = 0;
  // Serves the ring; returns when the session is closed. Spins a little, then sleeps on the doorbell. Once.
  virtual void run(Attachment attachment) = 0;
  // Any thread, any time.
  virtual wire::Statistics statistics() const = 0;
  // Calls that were refused, by name, and how often by now: those of which the number has changed since the last time.
  virtual std::vector<std::pair<std::string, uint64_t>> take_unsupported() = 0;
  // Records calls into this pipe from now on (vgpu/trace.h).
  virtual void trace(UniqueFd pipe) = 0;
};

}  // namespace vgpu::host
