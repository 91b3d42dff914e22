// SPDX-License-Identifier: Apache-2.0
// Fences (PTX ISA 9.7.13.5), hints about caches (9.7.9.15 and following), and addresses between spaces: cvta, isspacep,
// mapa and getctarank for clusters of one block (9.7.9.20 to 9.7.9.25).
#include <atomic>

#include "softgpu/machine/opcodes.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft::portable {
namespace {

void fence(Warp& warp, const Instruction&, LaneMask) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  warp.synchronising = true;
}

void nothing(Warp&, const Instruction&, LaneMask) {}

void take_all(Choice& choice, const char* const* words, size_t count) {
  while (choice.take_one(words, count) >= 0) {
  }
}

Handler choose_fence(Choice& choice) {
  static constexpr const char* kWords[] = {"sc",
                                           "acq_rel",
                                           "acquire",
                                           "release",
                                           "sync_restrict::shared::cta",
                                           "sync_restrict::shared::cluster",
                                           "cta",
                                           "cluster",
                                           "gpu",
                                           "sys",
                                           "gl",
                                           "mbarrier_init",
                                           "proxy",
                                           "alias",
                                           "async",
                                           "async.global",
                                           "global",
                                           "shared::cta",
                                           "shared::cluster",
                                           "async::generic"};
  take_all(choice, kWords, std::size(kWords));
  return fence;
}

// prefetch, discard and the like: an address that is only looked at as a hint, and cannot fault.
Handler choose_hint(Choice& choice) {
  static constexpr const char* kWords[] = {
      "global", "local", "const", "param", "tensormap", "L1", "L2", "L2::evict_last", "L2::evict_normal", "L2::128B"};
  take_all(choice, kWords, std::size(kWords));
  choice.address();
  while (choice.more()) choice.constant();
  return nothing;
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
  uint64_t window = 0;
  if (!take_window(choice, window)) return nullptr;
  choice.set_immediate(static_cast<int64_t>(window));
  return is_in_space<false>;
}

// The only block of the cluster is the own one.
Handler choose_mapa(Choice& choice) {
  static constexpr const char* kSpaces[] = {"shared::cluster"};
  choice.take_one(kSpaces);
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(Type::u32);
  if (type == Type::u32) return shift_address<uint32_t>;
  return type == Type::u64 ? shift_address<uint64_t> : nullptr;
}

void rank_zero(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  for (unsigned i = 0; i < kLanes; ++i) d[i] = (mask >> i & 1u) != 0 ? 0 : d[i];
}

Handler choose_getctarank(Choice& choice) {
  static constexpr const char* kSpaces[] = {"shared::cluster"};
  choice.take_one(kSpaces);
  const Type type = choice.take_type();
  choice.result(Type::u32);
  choice.source(type);
  return rank_zero;
}

// A cache policy is a number that only cache hints take.
void no_policy(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint64_t* d = warp.row<uint64_t>(instruction.operand[0]);
  for (unsigned i = 0; i < kLanes; ++i) d[i] = (mask >> i & 1u) != 0 ? 0 : d[i];
}

Handler choose_createpolicy(Choice& choice) {
  static constexpr const char* kWords[] = {"L2::evict_last",
                                           "L2::evict_normal",
                                           "L2::evict_first",
                                           "L2::evict_unchanged",
                                           "L2::evict_last",
                                           "L2::evict_normal",
                                           "L2",
                                           "global"};
  const bool fractional = choice.take("fractional");
  const bool range = choice.take("range");
  const bool convert = choice.take("cvt");
  take_all(choice, kWords, std::size(kWords));
  if (choice.take_type() != Type::b64) return nullptr;
  choice.result(Type::b64);
  if (fractional && choice.more()) choice.source(Type::f32);
  if (convert) choice.source(Type::b64);
  if (range) {
    choice.address();
    choice.source(Type::u32);
    choice.source(Type::u32);
  }
  return fractional || range || convert ? no_policy : nullptr;
}

constexpr OpcodeRow kRows[] = {
    {"membar", kAnyType, choose_fence, "9.7.13.5"},
    {"fence", kAnyType, choose_fence, "9.7.13.5"},
    {"prefetch", kAnyType, choose_hint, "9.7.9.15"},
    {"prefetchu", kAnyType, choose_hint, "9.7.9.15"},
    {"applypriority", kAnyType, choose_hint, "9.7.9.16"},
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
