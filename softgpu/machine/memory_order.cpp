// SPDX-License-Identifier: Apache-2.0
// Fences (PTX ISA 9.7.13.5), hints about caches (9.7.9.15 and following), and addresses between spaces: cvta, isspacep,
// mapa and getctarank (9.7.9.20 to 9.7.9.25).
#include <atomic>

#include "softgpu/machine/cluster_address.h"
#include "softgpu/machine/opcodes.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft::portable {
namespace {

void fence(Warp& warp, const Instruction&, LaneMask) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  warp.synchronising = true;
}

void nothing(Warp&, const Instruction&, LaneMask) {}

bool take_scope(Choice& choice) {
  static constexpr const char* kScopes[] = {"cta", "cluster", "gpu", "sys"};
  return choice.take_one(kScopes) >= 0;
}

// .sync_restrict::shared::{cluster,cta}.cluster, for acquire and release.
bool take_restriction(Choice& choice) {
  if (choice.take("acquire")) return choice.take("sync_restrict::shared::cluster") && choice.take("cluster");
  return choice.take("release") && choice.take("sync_restrict::shared::cta") && choice.take("cluster");
}

// Proxies are ways to memory, and here there is but one; a fence between them orders what it names.
Handler choose_proxy_fence(Choice& choice) {
  static constexpr const char* kSpaces[] = {"global", "shared::cta", "shared::cluster"};
  if (choice.take("alias")) return fence;
  if (choice.take("async")) {
    choice.take_one(kSpaces);
    return fence;
  }
  if (choice.take("async::generic")) return take_restriction(choice) ? fence : nullptr;
  if (!choice.take("tensormap::generic")) return nullptr;
  if (choice.take("release")) return take_scope(choice) ? fence : nullptr;
  if (!choice.take("acquire") || !take_scope(choice)) return nullptr;
  choice.address();
  return choice.constant() == 128 ? fence : nullptr;
}

Handler choose_fence(Choice& choice) {
  static constexpr const char* kSemantics[] = {"sc", "acq_rel", "acquire", "release"};
  if (choice.take("proxy")) return choose_proxy_fence(choice);
  if (choice.take("mbarrier_init")) return choice.take("release") && choice.take("cluster") ? fence : nullptr;
  if (choice.has("sync_restrict::shared::cta") || choice.has("sync_restrict::shared::cluster")) {
    return take_restriction(choice) ? fence : nullptr;
  }
  choice.take_one(kSemantics);
  return take_scope(choice) ? fence : nullptr;
}

Handler choose_membar(Choice& choice) {
  static constexpr const char* kLevels[] = {"cta", "gl", "sys"};
  if (choice.take("proxy")) return choice.take("alias") ? fence : nullptr;
  return choice.take_one(kLevels) >= 0 ? fence : nullptr;
}

// Hints: an address that nobody goes to, so it cannot fault.
Handler choose_prefetch(Choice& choice) {
  static constexpr const char* kLevels[] = {"L1", "L2"};
  static constexpr const char* kPriorities[] = {"L2::evict_last", "L2::evict_normal"};
  const bool map_space = choice.take("const") || choice.take("param");
  const bool global = !map_space && choice.take("global"), local = !map_space && !global && choice.take("local");
  if (map_space || (!global && !local && choice.has("tensormap"))) {
    if (!choice.take("tensormap")) return nullptr;
  } else if (choice.take_one(kLevels) < 0 && (local || choice.take_one(kPriorities) < 0)) {
    return nullptr;
  }
  choice.address();
  return nothing;
}

Handler choose_prefetchu(Choice& choice) {
  if (!choice.take("L1")) return nullptr;
  choice.address();
  return nothing;
}

// applypriority and discard: of the 128 bytes at an address. What was there may be left there.
template <bool kDiscard>
Handler choose_line_hint(Choice& choice) {
  choice.take("global");
  if (!choice.take(kDiscard ? "L2" : "L2::evict_normal")) return nullptr;
  choice.address();
  return choice.constant() == 128 ? nothing : nullptr;
}

// setmaxnreg: a warp has all the registers that it names.
Handler choose_setmaxnreg(Choice& choice) {
  static constexpr const char* kWords[] = {"inc", "dec"};
  if (choice.take_one(kWords) < 0 || !choice.take("sync") || !choice.take("aligned")) return nullptr;
  if (choice.take_type() != Type::u32) return nullptr;
  const int64_t count = choice.constant();
  return count >= 24 && count <= 256 && count % 8 == 0 ? nothing : nullptr;
}

Handler choose_griddepcontrol(Choice& choice) {
  static constexpr const char* kWords[] = {"launch_dependents", "wait"};
  return choice.take_one(kWords) >= 0 ? nothing : nullptr;
}

// Generic = space address + immediate, and back. Null is no exception on a GPU, either.
template <class T>
void shift_address(Warp& warp, const Instruction& instruction, LaneMask mask) {
  T* d = warp.row<T>(instruction.operand[0]);
  const T* a = warp.row<T>(instruction.operand[1]);
  const T delta = static_cast<T>(instruction.immediate);
  for (unsigned i = 0; i < kLanes; ++i) d[i] = (mask >> i & 1u) != 0 ? static_cast<T>(a[i] + delta) : d[i];
}

bool take_window(Choice& choice, uint64_t& window) {
  static constexpr const char* kSpaces[] = {"global",          "const", "shared", "shared::cta",
                                            "shared::cluster", "local", "param",  "param::entry"};
  static constexpr uint64_t kWindows[] = {
      0, 0, kSharedWindow, kSharedWindow, kSharedWindow, kLocalWindow, kParameterWindow, kParameterWindow};
  const int space = choice.take_one(kSpaces);
  if (space < 0) return false;
  window = kWindows[space];
  return true;
}

Handler choose_cvta(Choice& choice) {
  const bool to = choice.take("to");
  uint64_t window = 0;
  if (!take_window(choice, window) || choice.take_type() != Type::u64) return nullptr;
  choice.result(Type::u64);
  choice.source(Type::u64);
  choice.set_immediate(static_cast<int64_t>(to ? 0 - window : window));
  return shift_address<uint64_t>;
}

// A shared-memory address of the own block, in its own place; those of the cluster lie above.
void is_in_block(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint64_t* a = warp.row<uint64_t>(instruction.operand[1]);
  LaneMask inside = 0;
  for (unsigned i = 0; i < kLanes; ++i) inside |= a[i] - kSharedWindow < kClusterStep ? LaneMask{1} << i : 0;
  warp.set_predicate(instruction.operand[0], inside, mask);
}

template <bool kGlobal>
void is_in_space(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint64_t* a = warp.row<uint64_t>(instruction.operand[1]);
  const uint64_t window = static_cast<uint64_t>(instruction.immediate);
  LaneMask inside = 0;
  for (unsigned i = 0; i < kLanes; ++i) {
    const bool in_window = a[i] - window < kWindowSize;
    const bool in_global = a[i] < (uint64_t{1} << 47);
    inside |= (kGlobal ? in_global : in_window) ? LaneMask{1} << i : 0;
  }
  warp.set_predicate(instruction.operand[0], inside, mask);
}

void is_nowhere(Warp& warp, const Instruction& instruction, LaneMask mask) {
  warp.set_predicate(instruction.operand[0], 0, mask);
}

Handler choose_isspacep(Choice& choice) {
  static constexpr const char* kGlobal[] = {"global"};
  static constexpr const char* kConst[] = {"const"};
  choice.result(Type::pred);
  choice.source(Type::u64);
  if (choice.take_one(kGlobal) >= 0) return is_in_space<true>;
  // Constants have global addresses here, and count as global memory.
  if (choice.take_one(kConst) >= 0) return is_nowhere;
  static constexpr const char* kBlock[] = {"shared", "shared::cta"};
  if (choice.take_one(kBlock) >= 0) return is_in_block;
  uint64_t window = 0;
  if (!take_window(choice, window)) return nullptr;
  choice.set_immediate(static_cast<int64_t>(window));
  return is_in_space<false>;
}

// .shared::cluster: addresses of the shared window; else generic ones, which lie one window farther.
int64_t take_origin(Choice& choice) {
  static constexpr const char* kSpaces[] = {"shared::cluster"};
  return choice.take_one(kSpaces) >= 0 ? 0 : static_cast<int64_t>(kSharedWindow);
}

template <class T>
void map_address(Warp& warp, const Instruction& instruction, LaneMask mask) {
  T* d = warp.row<T>(instruction.operand[0]);
  const T* a = warp.row<T>(instruction.operand[1]);
  const uint32_t* ranks = warp.row<uint32_t>(instruction.operand[2]);
  const T origin = static_cast<T>(instruction.immediate);
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(rest));
    d[i] = origin + shared_address_of(warp, ranks[i], static_cast<uint32_t>(a[i] - origin));
  }
}

Handler choose_mapa(Choice& choice) {
  choice.set_immediate(take_origin(choice));
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(Type::u32);
  if (type == Type::u32) return map_address<uint32_t>;
  return type == Type::u64 ? map_address<uint64_t> : nullptr;
}

template <class T>
void get_rank(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  const T* a = warp.row<T>(instruction.operand[1]);
  const T origin = static_cast<T>(instruction.immediate);
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(__builtin_ctz(rest));
    d[i] = rank_of_shared(warp, static_cast<uint32_t>(a[i] - origin));
  }
}

Handler choose_getctarank(Choice& choice) {
  choice.set_immediate(take_origin(choice));
  const Type type = choice.take_type();
  choice.result(Type::u32);
  choice.source(type);
  if (type == Type::u32) return get_rank<uint32_t>;
  return type == Type::u64 ? get_rank<uint64_t> : nullptr;
}

// A cache policy is a number that only cache hints take.
void no_policy(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint64_t* d = warp.row<uint64_t>(instruction.operand[0]);
  for (unsigned i = 0; i < kLanes; ++i) d[i] = (mask >> i & 1u) != 0 ? 0 : d[i];
}

Handler choose_createpolicy(Choice& choice) {
  static constexpr const char* kPrimary[] = {"L2::evict_last", "L2::evict_normal", "L2::evict_first",
                                             "L2::evict_unchanged"};
  static constexpr const char* kSecondary[] = {"L2::evict_first", "L2::evict_unchanged"};
  const bool convert = choice.take("cvt"), fractional = !convert && choice.take("fractional");
  if (convert) {
    if (!choice.take("L2")) return nullptr;
  } else {
    if (!fractional && !choice.take("range")) return nullptr;
    if (!fractional) choice.take("global");
    if (choice.take_first(kPrimary) < 0) return nullptr;
    choice.take_one(kSecondary);
  }
  if (choice.take_type() != Type::b64) return nullptr;
  choice.result(Type::b64);
  if (convert) {
    choice.source(Type::b64);
  } else if (!fractional) {
    choice.address();
    choice.source(Type::u32);
    choice.source(Type::u32);
  } else if (choice.more()) {
    choice.source(Type::f32);
  }
  return no_policy;
}

constexpr OpcodeRow kRows[] = {
    {"membar", kAnyType, choose_membar, "9.7.13.5"},
    {"fence", kAnyType, choose_fence, "9.7.13.5"},
    {"prefetch", kAnyType, choose_prefetch, "9.7.9.15"},
    {"prefetchu", kAnyType, choose_prefetchu, "9.7.9.15"},
    {"applypriority", kAnyType, choose_line_hint<false>, "9.7.9.16"},
    {"discard", kAnyType, choose_line_hint<true>, "9.7.9.17"},
    {"setmaxnreg", kAnyType, choose_setmaxnreg, "9.7.20.5"},
    {"createpolicy", kAnyType, choose_createpolicy, "9.7.9.19"},
    {"griddepcontrol", kAnyType, choose_griddepcontrol, "9.7.13.13"},
    {"cvta", kAnyType, choose_cvta, "9.7.9.20"},
    {"isspacep", kAnyType, choose_isspacep, "9.7.9.18"},
    {"mapa", kAnyType, choose_mapa, "9.7.9.24"},
    {"getctarank", kAnyType, choose_getctarank, "9.7.9.25"},
};

}  // namespace
VGPU_SOFT_ROWS(memory_order, kRows)
}  // namespace vgpu::soft::portable
