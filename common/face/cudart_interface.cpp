// SPDX-License-Identifier: Apache-2.0
// Tables A and E: what cudart itself calls.
#include "common/face/driver_face.h"
#include "common/face/export_table.h"
#include "common/face/refusal.h"

#include <cstddef>
#include <cstdint>

namespace vgpu::face {
namespace {

// --- Table A.

// The handle only: cudart makes it current before it retains, and retaining here would create a context on every
// device in every process.
CUresult primary_context(CUcontext* out, CUdevice device) noexcept {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (!initialised()) return CUDA_ERROR_NOT_INITIALIZED;
  const CUcontext context = primary_context_handle(device);
  if (context == nullptr) return CUDA_ERROR_INVALID_DEVICE;
  *out = context;
  return CUDA_SUCCESS;
}

CUresult load_module(CUmodule* out, const void* image) noexcept { return cuModuleLoadData(out, image); }

// The last three would tie host variables to the module's; no known caller does.
CUresult load_module_bound(CUmodule* out, const void* image, const void* a, const void* b, uint32_t count) noexcept {
  if (a != nullptr || b != nullptr || count != 0) return CUDA_ERROR_NOT_SUPPORTED;
  return cuModuleLoadData(out, image);
}

CUresult load_container_bound(const void* image, CUmodule* out, const void* a, const void* b, uint32_t count) noexcept {
  return load_module_bound(out, image, a, b, count);
}

void note_unregistered(size_t) noexcept {}

// There is no compiler to load ahead of its first use.
CUresult preload_compiler() noexcept { return CUDA_SUCCESS; }

struct CudartInterface {
  size_t byte_count = sizeof(CudartInterface);
  decltype(&load_module) slot_1 = load_module;
  decltype(&primary_context) slot_2 = primary_context;
  std::array<Refusal, 3> slots_3_to_5 = kRefused<Table::cudart_interface, 3, 5>;
  decltype(&load_module_bound) slot_6 = load_module_bound;
  decltype(&note_unregistered) slot_7 = note_unregistered;
  decltype(&load_container_bound) slot_8 = load_container_bound;
  std::array<Refusal, 3> slots_9_to_11 = kRefused<Table::cudart_interface, 9, 11>;
  decltype(&preload_compiler) slot_12 = preload_compiler;
};
static_assert(sizeof(CudartInterface) == 0x68 && offsetof(CudartInterface, slot_12) == 12 * sizeof(void*));

constexpr CudartInterface kCudartInterface;

// --- Table E.

// 0 for an ordinary context, `inner` untouched; 1 for one made from a green context, `inner` is what it wraps. NULL
// asks about the current context.
CUresult context_kind(CUcontext context, uint32_t* kind, CUcontext* inner) noexcept {
  if (kind == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (context == nullptr) context = current_context();
  if (context == nullptr) return initialised() ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_NOT_INITIALIZED;
  if (!is_context(context)) return CUDA_ERROR_INVALID_CONTEXT;
  const CUcontext wrapped = wrapped_context(context);
  *kind = wrapped != nullptr ? 1 : 0;
  if (wrapped != nullptr && inner != nullptr) *inner = wrapped;
  return CUDA_SUCCESS;
}

uint32_t no_special_mode() noexcept { return 0; }

struct ContextChecks {
  size_t byte_count = sizeof(ContextChecks);
  std::array<Refusal, 1> slot_1 = kRefused<Table::context_checks, 1, 1>;
  decltype(&context_kind) slot_2 = context_kind;
  decltype(&no_special_mode) slot_3 = no_special_mode;
  std::array<Refusal, 11> slots_4_to_14 = kRefused<Table::context_checks, 4, 14>;
};
static_assert(sizeof(ContextChecks) == 0x78 && offsetof(ContextChecks, slot_3) == 3 * sizeof(void*));

constexpr ContextChecks kContextChecks;

}  // namespace

const void* cudart_interface_table() noexcept { return &kCudartInterface; }
const void* context_checks_table() noexcept { return &kContextChecks; }

}  // namespace vgpu::face
