// SPDX-License-Identifier: Apache-2.0
// Messages beyond CUDA's own calls: private opcodes of the command ring, the device snapshot, and the control
// messages of the socket transport. CUDA's calls use CUPTI's callback numbers as opcodes (include/vgpu/api).
// All structs are little-endian with explicit padding; sizes are asserted. See docs/wire.md.
#pragma once

#include <cstdint>

#include "vgpu/ring.h"

namespace vgpu::wire {

// CUDA's calls lie below; private calls are ours and append-only.
enum Opcode : uint16_t {
  kFirstPrivate = 1024,
  kSnapshot = 1024,        // -> SnapshotHeader, then DeviceSnapshot per device
  kFunctionFacts = 1025,   // u64 function or kernel -> FunctionFacts, ParameterFacts per parameter
  kBlobAppend = 1026,      // u64 blob, u64 total, u32 chunk, u64 bytes: collects a large payload
  kBlobRead = 1027,        // u64 blob, u64 offset, u32 chunk, u64 bytes: fetches a large reply
  kBlobDrop = 1028,        // u64 blob
  kTakeOutput = 1029,      // u32 capacity -> bytes of device printf text
  kServeCallbacks = 1030,  // from now on the guest looks for host functions in the header
  kStatistics = 1032,      // -> what the worker counted
  kThreadExit = 1033,      // the guest thread of this command has ended
  kTpcPlaces = 1034,  // u32 1 -> two strings of bytes: GPC of each TPC, place in it; u32 0 asks whether they can be had
  kManagedRead = 1035,      // u64 variable, u64 address, u64 bytes -> bytes of the pages around a managed variable
  kManagedWrite = 1036,     // u64 variable, then runs of: u64 address, u64 count, bytes
  kRefusedCall = 1037,      // string: a call that the guest's library refused, for the statistics
  kWithdrawExport = 1038,   // Token: nobody holds the descriptor of this shareable handle any more
  kCapturedLaunch = 1039,   // a launch that may belong to a capture: if it is refused, so is the end of the capture
  kPlaceMarker = 1040,      // Marker; what happened is seen in its word
  kMarkedRecord = 1041,     // u64 event, then Marker: cuEventRecord, and a marker behind it
  kReserveNodes = 1042,     // u32 count -> handles for nodes of graphs, of which each names one node at most
  kNamedKernelNode = 1043,  // u64 handle, one that was reserved, then cuGraphAddKernelNode_v2's payload
  kMarkedWait = 1044,       // Marker, as kPlaceMarker, for who waits; refused where the driver's own call does more
  kMarkedCopy = 1045,       // MarkedCopy: a copy that is waited for by a marker; as kMarkedWait
  kPrivateKnown = 1046,     // one above the last that is in use
  kPrivateEnd = 1064,
};
constexpr uint16_t kOpcodeEnd = kPrivateEnd;

constexpr int kAttributes = 160;  // ids of CUdevice_attribute below this are in the snapshot

constexpr uint16_t kServedOpcodes = 960;  // opcodes.lock stays below

enum Trait : uint64_t {
  kComputesOnProcessors = 1,  // kernels run on the host's processors (the software GPU)
};

struct SnapshotHeader {
  uint32_t device_count;
  int32_t driver_version;
  uint32_t device_bytes;  // sizeof(DeviceSnapshot) of the sender
  uint32_t private_end;   // private opcodes below this are known to the sender; 0: those of before kRefusedCall
  uint8_t served[120];    // bit per opcode below kServedOpcodes: the driver has it and the worker carries it
  uint64_t traits;        // Trait
};
static_assert(sizeof(SnapshotHeader) == 144);
static_assert(sizeof(SnapshotHeader::served) * 8 == kServedOpcodes);

struct DeviceSnapshot {
  char name[256];
  uint8_t uuid[16];
  uint64_t total_bytes;
  char pci_bus_id[16];
  uint64_t attribute_known[3];  // bit per id
  int32_t attribute[kAttributes];
};
static_assert(sizeof(DeviceSnapshot) == 256 + 16 + 8 + 16 + 24 + 640);

constexpr int kFunctionAttributes = 24;  // ids of CUfunction_attribute below this

struct FunctionFacts {
  uint32_t parameter_count;
  uint32_t parameter_bytes;
  uint32_t attribute_known;  // bit per id
  int32_t attribute[kFunctionAttributes];
  uint32_t reserved;
};
static_assert(sizeof(FunctionFacts) == 112);

struct ParameterFacts {
  uint32_t offset;
  uint32_t size;
};

// What a session moved and how often; the worker counts what it carried out, the guest what it did itself.
struct Statistics {
  uint64_t commands;
  uint64_t posted;
  uint64_t replies;
  uint64_t helper_calls;
  uint64_t worker_parks;
  uint64_t wakeups;
  uint64_t bytes_inline;
  uint64_t bytes_window;
  uint64_t bytes_shared;  // by pages both sides map
  uint64_t launches;
  uint64_t refused;
  uint64_t device_bytes;       // of device memory, held now
  uint64_t busy_nanoseconds;   // of processor time that the software GPU's threads have used; 0 on others
  uint64_t ring_depth;         // bytes of the ring in use, at most, as seen at every 64th command
  uint64_t answered_in_guest;  // calls that the guest's library answered from what it knows
};

// What the daemon knows on top: `work` is the sum over all workers, those that ended included.
struct DaemonStatistics {
  Statistics work;
  uint64_t sessions;  // opened since the daemon started
  uint64_t sessions_open;
  uint64_t sessions_refused;
  uint64_t workers_lost;  // ended without being told to
  uint64_t device_bytes;  // of the budget, handed out now
  uint64_t device_peak;
  uint64_t device_limit;  // 0: none
  uint64_t mapped_bytes;  // shared with guests now
};
static_assert(sizeof(DaemonStatistics) == 184);

// --- Control messages of the socket transport (SOCK_SEQPACKET, one message per datagram, fds attached). ---

enum class Control : uint32_t {
  hello =
      1,  // client -> daemon; with result 1, `text` holds the program's variables for the driver
          // (common/driver_variables.h; answered by welcome with the session's memory and the doorbell, or by refused)
  welcome = 2,
  refused = 3,  // `text` says why
  map = 4,      // client -> daemon -> worker, with a memory file: map it at `address`. With result 1 the worker
                // has pages there, which it permitted before: their content goes into the file first
  unmap = 5,
  done = 6,        // answer to map, unmap and budget: `result` is an errno, 0 when it worked
  reserve = 7,     // worker -> daemon: may I take `size` more bytes of device memory? done says so, with the
                   // limit in `size` and what all workers hold in `offset`
  release = 8,     // worker -> daemon: `size` bytes came back
  statistics = 9,  // client -> daemon: totals of the daemon's life; the answer's `text` holds DaemonStatistics.
                   // daemon -> worker: what it counted; the answer's `text` holds Statistics
  attach = 10,     // daemon -> worker, once: the session's memory. With result 1 the guest is in a VM: its sleepers are
                   // woken by the wake event, not by a futex
  report = 11,  // client -> daemon, with a memory file: `size` bytes of request are at its beginning (vgpu/report.h).
                // Answered by the same type: `result` is an errno, `size` what the answer takes, in the same file
  trace = 12,   // daemon -> worker, with the writing end of a pipe: record each call there (vgpu/trace.h)
  unsupported = 13,  // worker -> daemon, before statistics: `text` names a call that was refused, `size` times by now
  offer = 14,  // worker -> daemon: `text` holds a SharedObject that other programs of its owner may open; a file comes
               // with it if its kind has one. Answered by done, whose `text` holds it with its token
  claim = 15,  // worker -> daemon: `text` holds a SharedObject's token and kind. Answered by done: an errno, or the
               // object in `text`, and its file
  withdraw = 16,  // worker -> daemon: the token of an offer of its own that nobody can claim any more
  fault = 17,     // worker -> daemon: `text` holds a Fault
  keep = 18,      // client -> daemon, with one end of a socket pair: the offer of its worker's whose token is in `text`
                  // lasts until that end hangs up, also when its session has ended. Answered by done
};

// The files of map and attach, daemon -> worker: the memory's file, and, where it consists of several runs of that file
// (a VM's), a table of FileRun, whose length is in `offset`. Without a table it is `size` bytes from `offset`.
struct ControlMessage {
  Control type;
  uint32_t format;  // hello: ring::kFormat of the sender
  uint64_t id;      // echoed in the answer
  uint64_t address;
  uint64_t size;
  uint64_t offset;
  int32_t result;
  uint32_t pid;
  char text[208];
};
static_assert(sizeof(ControlMessage) == 256);

// What names a shared object among the programs of one owner: random, so that only who was given it knows it.
struct Token {
  uint64_t word[2];
  bool operator==(const Token&) const = default;
};

enum class ShareKind : uint32_t {
  memory_file = 1,   // a file: cuMemExportToShareableHandle
  pool_file = 2,     // a file: cuMemPoolExportToShareableHandle
  pool_pointer = 3,  // the driver's bytes, and the software GPU's file: cuMemPoolExportPointer
  memory = 4,        // the same: cuIpcGetMemHandle
  event = 5,         // the same: cuIpcGetEventHandle
};

struct SharedObject {
  Token token;
  ShareKind kind;
  uint32_t reserved;
  uint8_t bytes[64];  // the driver's name for it, which no guest sees
};
static_assert(sizeof(SharedObject) == 88);

// A context of the program died of what the program did: each call answers `result` from now on.
struct Fault {
  uint8_t uuid[16];  // of the device
  int32_t result;    // CUresult
  uint32_t reserved;
};
static_assert(sizeof(Fault) == 24);

// A VM's OPEN with this format starts no worker. Its text is the token of an export (common/token_text.h), which lasts
// until that session is closed, whatever becomes of the exporter's.
constexpr uint32_t kLifelineFormat = 0x6b656570;

// Guest pages that both sides map at the same address are placed here, where neither a program nor the worker puts
// anything of its own.
constexpr uint64_t kSharedBase = 0x400000000000;
constexpr uint64_t kSharedEnd = 0x500000000000;

}  // namespace vgpu::wire
