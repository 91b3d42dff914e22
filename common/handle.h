// SPDX-License-Identifier: Apache-2.0
// How a handle is put together: kind, generation and index in 47 bits, so that it looks like a user-space pointer
// with 16-byte alignment and survives being stored in a CUstream. The worker mints handles; the guest only reads
// kind and index to find its own notes. A reused index has a new generation, so a stale handle never matches.
#pragma once

#include <cstdint>

#include "vgpu/call_row.h"

namespace vgpu::handle {

constexpr int kIndexShift = 4, kIndexBits = 22;
constexpr int kGenerationShift = kIndexShift + kIndexBits, kGenerationBits = 16;
constexpr int kKindShift = kGenerationShift + kGenerationBits, kKindBits = 5;
static_assert(kKindShift + kKindBits == 47 && static_cast<int>(Kind::count_) < (1 << kKindBits));

constexpr uint32_t kMaxIndex = (1u << kIndexBits) - 1;
constexpr uint32_t kMaxGeneration = (1u << kGenerationBits) - 1;

// Indexes below this are the primary contexts of device 0, 1, ...: both sides know them without asking.
constexpr uint32_t kPrimaryContexts = 64;

constexpr uint64_t make(Kind kind, uint32_t index, uint32_t generation) {
  return static_cast<uint64_t>(kind) << kKindShift | static_cast<uint64_t>(generation) << kGenerationShift |
         static_cast<uint64_t>(index) << kIndexShift;
}
constexpr Kind kind_of(uint64_t handle) {
  const uint64_t kind = handle >> kKindShift;
  return kind < static_cast<uint64_t>(Kind::count_) ? static_cast<Kind>(kind) : Kind::none;
}
constexpr uint32_t index_of(uint64_t handle) { return static_cast<uint32_t>(handle >> kIndexShift) & kMaxIndex; }
constexpr uint32_t generation_of(uint64_t handle) {
  return static_cast<uint32_t>(handle >> kGenerationShift) & kMaxGeneration;
}
constexpr uint64_t primary_context(int device) { return make(Kind::context, static_cast<uint32_t>(device), 1); }

}  // namespace vgpu::handle
