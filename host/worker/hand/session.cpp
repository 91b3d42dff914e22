// SPDX-License-Identifier: Apache-2.0
// Private calls: the snapshot that a session opens with, facts about functions, large payloads, printed text,
// callbacks.
#include <algorithm>
#include <cstdio>

#include "common/log.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

wire::DeviceSnapshot describe_device(const Session& session, CUdevice device) {
  wire::DeviceSnapshot out = {};
  const Driver& driver = session.driver;
  VGPU_DRIVER(driver, cuDeviceGetName)(out.name, static_cast<int>(sizeof out.name), device);
  CUuuid uuid = {};
  VGPU_DRIVER(driver, cuDeviceGetUuid)(&uuid, device);
  std::memcpy(out.uuid, uuid.bytes, sizeof out.uuid);
  size_t total = 0;
  VGPU_DRIVER(driver, cuDeviceTotalMem_v2)(&total, device);
  const uint64_t limit = session.device_memory.limit();
  out.total_bytes = limit == 0 ? total : std::min<uint64_t>(total, limit);
  VGPU_DRIVER(driver, cuDeviceGetPCIBusId)(out.pci_bus_id, static_cast<int>(sizeof out.pci_bus_id), device);
  for (int id = 1; id < wire::kAttributes; ++id) {
    int value = 0;
    if (VGPU_DRIVER(driver, cuDeviceGetAttribute)(&value, static_cast<CUdevice_attribute>(id), device) != CUDA_SUCCESS)
      continue;
    out.attribute_known[id / 64] |= uint64_t{1} << (id % 64);
    out.attribute[id] = value;
  }
  return out;
}

// Whether the worker carries a call and this driver has it.
bool serves(const Session& session, uint16_t opcode) {
  const Call* call = api::find_row(opcode);
  const bool carried = find_hand_call(opcode) != nullptr || (call != nullptr && call->path != Path::local &&
                                                             call->path != Path::refuse && call->carried_by_row());
  return carried && session.driver.has(opcode);
}

}  // namespace

CUresult snapshot(Invocation& invocation) {
  Session& session = invocation.session;
  wire::SnapshotHeader header = {};
  int count = 0;
  if (const CUresult status = VGPU_DRIVER(session.driver, cuDeviceGetCount)(&count); status != CUDA_SUCCESS)
    return status;
  count = std::clamp(count, 0, static_cast<int>(handle::kPrimaryContexts));
  VGPU_DRIVER(session.driver, cuDriverGetVersion)(&header.driver_version);
  header.device_count = static_cast<uint32_t>(count);
  header.device_bytes = sizeof(wire::DeviceSnapshot);
  header.private_end = wire::kPrivateKnown;
  if (session.config.software_gpu) header.traits |= wire::kComputesOnProcessors;
  for (uint16_t opcode = 0; opcode < wire::kServedOpcodes; ++opcode)
    if (serves(session, opcode))
      header.served[opcode / 8] = static_cast<uint8_t>(header.served[opcode / 8] | 1 << (opcode % 8));
  invocation.reply.put(header);
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    CUdevice device = 0;
    VGPU_DRIVER(session.driver, cuDeviceGet)(&device, ordinal);
    invocation.reply.put(describe_device(session, device));
  }
  return CUDA_SUCCESS;
}

CUresult function_facts(Invocation& invocation) {
  const auto wire_function = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUfunction function = nullptr;
  const Driver& driver = invocation.session.driver;
  if (handle::kind_of(wire_function) == Kind::kernel) {
    // Attributes and layouts are asked of the kernel's function in the current context.
    CUkernel kernel = nullptr;
    if (!invocation.real(Kind::kernel, wire_function, kernel)) return CUDA_ERROR_INVALID_HANDLE;
    if (const CUresult status = VGPU_DRIVER(driver, cuKernelGetFunction)(&function, kernel); status != CUDA_SUCCESS)
      return status;
  } else if (!invocation.real(Kind::function, wire_function, function)) {
    return CUDA_ERROR_INVALID_HANDLE;
  } else if (const auto told = invocation.session.kept_modules.facts_of(bits_of(function))) {
    invocation.reply.bytes(told->data(), told->size());
    return CUDA_SUCCESS;
  }

  // A module's functions may be loaded by their first use, and attributes of one that is not loaded cannot be asked.
  // What is wrong with it shows below.
  static_cast<void>(VGPU_DRIVER(driver, cuFuncLoad)(function));
  wire::FunctionFacts facts = {};
  for (int id = 0; id < wire::kFunctionAttributes; ++id) {
    int value = 0;
    const auto attribute = static_cast<CUfunction_attribute>(id);
    const CUresult status = VGPU_DRIVER(driver, cuFuncGetAttribute)(&value, attribute, function);
    if (status != CUDA_SUCCESS) {
      VGPU_DEBUG("attribute %d of a function: error %d", id, static_cast<int>(status));
      continue;
    }
    facts.attribute_known |= 1u << id;
    facts.attribute[id] = value;
  }
  if (facts.attribute_known == 0) {
    // Nothing could be asked: the function itself could not be loaded, and the driver says why.
    int value = 0;
    return VGPU_DRIVER(driver, cuFuncGetAttribute)(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function);
  }
  std::vector<wire::ParameterFacts> parameters;
  for (size_t i = 0;; ++i) {
    size_t offset = 0, size = 0;
    const CUresult status = VGPU_DRIVER(driver, cuFuncGetParamInfo)(function, i, &offset, &size);
    if (status == CUDA_ERROR_INVALID_VALUE) break;  // Past the last one.
    if (status != CUDA_SUCCESS) return status;
    parameters.push_back({static_cast<uint32_t>(offset), static_cast<uint32_t>(size)});
    facts.parameter_bytes = static_cast<uint32_t>(offset + size);
  }
  facts.parameter_count = static_cast<uint32_t>(parameters.size());
  std::vector<std::byte> answer;
  codec::Writer writer(answer);
  writer.put(facts);
  for (const wire::ParameterFacts& parameter : parameters) writer.put(parameter);
  invocation.session.kept_modules.told(bits_of(function), answer);
  invocation.reply.bytes(answer.data(), answer.size());
  return CUDA_SUCCESS;
}

CUresult blob_append(Invocation& invocation) {
  const auto id = invocation.request.get<uint64_t>();
  const auto total = invocation.request.get<uint64_t>();
  const auto chunk = invocation.request.get<uint32_t>();
  const auto bytes = invocation.request.get<uint64_t>();
  if (!invocation.request.complete() || chunk >= ring::kChunks || bytes > ring::kChunkBytes)
    return invocation.bad_message();
  Session& session = invocation.session;
  const bool added = session.blobs.append(id, total, {session.memory.chunk(chunk), static_cast<size_t>(bytes)});
  session.counters.own().bytes_window.add(bytes);
  session.memory.header().chunk_busy[chunk].store(0, std::memory_order_release);
  return added ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult blob_read(Invocation& invocation) {
  const auto id = invocation.request.get<uint64_t>();
  const auto offset = invocation.request.get<uint64_t>();
  const auto chunk = invocation.request.get<uint32_t>();
  const auto bytes = invocation.request.get<uint64_t>();
  if (!invocation.request.complete() || chunk >= ring::kChunks || bytes > ring::kChunkBytes)
    return invocation.bad_message();
  Session& session = invocation.session;
  const std::span<std::byte> out(session.memory.chunk(chunk), static_cast<size_t>(bytes));
  session.counters.own().bytes_window.add(bytes);
  return session.blobs.read(id, offset, out) ? CUDA_SUCCESS : invocation.bad_message();
}

CUresult blob_drop(Invocation& invocation) {
  invocation.session.blobs.drop(invocation.request.get<uint64_t>());
  return invocation.request.complete() ? CUDA_SUCCESS : invocation.bad_message();
}

CUresult take_output(Invocation& invocation) {
  const auto capacity = invocation.request.get<uint32_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  std::byte text[8192];
  const size_t got = invocation.session.output.take(std::span(text).first(std::min<size_t>(capacity, sizeof text)));
  invocation.reply.bytes(text, got);
  return CUDA_SUCCESS;
}

CUresult serve_callbacks(Invocation& invocation) {
  if (!invocation.request.complete()) return invocation.bad_message();
  return invocation.session.callback_server.start() ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult thread_exit(Invocation& invocation) {
  if (!invocation.request.complete()) return invocation.bad_message();
  invocation.session.drop_thread(invocation.command.thread);
  return CUDA_SUCCESS;
}

CUresult refused_call(Invocation& invocation) {
  const std::string_view name = invocation.request.string();
  if (!invocation.request.complete() || !invocation.session.unsupported.count(name)) return invocation.bad_message();
  invocation.session.counters.own().refused.add(1);
  return CUDA_SUCCESS;
}

CUresult statistics(Invocation& invocation) {
  if (!invocation.request.complete()) return invocation.bad_message();
  invocation.reply.put(invocation.session.statistics());
  return CUDA_SUCCESS;
}

}  // namespace vgpu::host::hand
