// SPDX-License-Identifier: Apache-2.0
// Modules that stay loaded when the program unloads them (kept_modules.h): which commands they answer, and how.
#include "common/bits.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

CUmodule module_of(const RowCall& row, int argument) { return row.argument<CUmodule>(argument); }

uint64_t known_function(const Session& session, const RowCall& row) {
  const auto* name = row.argument<const char*>(2);
  const bool complete = row.argument<CUfunction*>(0) != nullptr && name != nullptr;
  return complete ? session.kept_modules.find(bits_of(module_of(row, 1)), name) : 0;
}

// The driver's own load and unload would bring the program the text that its kernels have printed by then.
bool may_keep(const Session& session) { return !session.debts.owes_text(); }

}  // namespace

std::optional<std::span<const std::byte>> plain_image(const CommandCopy& command) {
  codec::Reader request(command.payload);
  if (request.get<uint32_t>() != 0) return std::nullopt;  // options
  const auto size = request.get<uint64_t>();
  const std::byte* bytes = request.take(size);
  if (bytes == nullptr || request.get<uint32_t>() != 0 || !request.complete()) return std::nullopt;  // containers
  return std::span(bytes, static_cast<size_t>(size));
}

uint64_t kept_module(Session& session, const CommandCopy& command) {
  const auto image = plain_image(command);
  return image && may_keep(session) ? session.kept_modules.revive(command.context, *image) : 0;
}

CUresult module_unload(Invocation& invocation) {
  RowCall row{api::spec::cuModuleUnload, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  Session& session = invocation.session;
  const CUmodule module = module_of(row, 0);
  const uint64_t leaves = session.kept_modules.unload(bits_of(module), may_keep(session));
  if (leaves == bits_of(module)) return call_row(invocation, row);
  if (leaves != 0) static_cast<void>(VGPU_DRIVER(session.driver, cuModuleUnload)(from_bits<CUmodule>(leaves)));
  codec::encode_reply(row.call, row.arguments, invocation, invocation.reply);
  return CUDA_SUCCESS;
}

CUresult module_get_function(Invocation& invocation) {
  RowCall row{api::spec::cuModuleGetFunction, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  Session& session = invocation.session;
  if (const uint64_t known = known_function(session, row); known != 0) {
    *row.argument<CUfunction*>(0) = from_bits<CUfunction>(known);
    codec::encode_reply(row.call, row.arguments, invocation, invocation.reply);
    return CUDA_SUCCESS;
  }
  // Encoding turns the driver's handle into the guest's.
  const CUresult status = session.driver.call(row.call.opcode, row.arguments.argv);
  if (status != CUDA_SUCCESS) return status;
  const auto* const function = row.argument<CUfunction*>(0);
  if (function != nullptr)
    session.kept_modules.found(bits_of(module_of(row, 1)), row.argument<const char*>(2), bits_of(*function));
  codec::encode_reply(row.call, row.arguments, invocation, invocation.reply);
  return CUDA_SUCCESS;
}

bool is_at_hand(Session& session, const CommandCopy& command) {
  namespace op = api::opcode;
  // Most commands that come by here are copies and waits, in a hurry.
  const uint16_t opcode = command.opcode;
  if (opcode != op::cuModuleLoadDataEx && opcode != op::cuModuleUnload && opcode != op::cuModuleGetFunction &&
      opcode != wire::kFunctionFacts)
    return false;
  if (opcode == op::cuModuleLoadDataEx) {
    const auto image = plain_image(command);
    return image && may_keep(session) && session.kept_modules.has(command.context, *image);
  }
  std::vector<std::byte> unused;
  Invocation invocation(session, command, unused);
  if (opcode == wire::kFunctionFacts) {
    CUfunction function = nullptr;
    return invocation.real(Kind::function, invocation.request.get<uint64_t>(), function) &&
           session.kept_modules.facts_of(bits_of(function)).has_value();
  }
  RowCall row{opcode == op::cuModuleUnload ? api::spec::cuModuleUnload : api::spec::cuModuleGetFunction, {}};
  if (decode_row(invocation, row) != CUDA_SUCCESS) return false;
  if (opcode == op::cuModuleGetFunction) return known_function(session, row) != 0;
  return may_keep(session) && session.kept_modules.unloads_nothing(bits_of(module_of(row, 0)));
}

}  // namespace vgpu::host::hand
