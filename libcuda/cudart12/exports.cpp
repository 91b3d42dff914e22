// SPDX-License-Identifier: Apache-2.0
// Every exported function of libcudart.so.12: CUDA 12's own call of that name, or else CUDA 13's, or else a refusal.
// The toolkit's header declares some of these symbols with other parameters; so the functions here have names of their
// own, and the symbols by label.
#include "libcuda/cudart12/declarations.h"

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
#include "cudart12_refusals.inc"
#undef VGPU_REFUSAL
}  // namespace refused

// Look-up in a namespace goes on to those that it uses only if it finds nothing in itself.
namespace calls {
using namespace refused;
}

namespace twelve {
using namespace calls;

#define VGPU_SYMBOL(symbol) __asm__(#symbol) __attribute__((visibility("default")))

#define VGPU_RUNTIME(symbol, base, flavour, parameters, names) \
  cudaError_t export_##symbol parameters VGPU_SYMBOL(symbol);  \
  cudaError_t export_##symbol parameters {                     \
    const Flavour vgpu_scope(flavour);                         \
    return remember(twelve::base names);                       \
  }
#define VGPU_RUNTIME_VALUE(symbol, result, parameters, names) \
  result export_##symbol parameters VGPU_SYMBOL(symbol);      \
  result export_##symbol parameters { return values::symbol names; }
// GL, EGL and VDPAU: the toolkit declares them only beside headers of those. What they are passed does not matter here.
#define VGPU_RUNTIME_UNDECLARED(symbol)              \
  cudaError_t export_##symbol() VGPU_SYMBOL(symbol); \
  cudaError_t export_##symbol() { return remember(cudaErrorNotSupported); }

#include "cudart12_exports.inc"

}  // namespace twelve
}  // namespace vgpu::runtime
