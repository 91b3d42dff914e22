// SPDX-License-Identifier: Apache-2.0
// A trace: the calls of one program as its worker carries them out. The worker writes a record for each into a pipe,
// the daemon keeps what comes, and whoever traces takes it by reports (vgpu/report.h, docs/decisions/008-*.md). Records
// are text where they may be, so that the one who prints them need not be of the worker's release. Little-endian.
#pragma once

#include <cstdint>

namespace vgpu::trace {

// A write of up to 4096 bytes into a pipe is whole or not at all (POSIX, PIPE_BUF).
constexpr uint32_t kMaxRecord = 4096;

// Then strings (u64 length, bytes): the call's name, the result's; u32 count, as many pairs of strings: arguments by
// name; the same again: what came out.
struct Record {
  uint32_t bytes;     // of all that
  uint32_t thread;    // of the program, counted by its libcuda.so.1
  uint64_t number;    // from 0; one that is missing was lost, because nobody had read the earlier ones
  uint64_t start;     // when the worker took the call: nanoseconds since the trace began
  uint64_t duration;  // until it was carried out, nanoseconds
  int32_t result;     // CUresult
  uint32_t flags;     // RecordFlag
};
static_assert(sizeof(Record) == 40);

enum RecordFlag : uint32_t {
  kPosted = 1,  // the program did not wait, and was told CUDA_SUCCESS
};

enum class Step : uint32_t {
  begin = 0,
  take = 1,  // asked at least every two seconds, or the trace ends
  end = 2,
};

struct Request {
  uint32_t kind;  // report::Kind::trace
  Step step;
  uint32_t pid;   // begin: of the program, as it knows itself
  uint32_t room;  // take: the whole answer is no longer
  // take, end: which. begin, in a VM: who asks, in the words of its module, which overwrites what the program said: the
  // user's number plus 1, and perhaps kTracesAnyone; 0: an older module, which tells nothing.
  uint64_t trace;
  // take: bytes of records that have arrived; the daemon may forget them. begin: kAwait, if the program has no session
  // yet and its first one is to be traced from its first call on. A VM's pid may have become another user's by
  // then, so there the session must be of the user who asked (DeviceChannel's OPEN tells), or the asker trace anyone.
  uint64_t position;
};
static_assert(sizeof(Request) == 32);
constexpr uint64_t kAwait = 1;
// The asker has CAP_SYS_PTRACE.
constexpr uint64_t kTracesAnyone = uint64_t{1} << 32;
// A session whose process has several users, as one that was started with another's rights.
constexpr uint32_t kNoUser = 0xffffffff;

enum class State : uint32_t {
  running = 0,
  ended = 1,          // the program is gone, and all records were taken
  ended_in_full = 2,  // the same, but nobody had read for a while: the last calls may be missing
  no_program = 3,     // begin: no program with that number has a session
  not_yours = 4,      // begin: it is another user's
  busy = 5,           // begin: somebody traces it already, or too many are traced
  unknown = 6,        // take, end: there is no such trace, or no longer
};

// take: then bytes of records, from `position` on; a record may be cut in two by an answer's end.
struct Answer {
  State state;
  uint32_t reserved;
  uint64_t trace;
};
static_assert(sizeof(Answer) == 16);

}  // namespace vgpu::trace
