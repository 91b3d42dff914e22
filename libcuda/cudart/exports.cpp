// SPDX-License-Identifier: Apache-2.0
// Every exported function: flavour, the call of the same name, the last error. A call without a row is refused, because
// name look-up in `calls` then goes on to `refused`.
#include "libcuda/cudart/rows.h"
#include "libcuda/cudart/thread_state.h"
#include "libcuda/cudart/values.h"

namespace vgpu::runtime {

namespace refused {
#define VGPU_REFUSAL(name, parameters) \
  template <class... Arguments>        \
  cudaError_t name(Arguments...) {     \
    return cudaErrorNotSupported;      \
  }
#include "cudart_refusals.inc"
#undef VGPU_REFUSAL
}  // namespace refused

namespace calls {
using namespace refused;
}

}  // namespace vgpu::runtime

#define VGPU_EXPORTED extern "C" __attribute__((visibility("default")))

#define VGPU_RUNTIME(symbol, base, flavour, parameters, names)        \
  VGPU_EXPORTED cudaError_t symbol parameters {                       \
    const vgpu::runtime::Flavour vgpu_scope(flavour);                 \
    return vgpu::runtime::remember(vgpu::runtime::calls::base names); \
  }
#define VGPU_RUNTIME_VALUE(symbol, result, parameters, names) \
  VGPU_EXPORTED result symbol parameters { return vgpu::runtime::values::symbol names; }
// GL, EGL and VDPAU: the toolkit declares them only beside headers of those. What they are passed does not matter here.
#define VGPU_RUNTIME_UNDECLARED(symbol) \
  VGPU_EXPORTED cudaError_t symbol() { return vgpu::runtime::remember(cudaErrorNotSupported); }

#include "cudart_exports.inc"
