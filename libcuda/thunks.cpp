// SPDX-License-Identifier: Apache-2.0
// Every exported entry point of the driver API, one line of macro each. A described call goes by its row, a call
// written by hand to its function, everything else is refused. Weak, because common/face defines a few itself.
#include "common/log.h"
#include "libcuda/by_hand.h"
#include "libcuda/error_log.h"

namespace vgpu::guest {
namespace {

// What decides between the ways at compile time; a call that has no row is refused.
struct Way {
  const Call* call = nullptr;
  Path path = Path::refuse;
};
template <uint16_t opcode>
constexpr Way way_of = {};
#define API(fn, path, ...) \
  template <>              \
  constexpr Way way_of<api::opcode::fn> = {&api::spec::fn, Path::path};
#include "vgpu/api/all.api.h"
#undef API

constexpr bool is_written_by_hand(Path path) { return path == Path::local || path == Path::hand || path == Path::bulk; }

template <class... A>
CUresult invoke_typed(const Call* call, bool per_thread, A&... arguments) {
  void* argv[] = {static_cast<void*>(&arguments)..., nullptr};
  return invoke(*call, argv, per_thread);
}

// With VGPU_LOG=debug every call that fails is named.
[[gnu::cold, gnu::noinline]] void tell_failure(const char* name, CUresult result) {
  VGPU_DEBUG("%s: error %d", name, static_cast<int>(result));
  ErrorLog::get().note(name, result);
}

CUresult told(const char* name, CUresult result) {
  if (result != CUDA_SUCCESS) [[unlikely]]
    tell_failure(name, result);
  return result;
}

}  // namespace
}  // namespace vgpu::guest

// (a, b) becomes ", a, b", and () nothing.
#define VGPU_UNWRAP(...) __VA_OPT__(, ) __VA_ARGS__
#define VGPU_EXPORT(symbol, base, number, flavour, params, args)                          \
  extern "C" [[gnu::weak, gnu::visibility("default")]] CUresult symbol params {           \
    using namespace ::vgpu::guest;                                                        \
    constexpr Way vgpu_way = way_of<number>;                                              \
    if constexpr (vgpu_way.path == ::vgpu::Path::refuse) {                                \
      return told(#symbol, refuse(#symbol));                                              \
    } else if constexpr (is_written_by_hand(vgpu_way.path)) {                             \
      const FlavourScope vgpu_flavour(flavour != 0);                                      \
      if constexpr (vgpu_way.path == ::vgpu::Path::local) count_answered(thread_state()); \
      return told(#symbol, by_hand::base args);                                           \
    } else {                                                                              \
      return told(#symbol, invoke_typed(vgpu_way.call, flavour != 0 VGPU_UNWRAP args));   \
    }                                                                                     \
  }
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "cuda_exports.inc"
#undef VGPU_EXPORT
