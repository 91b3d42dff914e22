// SPDX-License-Identifier: Apache-2.0
// st.async and red.async (PTX ISA 9.7.9.12, 9.7.13.8): into shared memory of the cluster, reported to an mbarrier. See
// bulk_copy.h.
#include "softgpu/machine/ops/atomic_operations.h"
#include "softgpu/machine/ops/bulk_copy.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr uint8_t kWide = 8, kWideBarrier = 16, kElements = 7;  // aux

// Operands: address (2), values, mbarrier (2).
template <class Op, class T>
void store(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const unsigned elements = instruction.aux & kElements;
  const auto bytes = static_cast<uint32_t>(sizeof(T)) * elements;
  warp.synchronising = true;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(__builtin_ctz(rest));
    const uint64_t address = address_at(warp, instruction, 0, (instruction.aux & kWide) != 0, lane);
    std::byte* pointer = resolve(warp, instruction, lane, Space::shared, address, bytes, true);
    if (pointer == nullptr) return;
    for (unsigned k = 0; k < elements; ++k) {
      T* place = reinterpret_cast<T*>(pointer) + k;
      *place = Op::apply(*place, warp.row<T>(instruction.at(2 + k))[lane], T{});
    }
    const bool wide = (instruction.aux & kWideBarrier) != 0;
    const uint64_t barrier = address_at(warp, instruction, 2 + elements, wide, lane);
    if (!report_bytes(warp, instruction, barrier, lane, bytes)) return;
  }
}

bool take_completion(Choice& choice) {
  return choice.take("shared::cluster") && choice.take("mbarrier::complete_tx::bytes");
}

void declare(Choice& choice, Type type, unsigned elements) {
  auto aux = static_cast<uint8_t>(elements);
  if (declare_address(choice) == 64) aux |= kWide;
  choice.sources(type, elements);
  if (declare_address(choice) == 64) aux |= kWideBarrier;
  choice.set_aux(aux);
}

// st.async{.weak}.shared::cluster.mbarrier::complete_tx::bytes{.vec}.type [a], b, [mbarrier];
Handler choose_store(Choice& choice) {
  static constexpr const char* kVectors[] = {"v2", "v4"};
  if (!choice.take("async")) return nullptr;
  choice.take("weak");
  if (!take_completion(choice)) return nullptr;
  const int vector = choice.take_one(kVectors);
  const Type type = choice.take_type();
  const unsigned elements = vector < 0 ? 1 : 2u << vector;
  if (bits_of(type) * elements > 128) return nullptr;
  declare(choice, type, elements);
  switch (type) {
    case Type::b32:
    case Type::u32:
    case Type::s32:
    case Type::f32: return store<Exchange<uint32_t>, uint32_t>;
    case Type::b64:
    case Type::u64:
    case Type::s64:
    case Type::f64: return store<Exchange<uint64_t>, uint64_t>;
    default: return nullptr;
  }
}

Handler pick_order(bool maximum, Type type) {
  if (type == Type::u32) return maximum ? store<Max<uint32_t>, uint32_t> : store<Min<uint32_t>, uint32_t>;
  if (type == Type::s32) return maximum ? store<Max<int32_t>, int32_t> : store<Min<int32_t>, int32_t>;
  return nullptr;
}

Handler pick_reduction(int operation, Type type) {
  switch (operation) {
    case 0:
      if (type == Type::u32 || type == Type::s32) return store<Add<uint32_t>, uint32_t>;
      return type == Type::u64 || type == Type::s64 ? store<Add<uint64_t>, uint64_t> : nullptr;
    case 1: return pick_order(false, type);
    case 2: return pick_order(true, type);
    case 3: return type == Type::u32 ? store<Increment, uint32_t> : nullptr;
    case 4: return type == Type::u32 ? store<Decrement, uint32_t> : nullptr;
    case 5: return type == Type::b32 ? store<And<uint32_t>, uint32_t> : nullptr;
    case 6: return type == Type::b32 ? store<Or<uint32_t>, uint32_t> : nullptr;
    case 7: return type == Type::b32 ? store<Xor<uint32_t>, uint32_t> : nullptr;
    default: return nullptr;
  }
}

// red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.op.type [a], b, [mbarrier];
Handler choose_reduction(Choice& choice) {
  static constexpr const char* kOperations[] = {"add", "min", "max", "inc", "dec", "and", "or", "xor"};
  if (!choice.take("async") || !choice.take("relaxed") || !choice.take("cluster")) return nullptr;
  if (!take_completion(choice)) return nullptr;
  const int operation = choice.take_one(kOperations);
  const Type type = choice.take_type();
  declare(choice, type, 1);
  return pick_reduction(operation, type);
}

constexpr OpcodeRow kRows[] = {
    {"st", kAnyType, choose_store, "9.7.9.12"},
    {"red", kAnyType, choose_reduction, "9.7.13.8"},
};

}  // namespace
VGPU_SOFT_ROWS(async_store, kRows)
}  // namespace vgpu::soft::VGPU_ISA
