// SPDX-License-Identifier: Apache-2.0
// Table D: context-local storage as runtimes see it.
#include "common/face/context_storage.h"
#include "common/face/driver_face.h"
#include "common/face/export_table.h"

namespace vgpu::face {
namespace {

// The context that a call is about, for the calls that may leave it to the calling thread.
CUresult choose_context(CUcontext& context) noexcept {
  if (context == nullptr) context = current_context();
  if (context != nullptr) return CUDA_SUCCESS;
  return initialised() ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_NOT_INITIALIZED;
}

CUresult put(CUcontext context, void* key, void* value, StorageDestructor destructor) noexcept {
  if (const CUresult result = choose_context(context); result != CUDA_SUCCESS) return result;
  if (!is_context(context)) return CUDA_ERROR_INVALID_CONTEXT;
  return put_storage(context, key, value, destructor) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult remove(CUcontext context, void* key) noexcept {
  if (const CUresult result = choose_context(context); result != CUDA_SUCCESS) return result;
  if (!is_context(context)) return CUDA_ERROR_INVALID_CONTEXT;
  return remove_storage(context, key) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult get(void** value, CUcontext context, void* key) noexcept {
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = choose_context(context); result != CUDA_SUCCESS) return result;
  // Only a living context has entries, so what is found needs no further check: this path is on every runtime call.
  if (const std::optional<void*> found = find_storage(context, key)) {
    *value = *found;
    return CUDA_SUCCESS;
  }
  return is_context(context) ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_CONTEXT;
}

// The one table without a size in front; a NULL ends it.
struct ContextStorageTable {
  decltype(&put) function_0 = put;
  decltype(&remove) function_1 = remove;
  decltype(&get) function_2 = get;
  const void* end = nullptr;
};

constexpr ContextStorageTable kContextStorage;

}  // namespace

void context_destroyed(CUcontext context) noexcept { destroy_storage(context); }

const void* context_storage_table() noexcept { return &kContextStorage; }

}  // namespace vgpu::face
