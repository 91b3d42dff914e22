// SPDX-License-Identifier: Apache-2.0
// Modifiers of ld and st that say nothing about what is read or written (PTX ISA 9.7.9.1, 9.7.9.2, 9.7.9.8, 9.7.9.11):
// how strong the access is, and what caches should do, which a cache that always agrees with memory makes meaningless.
// Used while lowering.
#pragma once

#include <cstddef>

#include "softgpu/machine/opcodes.h"

namespace vgpu::soft::VGPU_ISA {

struct AccessModifiers {
  bool exists = false;  // as a combination
  bool strong = false;  // more than weak: a loop with it may be waiting for somebody
  bool policy = false;  // the instruction ends with a cache policy, which nothing looks at
  // What the combination needs.
  bool any_space = true;      // else: generic, global or shared memory
  bool global_only = false;   // generic or global memory
  bool named_global = false;  // .global
  bool wide_vector = false;   // a vector of 256 bits
};

// .volatile, .relaxed.scope, .acquire.scope or .release.scope, .mmio.relaxed.sys, or .weak, which may be left out.
inline bool take_strength(Choice& choice, bool load, AccessModifiers& modifiers) {
  static constexpr const char* kScopes[] = {"cta", "cluster", "gpu", "sys"};
  if (choice.take("volatile")) {
    modifiers.strong = true;
    return true;
  }
  if (choice.take("mmio")) {
    modifiers.strong = modifiers.global_only = true;
    return choice.take("relaxed") && choice.take("sys");
  }
  modifiers.strong = choice.take("relaxed") || choice.take(load ? "acquire" : "release");
  if (!modifiers.strong) {
    choice.take("weak");
    return true;
  }
  modifiers.any_space = false;
  return choice.take_one(kScopes) >= 0;
}

inline AccessModifiers take_access_modifiers(Choice& choice, bool load) {
  static constexpr const char* kLoadOperators[] = {"ca", "cg", "cs", "lu", "cv"};
  static constexpr const char* kStoreOperators[] = {"wb", "cg", "cs", "wt"};
  static constexpr const char* kPriorities[] = {"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first",
                                                "L1::evict_last", "L1::no_allocate"};
  static constexpr const char* kOuterPriorities[] = {"L2::evict_normal", "L2::evict_first", "L2::evict_last"};
  static constexpr const char* kPrefetches[] = {"L2::64B", "L2::128B", "L2::256B"};
  AccessModifiers modifiers;
  const bool volatile_or_mmio = choice.has("volatile") || choice.has("mmio");
  if (!take_strength(choice, load, modifiers)) return modifiers;
  const bool cached =
      !modifiers.strong && (load ? choice.take_one(kLoadOperators) : choice.take_one(kStoreOperators)) >= 0;
  if (!modifiers.strong && load && choice.take("nc")) modifiers.named_global = true;
  if (!volatile_or_mmio) {
    if (!cached && choice.take_one(kPriorities) >= 0) modifiers.global_only = true;
    if (!cached && choice.take_one(kOuterPriorities) >= 0) modifiers.global_only = modifiers.wide_vector = true;
    if (choice.take("L2::cache_hint")) modifiers.global_only = modifiers.policy = true;
  }
  if (load && choice.take_one(kPrefetches) >= 0) modifiers.global_only = true;
  modifiers.exists = true;
  return modifiers;
}

}  // namespace vgpu::soft::VGPU_ISA
