// SPDX-License-Identifier: Apache-2.0
// A weak definition of every name the library exports. A family's file replaces the base symbols it implements with
// strong ones; what nobody implements says so. The per-thread flavours are complete here: they change the meaning of
// the NULL stream for the length of one call.
#include <atomic>
#include <cstdint>

#include "common/log.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/thread_state.h"
#include "softgpu/driver/unimplemented.h"

namespace vgpu::soft {
namespace {

std::atomic<uint64_t> refused_calls{0};

template <class... Arguments>
void ignore(Arguments&&...) {}

}  // namespace

CUresult refuse_unimplemented(const char* name, std::atomic<bool>& said) noexcept {
  refused_calls.fetch_add(1, std::memory_order_relaxed);
  if (!said.exchange(true, std::memory_order_relaxed)) VGPU_INFO("software GPU: %s is not implemented", name);
  return CUDA_ERROR_NOT_SUPPORTED;
}

uint64_t unimplemented_calls() noexcept { return refused_calls.load(std::memory_order_relaxed); }

}  // namespace vgpu::soft

#define VGPU_DEFAULT_0(symbol, base, params, args)                  \
  extern "C" __attribute__((weak)) CUresult CUDAAPI symbol params { \
    static std::atomic<bool> said{false};                           \
    vgpu::soft::ignore args;                                        \
    return vgpu::soft::refuse_unimplemented(#symbol, said);         \
  }
#define VGPU_DEFAULT_1(symbol, base, params, args)                  \
  extern "C" __attribute__((weak)) CUresult CUDAAPI symbol params { \
    const vgpu::soft::PerThreadDefaultStream scope;                 \
    return base args;                                               \
  }
#define VGPU_EXPORT(symbol, base, opcode, flavour, params, args) VGPU_DEFAULT_##flavour(symbol, base, params, args)
#include "cuda_exports.inc"
