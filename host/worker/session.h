// SPDX-License-Identifier: Apache-2.0
// Session: everything a worker holds for its one guest process, and the context in which a command is carried out.
// One per worker process. The dispatcher thread and the helper threads use it at the same time; each part says how it
// is guarded.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "common/bits.h"
#include "common/codec/call_codec.h"
#include "common/spin.h"
#include "host/worker/blobs.h"
#include "host/worker/callback_server.h"
#include "host/worker/core.h"
#include "host/worker/counters.h"
#include "host/worker/device_memory.h"
#include "host/worker/driver.h"
#include "host/worker/event_pool.h"
#include "host/worker/exports.h"
#include "host/worker/faults.h"
#include "host/worker/guest_wait.h"
#include "host/worker/handle_table.h"
#include "host/worker/hardware_queues.h"
#include "host/worker/kept_modules.h"
#include "host/worker/managed_pages.h"
#include "host/worker/markers.h"
#include "host/worker/output_tap.h"
#include "host/worker/print_scan.h"
#include "host/worker/ready_context.h"
#include "host/worker/sync_debts.h"
#include "host/worker/trace.h"
#include "host/worker/unsupported_calls.h"
#include "host/worker/window.h"
#include "host/worker/word_page.h"

namespace vgpu::host {

// A command, copied out of the ring once: nothing the guest does afterwards changes it.
struct CommandCopy {
  uint16_t opcode = 0;
  uint16_t flags = 0;
  uint32_t thread = 0;
  uint32_t reply_slot = ring::kNoReply;
  uint64_t context = 0;
  uint64_t traced_since = 0;  // Trace::now() when it was taken; 0: nobody traces
  std::vector<std::byte> payload;
};

struct Session {
  Session(const WorkerConfig& worker_config, const Driver& loaded_driver, Attachment attachment,
          MemoryBudget& memory_budget, SharedRanges& shared_ranges, ObjectBroker& object_broker, CUcontext made_context)
      : config(worker_config),
        driver(loaded_driver),
        memory(std::move(attachment.memory)),
        waker(attachment.waker),
        window(driver, memory, event_pool),
        guest_words(&memory.header(), hardware_queues),
        device_memory(memory_budget),
        shared(shared_ranges),
        exports(object_broker),
        ready_context(made_context),
        output(worker_config.output_fd),
        faults(worker_config.on_fault) {}

  // Whether a thread of the worker may keep a processor for as long as natively the waiting thread would: there are
  // others, and the device needs none.
  bool may_stay_awake() const { return processors_to_spare && !config.software_gpu; }

  const WorkerConfig config;
  // Who waits keeps no processor from who works.
  const bool processors_to_spare = has_processors_to_spare() && !is_confined();
  const Driver driver;
  const SessionMemory memory;
  const Waker waker;
  Window window;
  HardwareQueues hardware_queues;
  WordPage guest_words;  // the header's markers
  Markers markers{hardware_queues};
  EventPool event_pool;
  GuestWait guest_wait;
  HandleTable handles;
  PrintScan print_scan{handles};
  KeptModules kept_modules;
  DeviceMemory device_memory;
  SharedRanges& shared;
  Exports exports;
  ReadyContext ready_context;
  ManagedPages managed_pages;
  Blobs blobs;
  Callbacks callbacks;
  CallbackServer callback_server{callbacks, memory.header(), waker};
  OutputTap output;
  Faults faults;
  SyncDebts debts;
  Counters counters;
  UnsupportedCalls unsupported;
  Trace trace;
  // First failure of a posted command that nobody has been told of yet; 0 when none.
  std::atomic<int32_t> posted_error{0};
  // Grows whenever a context dies: a thread's idea of what is current is then stale.
  std::atomic<uint64_t> context_epoch{1};

  // What reports and the guest are told of this session.
  wire::Statistics statistics() const;

  // The stream that stands for a guest thread's per-thread default stream in the current context; created on first
  // use. 0 on failure.
  uint64_t per_thread_stream(uint32_t thread, uint64_t context);
  void drop_thread(uint32_t thread);
  // The driver's streams of a context, the threads' own among them; nothing when they are more than `limit`, or when
  // streams that are gone may still have work on the device.
  std::optional<std::vector<uint64_t>> streams_of(uint64_t context, size_t limit);
  // A stream of the context was destroyed, perhaps with work to do; and the context is about to wait for everything.
  void stream_destroyed(uint64_t context);
  void context_synchronizes(uint64_t context);
  // Whether a marker in a stream of the context holds back nobody else's work.
  bool may_mark(uint64_t context, uint64_t wire_stream, uint64_t real);
  // The context died, and its streams with it.
  void forget_context(uint64_t context);

 private:
  std::mutex streams_mutex_;        // guards the following
  std::set<uint64_t> with_strays_;  // contexts whose destroyed streams may have work left
  std::map<std::pair<uint32_t, uint64_t>, uint64_t> per_thread_;
};

// One command while it is carried out: request, reply, and the handles as its thread sees them.
class Invocation final : public codec::HandleMap {
 public:
  Invocation(Session& owner, const CommandCopy& message, std::vector<std::byte>& reply_bytes)
      : session(owner), command(message), request(message.payload), reply(reply_bytes) {}

  Session& session;
  const CommandCopy& command;
  codec::Reader request;
  codec::Writer reply;
  codec::Arena arena;
  bool malformed = false;
  bool told_later = false;  // another command of the program answers for what went wrong
  // Something was made or found for which no handle is left: a success without one would be made up.
  bool out_of_handles = false;

  // Marks the message as undecodable; the value is what the caller sees.
  CUresult bad_message() {
    malformed = true;
    return CUDA_ERROR_INVALID_VALUE;
  }

  bool resolve(Kind kind, uint64_t wire, uint64_t& real) override;
  uint64_t add(Kind kind, uint64_t real) override;
  uint64_t find_or_add(Kind kind, uint64_t real) override;
  void drop(Kind kind, uint64_t wire) override;

  // A handle of the request as the driver's type. False when it is not live; the error is error_for(kind).
  template <class T>
  bool real(Kind kind, uint64_t wire, T& out) {
    uint64_t value = 0;
    if ((wire != 0 || kind == Kind::stream) && !resolve(kind, wire, value)) return false;
    out = from_bits<T>(value);
    return true;
  }

 private:
  uint64_t named(uint64_t wire) {
    out_of_handles |= wire == 0;
    return wire;
  }
  uint64_t parent_for(Kind kind) const;
  uint64_t owner_ = 0;  // the module, library or graph that the request named
};

// What CUDA returns for a handle of this kind that is not live.
CUresult error_for(Kind kind);

// A call that the rows alone cannot carry, or that the worker must account for.
using HandCall = CUresult (*)(Invocation&);
// Null when the row is enough.
HandCall find_hand_call(uint16_t opcode);

// Makes the context of a command current in this thread; one that is gone counts as none.
CUresult make_current(Session& session, uint64_t wire);
// From here to the next command: what this thread asks the driver of its own accord no capture forbids, nor spoils it.
void ask_beside_captures(const Session& session);

// Carries out one command: context, decoding, driver, reply payload.
CUresult execute(Invocation& invocation);

// A row-described call that a hand call wants to look at before and after the driver sees it.
struct RowCall {
  const Call& call;
  codec::Arguments arguments;

  // The i-th argument as its type; T must be the parameter's type.
  template <class T>
  T& argument(int i) const {
    return *static_cast<T*>(arguments.argv[i]);
  }
};
// Decodes the request into `row`; CUDA_SUCCESS, or what to answer.
CUresult decode_row(Invocation& invocation, RowCall& row);
// Calls the driver; once more when there was no memory, and modules that only we keep held some.
CUresult call_driver(Invocation& invocation, const RowCall& row);
// Unloads what is kept in the command's context (kept_modules.h); false when that is nothing.
bool unload_kept(Invocation& invocation);
// Calls the driver and, on success, encodes the reply.
CUresult call_row(Invocation& invocation, const RowCall& row);

}  // namespace vgpu::host
