// SPDX-License-Identifier: Apache-2.0
// Memory pools in other processes: a pool's descriptor only says which pool it is; each pointer brings its memory
// along. An imported pool allocates nothing.
#include <fcntl.h>

#include "softgpu/driver/context.h"
#include "softgpu/driver/imported_memory.h"
#include "softgpu/driver/pool.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/share_handle.h"

using namespace vgpu::soft;
using vgpu::SoftShare;

namespace {

CUresult check_type(CUmemAllocationHandleType type) {
  return type == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace

extern "C" {

CUresult cuMemPoolExportToShareableHandle(void* handle_out, CUmemoryPool pool, CUmemAllocationHandleType handleType,
                                          unsigned long long flags) {
  const Ref<Pool> found = TRY(find_pool(pool));
  if (handle_out == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_type(handleType));
  if (found->identity() < 0 || found->is_imported()) return CUDA_ERROR_INVALID_VALUE;
  const int copy = fcntl(found->identity(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  *static_cast<int*>(handle_out) = copy;
  return CUDA_SUCCESS;
}

// For this handle type the pointer is the file descriptor itself.
CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool* pool_out, void* handle, CUmemAllocationHandleType handleType,
                                            unsigned long long flags) {
  TRY(current_process());
  if (pool_out == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(check_type(handleType));
  vgpu::UniqueFd copy(fcntl(static_cast<int>(reinterpret_cast<intptr_t>(handle)), F_DUPFD_CLOEXEC, 0));
  if (!copy) return CUDA_ERROR_INVALID_VALUE;
  *pool_out = handle_of(*TRY(Pool::import(std::move(copy))));
  return CUDA_SUCCESS;
}

CUresult cuMemPoolExportPointer(CUmemPoolPtrExportData* shareData_out, CUdeviceptr ptr) {
  TRY(current_process());
  if (shareData_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  AddressSpace& memory = Process::get()->memory();
  const std::optional<Region> region = memory.find(ptr);
  if (!region || region->kind != RegionKind::pool) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Pool> pool = TRY(find_pool(reinterpret_cast<CUmemoryPool>(region->pool)));
  if (pool->identity() < 0) return CUDA_ERROR_INVALID_VALUE;
  const SharedPages pages = TRY(memory.share(region->begin));
  SoftShare share = {};
  share.magic = vgpu::kSoftPointerMagic;
  share.object = pages.object;
  share.size = region->size;
  share.device = region->device;
  share.file = pages.file;
  share.pool = inode_of(pool->identity());
  write_share(*shareData_out, share);
  return CUDA_SUCCESS;
}

CUresult cuMemPoolImportPointer(CUdeviceptr* ptr_out, CUmemoryPool pool, CUmemPoolPtrExportData* shareData) {
  const Ref<Pool> found = TRY(find_pool(pool));
  Context* const context = TRY(current_context());
  if (ptr_out == nullptr || shareData == nullptr || !found->is_imported()) return CUDA_ERROR_INVALID_VALUE;
  const SoftShare share = read_share(*shareData);
  VGPU_CHECK(check_foreign(share, vgpu::kSoftPointerMagic, CUDA_ERROR_INVALID_VALUE));
  if (share.pool != inode_of(found->identity())) return CUDA_ERROR_INVALID_VALUE;
  vgpu::UniqueFd file = open_file_of(share);
  if (!file) return CUDA_ERROR_INVALID_VALUE;
  *ptr_out = TRY(open_imported(share.object, std::move(file), share.size, found->device().ordinal(), *context,
                               found->handle_value()));
  return CUDA_SUCCESS;
}

}  // extern "C"
