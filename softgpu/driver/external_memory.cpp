// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "External Resource Interoperability": memory. No other driver has memory of this device, so
// descriptors are those of cuMemExportToShareableHandle.
#include "softgpu/driver/external_memory.h"

#include "common/external_memory.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/imported_memory.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/thread_state.h"
#include "softgpu/driver/unimplemented.h"

using namespace vgpu::soft;

namespace {

CuResult<Ref<ExternalMemory>> find_external(CUexternalMemory handle) {
  TRY(current_context());
  Ref<ExternalMemory> memory = find<ExternalMemory>(handle);
  if (!memory) return CUDA_ERROR_INVALID_HANDLE;
  return memory;
}

}  // namespace

extern "C" {

// The descriptor is the driver's from then on.
CUresult cuImportExternalMemory(CUexternalMemory* extMem_out, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC* memHandleDesc) {
  TRY(current_context());
  if (extMem_out == nullptr || memHandleDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUresult status = vgpu::check_external_memory(*memHandleDesc);
  if (status == CUDA_ERROR_NOT_SUPPORTED) return VGPU_UNIMPLEMENTED("external memory of this type of handle");
  VGPU_CHECK(status);
  if (!is_memory_file(memHandleDesc->handle.fd)) return CUDA_ERROR_OPERATING_SYSTEM;
  if (!has_bytes(memHandleDesc->handle.fd, memHandleDesc->size)) return CUDA_ERROR_INVALID_VALUE;
  const Ref<ExternalMemory> made =
      make_ref<ExternalMemory>(vgpu::UniqueFd(memHandleDesc->handle.fd), memHandleDesc->size);
  if (publish(made) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *extMem_out = handle_of(*made);
  return CUDA_SUCCESS;
}

CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr* devPtr, CUexternalMemory extMem,
                                         const CUDA_EXTERNAL_MEMORY_BUFFER_DESC* bufferDesc) {
  Context* const context = TRY(current_context());
  if (devPtr == nullptr || bufferDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<ExternalMemory> memory = TRY(find_external(extMem));
  const auto [offset, size] = std::pair(bufferDesc->offset, bufferDesc->size);
  if (bufferDesc->flags != 0 || size == 0 || offset > memory->size() || size > memory->size() - offset)
    return CUDA_ERROR_INVALID_VALUE;
  *devPtr = TRY(map_external(memory->file().get(), offset, size, *context));
  return CUDA_SUCCESS;
}

CUresult cuDestroyExternalMemory(CUexternalMemory extMem) {
  const Ref<ExternalMemory> memory = TRY(find_external(extMem));
  retire(memory->handle_value(), Kind::external_memory);
  return CUDA_SUCCESS;
}

}  // extern "C"
