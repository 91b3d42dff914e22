// SPDX-License-Identifier: Apache-2.0
// invoke: the way of a row-described call from an entry point to the worker and back. Hand-written calls use forward()
// and Remote for the part of them that crosses. All functions are thread-safe and never throw.
#pragma once

#include <array>
#include <chrono>
#include <optional>

#include "libcuda/patience.h"
#include "libcuda/process.h"
#include "vgpu/api/rows.h"

namespace vgpu::guest {

// The call may run: initialised, and not inside a host callback.
struct Admitted {
  Process* process = nullptr;
  ThreadState* thread = nullptr;
};
CUresult admit(Admitted& out);

// As admit(), and the thread has a living current context without a sticky error.
CUresult admit_with_context(Admitted& out);

// A call whose row says everything.
CUresult invoke(const Call& call, void* const* argv, bool per_thread);

// Not described, or not served by this worker: counted, and named once in the log.
CUresult refuse(const char* name);
// Counts a call that the thread answers without the worker.
void count_answered(ThreadState& thread);

// Memory for this would be on the host's processor, out of the program's reach.
inline bool is_host_location(const CUmemLocation& location) {
  return location.type == CU_MEM_LOCATION_TYPE_HOST || location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA ||
         location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT;
}

// Sends a row-described call from hand-written code, after admit(). Arguments have the call's own types.
enum class Runs {
  by_path,
  on_helper,
  waiting,  // on a helper, for calls that end when the device has done something: the thread stays awake as CUDA's do
  posted
};
// `extent`: told where the message stands.
CUresult forward_argv(const Admitted& admitted, const Call& call, void* const* argv, Runs runs = Runs::by_path,
                      Extent* extent = nullptr);
template <class... A>
CUresult forward(const Admitted& admitted, const Call& call, A... arguments) {
  void* argv[] = {static_cast<void*>(&arguments)..., nullptr};
  return forward_argv(admitted, call, argv);
}
// For calls that may block: a helper thread of the worker runs them.
template <class... A>
CUresult forward_blocking(const Admitted& admitted, const Call& call, A... arguments) {
  void* argv[] = {static_cast<void*>(&arguments)..., nullptr};
  return forward_argv(admitted, call, argv, Runs::on_helper);
}

// For calls whose arguments the caller has checked as CUDA checks them: nobody waits for an answer, except while
// something is being captured.
template <class... A>
CUresult forward_posted(const Admitted& admitted, const Call& call, A... arguments) {
  void* argv[] = {static_cast<void*>(&arguments)..., nullptr};
  return forward_argv(admitted, call, argv, Runs::posted);
}

// A hand-written message of the calling thread: payload through writer(), then call() or post().
class Remote {
 public:
  Remote(const Admitted& admitted, uint16_t opcode);

  codec::Writer& writer() { return writer_; }
  // For calls that may block; `expected`: how long the device itself may well take.
  Remote& may_block(std::chrono::microseconds expected = {}) {
    blocking_ = true;
    expected_ = expected;
    return *this;
  }
  // For calls that end when the device has done something, for which it needs `expected` at least.
  Remote& waits_for_device(std::chrono::microseconds expected = {}) {
    return may_block(expected + patience(admitted_));
  }
  // The work that it brings, if any, is this stream's alone: what is known of others stays so.
  Remote& concerns(CUstream stream) {
    concerned_ = stream;
    return *this;
  }
  CUresult call();
  CUresult post();
  // Sends the call; the caller finishes it with Session::finish.
  Session::Pending begin() { return admitted_.process->session().begin(message()); }
  // The message without its payload, for those who send several.
  Message envelope() const {
    Message empty = message();
    empty.payload = {};
    return empty;
  }
  // The answer's data, after call().
  codec::Reader& reader() { return reader_; }

 private:
  Message message() const;
  Message message(Extent& extent) const;
  void carry_idle(const Extent& extent) const;

  const Admitted admitted_;
  const uint16_t opcode_;
  const uint16_t flags_;
  bool blocking_ = false;
  std::optional<CUstream> concerned_;
  std::chrono::microseconds expected_{0};
  codec::Writer writer_;
  codec::Reader reader_;
};

// A message at `extent` brought work to this stream only, or to none. Work of the legacy stream is everybody's.
void carry_idle_streams(const Admitted& admitted, CUstream concerned, const Extent& extent);

// The event will be recorded again: what is known of it is out of date (progress.cpp).
void forget_event(const Admitted& admitted, uint64_t event);
// Other processes may record the event, too: nothing is kept of it from now on (progress.cpp).
void share_event(const Admitted& admitted, uint64_t event);

// Remembers sticky errors with the thread's context, and turns an answer into what the program sees.
CUresult note_result(const Admitted& admitted, CUresult result);

}  // namespace vgpu::guest
