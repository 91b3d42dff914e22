// SPDX-License-Identifier: Apache-2.0
// Memory calls that the worker accounts for, and host memory that both sides map.
#include <map>
#include <mutex>

#include "common/bits.h"
#include "host/worker/hand/accounted.h"

namespace vgpu::host::hand {
// cuMemAlloc_v2, cuMemAllocAsync, cuMemAllocFromPoolAsync: (dptr, bytesize, ...).
CUresult allocate(Invocation& invocation) {
  namespace op = api::opcode;
  SyncDebts& debts = invocation.session.debts;
  const auto bytes = [&](const RowCall& row) {
    if (row.call.opcode == op::cuMemAllocAsync || row.call.opcode == op::cuMemAllocFromPoolAsync)
      debts.pool_changes(invocation.command.context,
                         bits_of(row.argument<CUstream>(row.call.opcode == op::cuMemAllocAsync ? 2 : 3)));
    return row.argument<size_t>(1);
  };
  return accounted(invocation, *api::find_row(invocation.command.opcode), bytes, result_in_argument_0);
}

CUresult allocate_pitch(Invocation& invocation) {
  const auto bytes = [](const RowCall& row) {
    uint64_t size = 0;
    // The driver pads each row; the pitch it will choose is at most this.
    const uint64_t pitch = (row.argument<size_t>(2) + 511) & ~uint64_t{511};
    return __builtin_mul_overflow(pitch, row.argument<size_t>(3), &size) ? ~uint64_t{0} >> 1 : size;
  };
  return accounted(invocation, api::spec::cuMemAllocPitch_v2, bytes, result_in_argument_0);
}

// cuMemFree_v2, cuMemFreeAsync.
CUresult release(Invocation& invocation) {
  return accounted_release(invocation, *api::find_row(invocation.command.opcode), [&](const RowCall& row) {
    const auto address = row.argument<CUdeviceptr>(0);
    SyncDebts& debts = invocation.session.debts;
    if (row.call.opcode == api::opcode::cuMemFreeAsync)
      debts.pool_changes(invocation.command.context, bits_of(row.argument<CUstream>(1)));
    else if (debts.uses_pools()) debts.pool_changes_now(invocation.command.context);
    // Before the address can be somebody else's.
    invocation.session.exports.forget(wire::ShareKind::memory, address);
    invocation.session.exports.forget(wire::ShareKind::pool_pointer, address);
  });
}

CUresult create_memory(Invocation& invocation) {
  return accounted(
      invocation, api::spec::cuMemCreate, [](const RowCall& row) { return row.argument<size_t>(1); },
      result_in_argument_0);
}

namespace {

// References beyond the first of handles that were retained, by the guest's handle. One worker serves one session.
std::mutex references_mutex;  // guards references
std::map<uint64_t, uint64_t> references;

bool drop_reference(uint64_t wire) {
  const std::lock_guard lock(references_mutex);
  const auto found = references.find(wire);
  if (found == references.end()) return false;
  if (--found->second == 0) references.erase(found);
  return true;
}

}  // namespace

// The handle lives until each reference is released; the driver counts them, too.
CUresult release_memory(Invocation& invocation) {
  const auto wire = codec::Reader(invocation.command.payload).get<uint64_t>();
  CUmemGenericAllocationHandle handle = 0;
  if (wire == 0 || !invocation.real(Kind::memory, wire, handle) || !drop_reference(wire))
    return accounted_release(invocation, api::spec::cuMemRelease);
  return VGPU_DRIVER(invocation.session.driver, cuMemRelease)(handle);
}

CUresult memory_info(Invocation& invocation) {
  RowCall row{api::spec::cuMemGetInfo_v2, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const CUresult status = invocation.session.driver.call(row.call.opcode, row.arguments.argv);
  if (status != CUDA_SUCCESS) return status;
  const DeviceMemory& memory = invocation.session.device_memory;
  if (const uint64_t limit = memory.limit(); limit != 0) {
    const uint64_t left = limit - std::min(limit, memory.used());
    if (auto* free = row.argument<size_t*>(0); free != nullptr) *free = std::min<size_t>(*free, left);
    if (auto* total = row.argument<size_t*>(1); total != nullptr) *total = std::min<size_t>(*total, limit);
  }
  codec::encode_reply(row.call, row.arguments, invocation, invocation.reply);
  return status;
}

CUresult host_register(Invocation& invocation) {
  const auto address = invocation.request.get<uint64_t>();
  const auto bytes = invocation.request.get<uint64_t>();
  const auto flags = invocation.request.get<uint32_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  if (!invocation.session.shared.contains(address, bytes)) return CUDA_ERROR_INVALID_VALUE;
  return VGPU_DRIVER(invocation.session.driver, cuMemHostRegister_v2)(from_bits<void*>(address), bytes, flags);
}

CUresult host_unregister(Invocation& invocation) {
  const auto address = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  return VGPU_DRIVER(invocation.session.driver, cuMemHostUnregister)(from_bits<void*>(address));
}

CUresult host_device_pointer(Invocation& invocation) {
  const auto address = invocation.request.get<uint64_t>();
  const auto flags = invocation.request.get<uint32_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUdeviceptr device = 0;
  const CUresult status =
      VGPU_DRIVER(invocation.session.driver, cuMemHostGetDevicePointer_v2)(&device, from_bits<void*>(address), flags);
  if (status == CUDA_SUCCESS) invocation.reply.put(static_cast<uint64_t>(device));
  return status;
}

CUresult pointer_attribute(Invocation& invocation) {
  RowCall row{api::spec::cuPointerGetAttribute, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const CUresult status = invocation.session.driver.call(row.call.opcode, row.arguments.argv);
  if (status != CUDA_SUCCESS) return status;
  // Two attributes are handles of the driver.
  auto* value = row.argument<uint64_t*>(0);
  const auto attribute = row.argument<CUpointer_attribute>(1);
  const Kind kind = attribute == CU_POINTER_ATTRIBUTE_CONTEXT          ? Kind::context
                    : attribute == CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE ? Kind::memory_pool
                                                                       : Kind::none;
  if (kind != Kind::none && value != nullptr && *value != 0) *value = invocation.find_or_add(kind, *value);
  codec::encode_reply(row.call, row.arguments, invocation, invocation.reply);
  return status;
}

CUresult retain_memory(Invocation& invocation) {
  const auto address = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUmemGenericAllocationHandle handle = 0;
  const CUresult status =
      VGPU_DRIVER(invocation.session.driver, cuMemRetainAllocationHandle)(&handle, from_bits<void*>(address));
  if (status != CUDA_SUCCESS) return status;
  // The driver's handle may be the one that the guest has: then its name stays the same, as in the program's eyes.
  const uint64_t before = invocation.session.handles.handle_of(Kind::memory, handle);
  if (before != 0) {
    const std::lock_guard lock(references_mutex);
    ++references[before];
  }
  invocation.reply.put(before != 0 ? before : invocation.add(Kind::memory, handle));
  return status;
}

CUresult pool_create(Invocation& invocation) {
  auto properties = invocation.request.get<CUmemPoolProps>();
  if (!invocation.request.complete()) return invocation.bad_message();
  // Only a Windows security descriptor is a pointer here; nothing of the guest's goes to the driver.
  properties.win32SecurityAttributes = nullptr;
  CUmemoryPool pool = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuMemPoolCreate)(&pool, &properties);
  if (status != CUDA_SUCCESS) return status;
  invocation.reply.put(invocation.add(Kind::memory_pool, bits_of(pool)));
  return status;
}

}  // namespace vgpu::host::hand
