// SPDX-License-Identifier: Apache-2.0
#include "host/worker/driver.h"

#include <dlfcn.h>

#include <utility>

namespace vgpu::host {
namespace {

template <class F>
struct Caller;
template <class... A>
struct Caller<CUresult(A...)> {
  template <size_t... I>
  static CUresult spread(void* function, void* const* argv, std::index_sequence<I...>) {
    // SAFETY: `function` is the symbol whose declared type is CUresult(A...), and argv[i] points to storage of A_i,
    // which the decoder allocated from the same row.
    return reinterpret_cast<CUresult (*)(A...)>(function)(*static_cast<std::remove_cv_t<A>*>(argv[I])...);
  }
  static CUresult run(void* function, void* const* argv) {
    return spread(function, argv, std::index_sequence_for<A...>());
  }
};

struct Symbol {
  const char* name;
  uint16_t opcode;
  CUresult (*run)(void*, void* const*);
};

// Only base symbols: the worker passes streams explicitly, so it needs no per-thread flavour.
constexpr Symbol kSymbols[] = {
#define VGPU_EXPORT_0(symbol, number) {#symbol, number, &Caller<decltype(::symbol)>::run},
#define VGPU_EXPORT_1(symbol, number)
#define VGPU_EXPORT(symbol, base, number, flavour, params, args) VGPU_EXPORT_##flavour(symbol, number)
#include "cuda_exports.inc"
#undef VGPU_EXPORT
#undef VGPU_EXPORT_0
#undef VGPU_EXPORT_1
};

using Run = CUresult (*)(void*, void* const*);
constexpr std::array<Run, kOpcodes> runners() {
  std::array<Run, kOpcodes> table = {};
  for (const Symbol& symbol : kSymbols) table[symbol.opcode] = symbol.run;
  return table;
}
constexpr std::array<Run, kOpcodes> kRunners = runners();

}  // namespace

Result<Driver> Driver::open(const std::string& path) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return Error{"cannot load the CUDA driver: " + std::string(::dlerror())};
  Driver driver;
  for (const Symbol& symbol : kSymbols) driver.entry_[symbol.opcode] = ::dlsym(library, symbol.name);
  if (!driver.has(api::opcode::cuInit)) return Error{path + " is not a CUDA driver: it has no cuInit"};
  const CUresult status = VGPU_DRIVER(driver, cuInit)(0u);
  if (status != CUDA_SUCCESS)
    return Error{path + ": cuInit failed with CUDA error " + std::to_string(static_cast<int>(status)) +
                 " (100 means that it sees no device)"};
  return driver;
}

Driver Driver::of(const std::array<void*, kOpcodes>& entries) {
  Driver driver;
  driver.entry_ = entries;
  return driver;
}

CUresult Driver::call(uint16_t opcode, void* const* argv) const { return kRunners[opcode](entry_[opcode], argv); }

}  // namespace vgpu::host
