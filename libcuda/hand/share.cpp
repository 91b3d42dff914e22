// SPDX-License-Identifier: Apache-2.0
// Sharing with other processes: what rows cannot carry of it. Shareable handles are descriptors of this machine
// (shared_descriptors.h); events that others may record are never known to be finished.
// CUDA driver API: Virtual Memory Management, Stream Ordered Memory Allocator, Memory Management (IPC).
#include "libcuda/shared_descriptors.h"

#include <cstring>

#include "common/bits.h"
#include "common/log.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

void withdraw_export(const Admitted& admitted, const wire::Token& token) {
  Remote remote(admitted, wire::kWithdrawExport);
  remote.writer().put(token);
  static_cast<void>(remote.post());
}

// Exports whose last descriptor is closed hold memory no longer.
void end_closed_exports(const Admitted& admitted) {
  for (const wire::Token& token : admitted.process->descriptors().take_closed()) withdraw_export(admitted, token);
}

CUresult check_type(const char* call, CUmemAllocationHandleType type) {
  if (type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_SUCCESS;
  if (type == CU_MEM_HANDLE_TYPE_FABRIC) return refuse(call);
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult export_object(const Admitted& admitted, uint16_t opcode, uint64_t object, void* out) {
  end_closed_exports(admitted);
  Remote remote(admitted, opcode);
  remote.writer().put(object);
  VGPU_CHECK(remote.may_block().call());
  const auto name = remote.reader().get<wire::SharedName>();
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  Process& process = *admitted.process;
  Result<UniqueFd> descriptor = process.descriptors().make(
      name, [&](int end) { return process.session().transport().keep_export(name.token, end); });
  if (!descriptor.ok()) {
    VGPU_WARN("%s", descriptor.error().message.c_str());
    withdraw_export(admitted, name.token);
    return CUDA_ERROR_OPERATING_SYSTEM;
  }
  const int given = descriptor->release();
  std::memcpy(out, &given, sizeof given);
  return CUDA_SUCCESS;
}

// For this type of handle the pointer is the descriptor.
CUresult import_object(const Admitted& admitted, uint16_t opcode, const void* descriptor, Kind kind, uint64_t& out) {
  const auto name = SharedDescriptors::read(static_cast<int>(bits_of(descriptor)));
  if (!name) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, opcode);
  remote.writer().put(*name);
  VGPU_CHECK(remote.may_block().call());
  out = remote.reader().get<uint64_t>();
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  admitted.process->handles().made(kind, out);
  return CUDA_SUCCESS;
}

}  // namespace

namespace by_hand {

CUresult cuMemExportToShareableHandle(void* shareableHandle, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType handleType, unsigned long long flags) {
  VGPU_ADMIT(admitted);
  if (shareableHandle == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_type("cuMemExportToShareableHandle of this type", handleType));
  return export_object(admitted, api::opcode::cuMemExportToShareableHandle, handle, shareableHandle);
}

CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* osHandle,
                                        CUmemAllocationHandleType shHandleType) {
  VGPU_ADMIT(admitted);
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_type("cuMemImportFromShareableHandle of this type", shHandleType));
  uint64_t made = 0;
  VGPU_CHECK(import_object(admitted, api::opcode::cuMemImportFromShareableHandle, osHandle, Kind::memory, made));
  *handle = made;
  return CUDA_SUCCESS;
}

CUresult cuMemPoolExportToShareableHandle(void* handle_out, CUmemoryPool pool, CUmemAllocationHandleType handleType,
                                          unsigned long long flags) {
  VGPU_ADMIT(admitted);
  if (handle_out == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_type("cuMemPoolExportToShareableHandle of this type", handleType));
  return export_object(admitted, api::opcode::cuMemPoolExportToShareableHandle, bits_of(pool), handle_out);
}

CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool* pool_out, void* handle, CUmemAllocationHandleType handleType,
                                            unsigned long long flags) {
  VGPU_ADMIT(admitted);
  if (pool_out == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_type("cuMemPoolImportFromShareableHandle of this type", handleType));
  uint64_t made = 0;
  VGPU_CHECK(import_object(admitted, api::opcode::cuMemPoolImportFromShareableHandle, handle, Kind::memory_pool, made));
  *pool_out = from_bits<CUmemoryPool>(made);
  return CUDA_SUCCESS;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  VGPU_ADMIT(admitted);
  end_closed_exports(admitted);
  return forward_blocking(admitted, api::spec::cuMemRelease, handle);
}

CUresult cuMemUnmap(CUdeviceptr ptr, size_t size) {
  VGPU_ADMIT(admitted);
  end_closed_exports(admitted);
  return forward_blocking(admitted, api::spec::cuMemUnmap, ptr, size);
}

CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop,
                     unsigned long long flags) {
  VGPU_ADMIT(admitted);
  end_closed_exports(admitted);
  // It would be the worker's memory, which this process's kernels reach and its own code does not.
  if (prop != nullptr && is_host_location(prop->location)) return refuse("cuMemCreate of host memory");
  return forward_blocking(admitted, api::spec::cuMemCreate, handle, size, prop, flags);
}

CUresult cuIpcGetEventHandle(CUipcEventHandle* pHandle, CUevent event) {
  VGPU_ADMIT(admitted);
  VGPU_CHECK(forward(admitted, api::spec::cuIpcGetEventHandle, pHandle, event));
  share_event(admitted, bits_of(event));
  return CUDA_SUCCESS;
}

CUresult cuIpcOpenEventHandle(CUevent* phEvent, CUipcEventHandle handle) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (phEvent == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(forward(admitted, api::spec::cuIpcOpenEventHandle, phEvent, handle));
  share_event(admitted, bits_of(*phEvent));
  return CUDA_SUCCESS;
}

// The first form differs in name only.
CUresult cuIpcOpenMemHandle(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  VGPU_ADMIT(admitted);
  return forward(admitted, api::spec::cuIpcOpenMemHandle_v2, pdptr, handle, Flags);
}

}  // namespace by_hand
}  // namespace vgpu::guest
