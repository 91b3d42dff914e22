// SPDX-License-Identifier: Apache-2.0
#include "libcuda/invoke.h"

#include <cstring>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/log.h"
#include "common/sticky.h"

namespace vgpu::guest {
namespace {

// What captures forbid this thread (cuThreadExchangeStreamCaptureMode). The dispatcher makes those of all threads, and
// the driver would hold each of them against every thread that it stands for; one may begin before this call is there.
CUstreamCaptureMode capture_mode(const Process& process, const ThreadState& thread) {
  const bool is_forbidden = thread.capture_mode == CU_STREAM_CAPTURE_MODE_GLOBAL &&
                            process.global_captures.load(std::memory_order_relaxed) != 0;
  return thread.captures == 0 && !is_forbidden ? CU_STREAM_CAPTURE_MODE_RELAXED : thread.capture_mode;
}

uint16_t flags_of(const Process& process, const ThreadState& thread) {
  return static_cast<uint16_t>((thread.per_thread_stream ? ring::kPerThreadStream : 0) |
                               capture_mode(process, thread) << ring::kCaptureModeShift);
}

// A thread that captures must not wait for the device. The dispatcher is that thread in the driver's eyes, so the
// driver refuses there what it would refuse here, and at once.
uint16_t helper_flag(const Process& process, const ThreadState& thread, bool blocking) {
  if (!blocking || thread.captures != 0) return 0;
  // To the driver, a question about a stream is a call that may spoil a capture.
  return process.captures.load(std::memory_order_relaxed) == 0 ? ring::kHelper | ring::kMayAsk : ring::kHelper;
}

// The context that the thread's commands run in. A dead one counts as none; the error is put right afterwards.
uint64_t wire_context(const ThreadState& thread) {
  const Context* current = thread.current();
  return current != nullptr && current->alive() ? current->handle() : 0;
}

// What CUDA finds wrong with the handles of a posted call at once.
CUresult check_posted(Process& process, const Call& call, void* const* argv) {
  for (int i = 0; i < call.argc; ++i) {
    const Param& param = call.param[i];
    if (param.role != Role::handle) continue;
    uint64_t handle = 0;
    std::memcpy(&handle, argv[i], param.size);
    if (param.kind == Kind::stream && handle <= 2) continue;
    if (!process.handles().is_live(handle))
      return handle == 0 && param.kind == Kind::graph_exec ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
  }
  return CUDA_SUCCESS;
}

}  // namespace

CUresult admit(Admitted& out) {
  out.process = Process::get();
  if (out.process == nullptr) return CUDA_ERROR_NOT_INITIALIZED;
  if (Process::is_shut_down()) return CUDA_ERROR_DEINITIALIZED;
  out.thread = &thread_state();
  return out.thread->in_callback ? CUDA_ERROR_NOT_PERMITTED : CUDA_SUCCESS;
}

CUresult admit_with_context(Admitted& out) {
  if (const CUresult status = admit(out); status != CUDA_SUCCESS) return status;
  const Context* current = out.thread->current();
  if (current == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (!current->alive()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  return current->sticky();
}

CUresult note_result(const Admitted& admitted, CUresult result) {
  if (result == CUDA_SUCCESS) return result;
  if (result >= CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED && result <= CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD)
    admitted.process->captures_doubtful.store(true, std::memory_order_relaxed);
  Context* current = admitted.thread->current();
  if (current == nullptr) return result;
  if (is_sticky(result) && current->alive()) current->set_sticky(result);
  if (result == CUDA_ERROR_INVALID_CONTEXT && !current->alive()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  return result;
}

namespace {

// For the host's statistics, which count calls: "cuMemCreate of host memory" is one of cuMemCreate.
void tell_refused(const char* name) {
  Process* const process = Process::get();
  if (process == nullptr || !process->serves_private(wire::kRefusedCall)) return;
  const ThreadState& thread = thread_state();
  std::vector<std::byte> payload;
  const std::string_view text = name;
  codec::Writer(payload).string(text.substr(0, text.find(' ')));
  static_cast<void>(process->session().post(
      {wire::kRefusedCall, flags_of(*process, thread), thread.id, wire_context(thread), payload}));
}

}  // namespace

CUresult refuse(const char* name) {
  static std::mutex mutex;
  static std::set<std::string>* named = nullptr;
  {
    const std::lock_guard lock(mutex);
    if (named == nullptr) named = new std::set<std::string>;  // Exit handlers may still ask.
    if (named->insert(name).second) VGPU_INFO("%s is not supported", name);
  }
  tell_refused(name);
  return CUDA_ERROR_NOT_SUPPORTED;
}

// The counter in the session's memory is shared by all threads: they go there with many calls at a time, or when they
// wait for the worker anyway.
void count_answered(ThreadState& thread) {
  constexpr uint32_t kBatch = 256;
  if (++thread.answered_here < kBatch) return;
  if (Process* const process = Process::get()) process->session().count_answered(thread.take_answered());
}

CUresult invoke(const Call& call, void* const* argv, bool per_thread) {
  Admitted admitted;
  if (const CUresult status = admit(admitted); status != CUDA_SUCCESS) return status;
  const FlavourScope flavour(per_thread);
  return forward_argv(admitted, call, argv);
}

CUresult forward_argv(const Admitted& admitted, const Call& call, void* const* argv, Runs runs, Extent* extent) {
  Process& process = *admitted.process;
  ThreadState& thread = *admitted.thread;
  if (!process.serves(call.opcode)) return refuse(call.name);
  const bool posted =
      (call.path == Path::post || runs == Runs::posted) && process.captures.load(std::memory_order_relaxed) == 0;
  if (posted) {
    // A caller that posts by itself has admitted itself.
    Admitted again;
    if (runs != Runs::posted)
      if (const CUresult status = admit_with_context(again); status != CUDA_SUCCESS) return status;
    if (const CUresult status = check_posted(process, call, argv); status != CUDA_SUCCESS) return status;
  }
  thread.request.clear();
  codec::Writer writer(thread.request);
  if (!codec::encode_request(call, argv, writer)) return CUDA_ERROR_INVALID_VALUE;
  const bool waits = runs == Runs::waiting;
  const bool blocking = call.path == Path::wait || runs == Runs::on_helper || waits;
  const Message message = {
      call.opcode,    static_cast<uint16_t>(flags_of(process, thread) | helper_flag(process, thread, blocking)),
      thread.id,      wire_context(thread),
      thread.request, waits ? patience(admitted) : std::chrono::microseconds(0),
      extent};
  if (posted) return process.session().post(message);
  process.session().count_answered(thread.take_answered());
  const CUresult status = process.session().call(message, thread.reply);
  if (status != CUDA_SUCCESS) return note_result(admitted, status);
  codec::Reader reader(thread.reply);
  return codec::decode_reply(call, reader, argv, process.handles()) ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

namespace {

codec::Writer start(std::vector<std::byte>& buffer) {
  buffer.clear();
  return codec::Writer(buffer);
}

}  // namespace

Remote::Remote(const Admitted& admitted, uint16_t opcode)
    : admitted_(admitted),
      opcode_(opcode),
      flags_(flags_of(*admitted.process, *admitted.thread)),
      writer_(start(admitted.thread->request)),
      reader_({}) {}

Message Remote::message() const {
  return {opcode_,
          static_cast<uint16_t>(flags_ | helper_flag(*admitted_.process, *admitted_.thread, blocking_)),
          admitted_.thread->id,
          wire_context(*admitted_.thread),
          admitted_.thread->request,
          expected_};
}

Message Remote::message(Extent& extent) const {
  Message telling = message();
  if (concerned_) telling.extent = &extent;
  return telling;
}

void Remote::carry_idle(const Extent& extent) const {
  if (concerned_) carry_idle_streams(admitted_, *concerned_, extent);
}

CUresult Remote::call() {
  Extent extent;
  const Message request = message(extent);
  if (opcode_ < wire::kFirstPrivate && !admitted_.process->serves(opcode_)) {
    const Call* row = api::find_row(opcode_);
    return refuse(row == nullptr ? "unknown" : row->name);
  }
  const CUresult status = admitted_.process->session().call(request, admitted_.thread->reply);
  reader_ = codec::Reader(admitted_.thread->reply);
  carry_idle(extent);
  return note_result(admitted_, status);
}

CUresult Remote::post() {
  Extent extent;
  const CUresult status = admitted_.process->session().post(message(extent));
  carry_idle(extent);
  return status;
}

}  // namespace vgpu::guest
