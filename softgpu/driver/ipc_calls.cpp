// SPDX-License-Identifier: Apache-2.0
// cuIpc*: memory and events of one process in another one. A handle says in which process and as which descriptor a
// memory file is open (common/soft_share.h).
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/imported_memory.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/share_handle.h"
#include "softgpu/driver/shared_event.h"

using namespace vgpu::soft;
using vgpu::SoftShare;

namespace {

// Kernels that may still use the memory are waited for: it would go under their feet.
void wait_for_users(Context& current) {
  Process& process = *Process::get();
  for (int ordinal = 0; ordinal < process.device_count(); ++ordinal)
    process.find_device(ordinal)->primary().wait_for_work();
  current.wait_for_work();
}

}  // namespace

extern "C" {

CUresult cuIpcGetMemHandle(CUipcMemHandle* pHandle, CUdeviceptr dptr) {
  TRY(current_context());
  if (pHandle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  AddressSpace& memory = Process::get()->memory();
  const std::optional<Region> region = memory.find(dptr);
  if (!region || region->kind != RegionKind::device) return CUDA_ERROR_INVALID_VALUE;
  const SharedPages pages = TRY(memory.share(region->begin));
  SoftShare share = {};
  share.magic = vgpu::kSoftMemoryMagic;
  share.object = pages.object;
  share.size = region->size;
  share.device = region->device;
  share.file = pages.file;
  write_share(*pHandle, share);
  return CUDA_SUCCESS;
}

CUresult cuIpcOpenMemHandle_v2(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  Context* const context = TRY(current_context());
  if (pdptr == nullptr || Flags != CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS) return CUDA_ERROR_INVALID_VALUE;
  const SoftShare share = read_share(handle);
  VGPU_CHECK(check_foreign(share, vgpu::kSoftMemoryMagic, CUDA_ERROR_INVALID_VALUE));
  if (Process::get()->find_device(share.device) == nullptr) return CUDA_ERROR_INVALID_VALUE;
  vgpu::UniqueFd file = open_file_of(share);
  if (!file) return CUDA_ERROR_INVALID_VALUE;
  *pdptr = TRY(open_imported(share.object, std::move(file), share.size, share.device, *context));
  return CUDA_SUCCESS;
}

CUresult cuIpcOpenMemHandle(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  return cuIpcOpenMemHandle_v2(pdptr, handle, Flags);
}

CUresult cuIpcCloseMemHandle(CUdeviceptr dptr) {
  Context* const context = TRY(current_context());
  const std::optional<Region> region = Process::get()->memory().find(dptr);
  if (!region || region->kind != RegionKind::imported || region->begin != dptr || region->pool != 0)
    return CUDA_ERROR_INVALID_VALUE;
  wait_for_users(*context);
  return close_imported(dptr, false) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuIpcGetEventHandle(CUipcEventHandle* pHandle, CUevent event) {
  TRY(current_process());
  if (pHandle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Event> found = find<Event>(event);
  if (!found || found->shared() == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  SoftShare share = {};
  share.magic = vgpu::kSoftEventMagic;
  share.object = found->shared()->object();
  share.device = found->context().device().ordinal();
  share.file = found->shared()->file();
  share.flags = found->flags();
  write_share(*pHandle, share);
  return CUDA_SUCCESS;
}

CUresult cuIpcOpenEventHandle(CUevent* phEvent, CUipcEventHandle handle) {
  Context* const context = TRY(current_context());
  if (phEvent == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const SoftShare share = read_share(handle);
  VGPU_CHECK(check_foreign(share, vgpu::kSoftEventMagic, CUDA_ERROR_INVALID_HANDLE));
  vgpu::UniqueFd file = open_file_of(share);
  if (!file) return CUDA_ERROR_INVALID_HANDLE;
  constexpr unsigned kFlags = CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING;
  const Ref<Event> event = make_ref<Event>(*context, kFlags, TRY(SharedEvent::open(std::move(file))));
  if (publish(event) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *phEvent = handle_of(*event);
  return CUDA_SUCCESS;
}

}  // extern "C"
