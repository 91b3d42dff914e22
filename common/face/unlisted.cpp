// SPDX-License-Identifier: Apache-2.0
// What the real library exports though no header of the toolkit's declares it: doors for debuggers, and three calls
// that nobody describes. A program that looks them up finds them, of the same kind, and nothing behind them: the code
// that a debugger would stop runs on the host. They look at no argument, so they need no declaration of any.
#include <climits>
#include <cstdint>
#include <string_view>

#include "common/face/cuda_api.h"

namespace {

constexpr int kDebuggerUninitialised = 5;  // CUDBG_ERROR_UNINITIALIZED; CUDA Debugger API, General

constexpr int refusal_of(std::string_view name) {
  return name.starts_with("cudbg") ? kDebuggerUninitialised : CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace

// The data's sizes are nowhere described: a word is as large as any of those that have a documented meaning, a path as
// long as a path may be.
#define VGPU_UNLISTED_CALL(name)                        \
  extern "C" [[gnu::visibility("default")]] int name(); \
  extern "C" int name() { return refusal_of(#name); }
#define VGPU_UNLISTED_HOOK(name)                         \
  extern "C" [[gnu::visibility("default")]] void name(); \
  extern "C" void name() {}
#define VGPU_UNLISTED_WORD(name)                           \
  extern "C" [[gnu::visibility("default")]] uint64_t name; \
  uint64_t name = 0;
#define VGPU_UNLISTED_PATH(name)                                 \
  extern "C" [[gnu::visibility("default")]] char name[PATH_MAX]; \
  char name[PATH_MAX] = {};
#include "common/face/unlisted.inc"
