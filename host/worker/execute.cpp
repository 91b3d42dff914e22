// SPDX-License-Identifier: Apache-2.0
// Carries out one command: makes its context current, decodes it by its row (or hands it to the call's own code),
// calls the driver and encodes the reply.
#include "common/api_names.h"
#include "common/bits.h"
#include "host/worker/session.h"

namespace vgpu::host {
namespace {

// What this thread last made current, so that a run of commands of one context costs nothing.
struct CurrentContext {
  uint64_t wire = 0;
  uint64_t epoch = 0;
};
thread_local CurrentContext current_context;

}  // namespace

CUresult make_current(Session& session, uint64_t wire) {
  const uint64_t epoch = session.context_epoch.load(std::memory_order_relaxed);
  if (current_context.wire == wire && current_context.epoch == epoch) return CUDA_SUCCESS;
  uint64_t real = 0;
  // A context that is gone counts as none, and the driver answers as it does without one.
  if (wire != 0 && !session.handles.resolve(Kind::context, wire, real)) real = 0;
  const CUresult status = VGPU_DRIVER(session.driver, cuCtxSetCurrent)(from_bits<CUcontext>(real));
  if (status == CUDA_SUCCESS) current_context = {wire, epoch};
  return status;
}

namespace {

// The driver keeps a capture mode per thread, and this thread stands for many of the guest's.
CUresult enter_capture_mode(const Session& session, CUstreamCaptureMode wanted) {
  thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  if (wanted == mode) return CUDA_SUCCESS;
  const CUstreamCaptureMode entered = wanted;
  const CUresult status = VGPU_DRIVER(session.driver, cuThreadExchangeStreamCaptureMode)(&wanted);
  if (status == CUDA_SUCCESS) mode = entered;
  return status;
}

CUstreamCaptureMode capture_mode_in(uint16_t flags) {
  return static_cast<CUstreamCaptureMode>((flags & ring::kCaptureModeMask) >> ring::kCaptureModeShift);
}

}  // namespace

void ask_beside_captures(const Session& session) {
  static_cast<void>(enter_capture_mode(session, CU_STREAM_CAPTURE_MODE_RELAXED));
}

namespace {

// NVIDIA's driver follows the pointer to an attribute's value without a look, and the worker would die of it.
bool lacks_value(const RowCall& row) {
  for (int i = 0; i < row.call.argc; ++i)
    if (row.call.param[i].role == Role::sized_in && row.argument<const void*>(i) == nullptr) return true;
  return false;
}

// Of calls whose first argument is a function.
void note_change(Session& session, const CommandCopy& command) {
  const auto function = codec::Reader(command.payload).get<uint64_t>();
  uint64_t module = 0;
  if (session.handles.resolve(Kind::module, session.handles.parent_of(function), module))
    session.kept_modules.changed(module);
}

// What the session keeps of a context, or of a function, must be told before some calls.
void prepare(Session& session, const CommandCopy& command) {
  switch (command.opcode) {
    case api::opcode::cuCtxSynchronize: session.context_synchronizes(command.context); break;
    case api::opcode::cuFuncSetAttribute:
    case api::opcode::cuFuncSetCacheConfig:
    case api::opcode::cuFuncSetSharedMemConfig: note_change(session, command); break;
    // Its threshold, among others.
    case api::opcode::cuMemPoolSetAttribute:
    case api::opcode::cuMemPoolDestroy: session.debts.pool_changes_now(command.context); break;
    case api::opcode::cuCtxDestroy_v2:
    case api::opcode::cuDevicePrimaryCtxRelease_v2:
    case api::opcode::cuDevicePrimaryCtxReset_v2:
    case api::opcode::cuGreenCtxDestroy: session.window.drain(); break;
    case api::opcode::cuCtxCreate_v2:
    case api::opcode::cuGreenCtxCreate: session.ready_context.give_up(session.driver); break;
    default: break;
  }
}

}  // namespace

CUresult decode_row(Invocation& invocation, RowCall& row) {
  const codec::DecodeResult decoded =
      codec::decode_request(row.call, invocation.request, invocation, invocation.arena, row.arguments);
  switch (decoded.status) {
    case codec::Decoded::ok: return lacks_value(row) ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
    case codec::Decoded::bad_handle: return error_for(decoded.bad_kind);
    case codec::Decoded::too_large: return CUDA_ERROR_OUT_OF_MEMORY;
    case codec::Decoded::malformed: return invocation.bad_message();
  }
  return invocation.bad_message();
}

bool unload_kept(Invocation& invocation) {
  Session& session = invocation.session;
  const std::vector<uint64_t> modules = session.kept_modules.take_all(invocation.command.context);
  for (const uint64_t module : modules)
    static_cast<void>(VGPU_DRIVER(session.driver, cuModuleUnload)(from_bits<CUmodule>(module)));
  return !modules.empty();
}

CUresult call_driver(Invocation& invocation, const RowCall& row) {
  const Driver& driver = invocation.session.driver;
  const CUresult status = driver.call(row.call.opcode, row.arguments.argv);
  if (status != CUDA_ERROR_OUT_OF_MEMORY || !unload_kept(invocation)) return status;
  return driver.call(row.call.opcode, row.arguments.argv);
}

CUresult call_row(Invocation& invocation, const RowCall& row) {
  const CUresult status = call_driver(invocation, row);
  if (status == CUDA_SUCCESS) codec::encode_reply(row.call, row.arguments, invocation, invocation.reply);
  return status;
}

namespace {

CUresult carry_out(Invocation& invocation) {
  const uint16_t opcode = invocation.command.opcode;
  const HandCall hand = find_hand_call(opcode);
  const Call* call = api::find_row(opcode);
  if (opcode < wire::kFirstPrivate) {
    const bool carried = hand != nullptr || (call != nullptr && call->path != Path::local &&
                                             call->path != Path::refuse && call->carried_by_row());
    if (!carried || !invocation.session.driver.has(opcode)) {
      invocation.session.counters.own().refused.add(1);
      if (const char* const name = api::find_call_name(opcode)) invocation.session.unsupported.count(name);
      return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
  if (const CUresult status = make_current(invocation.session, invocation.command.context); status != CUDA_SUCCESS)
    return status;
  const CUstreamCaptureMode mode = capture_mode_in(invocation.command.flags);
  if (const CUresult status = enter_capture_mode(invocation.session, mode); status != CUDA_SUCCESS) return status;
  prepare(invocation.session, invocation.command);
  if (hand != nullptr) return hand(invocation);
  if (call == nullptr) return invocation.bad_message();
  RowCall row{*call, {}};
  const CUresult status = decode_row(invocation, row);
  return status == CUDA_SUCCESS ? call_row(invocation, row) : status;
}

}  // namespace

CUresult execute(Invocation& invocation) {
  const CUresult status = carry_out(invocation);
  return status == CUDA_SUCCESS && invocation.out_of_handles ? CUDA_ERROR_OUT_OF_MEMORY : status;
}

}  // namespace vgpu::host
