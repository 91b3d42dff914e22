// SPDX-License-Identifier: Apache-2.0
// The exported functions of all rows but the local ones, which define themselves.
//
// SAFETY: all of NVML's parameters are integers or pointers. The platform's ABI passes each in a register of its own,
// so six words take the arguments of any of them; what lies in the registers beyond a call's own is never used.
#include "libcuda/nvml/library.h"

namespace vgpu::nvml {
namespace {

using Word = uint64_t;
static_assert(sizeof(Word) == sizeof(void*));

#define NVML(name, path, ...) constexpr Call row_of_##name = make_call<__VA_ARGS__>(#name, Path::path);
#include "vgpu/nvml/rows.h"

}  // namespace

#define VGPU_EXPORTED extern "C" __attribute__((visibility("default")))
#define VGPU_ENTRY_local(name)
#define VGPU_ENTRY_reading(name)                                                    \
  VGPU_EXPORTED nvmlReturn_t name(Word a, Word b, Word c, Word d, Word e, Word f) { \
    const Word argv[kMaxParams] = {a, b, c, d, e, f};                               \
    return invoke(row_of_##name, argv);                                             \
  }
#define VGPU_ENTRY_share VGPU_ENTRY_reading
#define VGPU_ENTRY_denied(name) \
  VGPU_EXPORTED nvmlReturn_t name(Word a) { return refuse(row_of_##name, a); }
#define VGPU_ENTRY_unsupported VGPU_ENTRY_denied
#define NVML(name, path, ...) VGPU_ENTRY_##path(name)
#include "vgpu/nvml/rows.h"

}  // namespace vgpu::nvml
