// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "softgpu/machine/choice_source.h"

namespace vgpu::soft {

using ptx::OperandKind;
using ptx::Word;

unsigned register_bits(ptx::Type type) {
  if (type == ptx::Type::pred) return 1;
  return ptx::size_of(type) * 8;
}

unsigned special_bits(Word word) {
  switch (word) {
    case Word::sr_is_explicit_cluster_: return 1;
    case Word::sr_gridid_:
    case Word::sr_clock64_:
    case Word::sr_pm_64_:
    case Word::sr_globaltimer_:
    case Word::sr_current_graph_exec_: return 64;
    default: return 32;
  }
}

Choice::Choice(const Source& source) : source_(source) {}

void Choice::restart() {
  taken_ = selectors_ = 0;
  cursor_ = 0;
  pair_half_ = mismatched_ = in_tuple_ = false;
  slot_count_ = 0;
  immediate_ = 0;
  aux_ = 0;
}

const char* Choice::opcode() const { return source_.opcode.c_str(); }

bool Choice::take(const char* modifier) {
  for (size_t i = 0; i < source_.modifiers.size() && i < 64; ++i) {
    if ((taken_ >> i & 1) == 0 && source_.modifiers[i] == modifier) {
      taken_ |= uint64_t{1} << i;
      return true;
    }
  }
  return false;
}

bool Choice::has(const char* modifier) const {
  for (size_t i = 0; i < source_.modifiers.size() && i < 64; ++i) {
    if ((taken_ >> i & 1) == 0 && source_.modifiers[i] == modifier) return true;
  }
  return false;
}

int Choice::take_one(const char* const* list, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    if (take(list[i])) return static_cast<int>(i);
  }
  return -1;
}

int Choice::take_first(const char* const* list, size_t count) {
  for (size_t i = 0; i < source_.modifiers.size() && i < 64; ++i) {
    if ((taken_ >> i & 1) != 0) continue;
    for (size_t k = 0; k < count; ++k) {
      if (source_.modifiers[i] != list[k]) continue;
      taken_ |= uint64_t{1} << i;
      return static_cast<int>(k);
    }
  }
  return -1;
}

Type Choice::take_type() {
  for (size_t i = 0; i < source_.modifiers.size() && i < 64; ++i) {
    if ((taken_ >> i & 1) != 0) continue;
    const Type type = type_of(source_.modifiers[i]);
    if (type == Type::none) continue;
    taken_ |= uint64_t{1} << i;
    return type;
  }
  return Type::none;
}

Type Choice::peek_type() const {
  for (size_t i = 0; i < source_.modifiers.size() && i < 64; ++i) {
    if ((taken_ >> i & 1) != 0) continue;
    const Type type = type_of(source_.modifiers[i]);
    if (type != Type::none) return type;
  }
  return Type::none;
}

const ptx::Operand* Choice::current() const {
  if (cursor_ >= source_.operands.size()) return nullptr;
  const ptx::Operand& operand = source_.operands[cursor_];
  if (in_tuple_) return &source_.function->elements_of(operand)[element_];
  if (operand.kind != OperandKind::pair) return &operand;
  return &source_.function->elements_of(operand)[pair_half_ ? 1 : 0];
}

void Choice::advance() {
  const ptx::Operand& operand = source_.operands[cursor_];
  if (in_tuple_ && ++element_ < operand.count) return;
  pair_half_ = operand.kind == OperandKind::pair && !pair_half_;
  in_tuple_ = false;
  if (!pair_half_) ++cursor_;
}

bool Choice::open() {
  const ptx::Operand* operand = current();
  if (operand == nullptr || operand->kind != OperandKind::tuple || operand->count == 0) return false;
  in_tuple_ = true;
  element_ = 0;
  return true;
}

bool Choice::more() const { return cursor_ < source_.operands.size(); }

Shape Choice::shape() const {
  if (!more()) return Shape::none;
  switch (source_.operands[cursor_].kind) {
    case OperandKind::none: return Shape::none;
    case OperandKind::reg:
      return source_.function->registers[source_.operands[cursor_].index].type == ptx::Type::pred
                 ? Shape::predicate_register
                 : Shape::reg;
    case OperandKind::special: return Shape::reg;
    case OperandKind::integer:
    case OperandKind::float32:
    case OperandKind::float64:
    case OperandKind::symbol: return Shape::immediate;
    case OperandKind::address: return Shape::address;
    case OperandKind::vector: return Shape::vector;
    case OperandKind::pair: return Shape::pair;
    case OperandKind::sink: return Shape::sink;
    case OperandKind::tuple:
    case OperandKind::label:
    case OperandKind::list:
    case OperandKind::prototype:
    case OperandKind::call_targets:
    case OperandKind::branch_targets: return Shape::other;
  }
  return Shape::other;
}

unsigned Choice::width() const {
  const ptx::Operand* operand = current();
  if (operand == nullptr) return 0;
  if (operand->kind == OperandKind::vector) {
    for (const ptx::Operand& element : source_.function->elements_of(*operand)) {
      if (element.kind == OperandKind::reg) return register_bits(source_.function->registers[element.index].type);
    }
    return 0;
  }
  if (operand->kind == OperandKind::reg) return register_bits(source_.function->registers[operand->index].type);
  if (operand->kind == OperandKind::special) return special_bits(operand->special);
  return 0;
}

unsigned Choice::elements() const {
  const ptx::Operand* operand = current();
  return operand != nullptr && operand->kind == OperandKind::vector ? operand->count : 1;
}

const char* Choice::selector() {
  const ptx::Operand* operand = current();
  if (operand == nullptr || operand->kind != OperandKind::reg || operand->selector == Word::none_) return "";
  selectors_ |= uint64_t{1} << (cursor_ & 63);
  // Listed words are string literals, so the view ends with a NUL. A text may have words of its own here.
  const char* text = ptx::known_word_text(operand->selector).data();
  return text == nullptr ? "unknown" : text;
}

void Choice::push(Slot::Role role, Type type, bool relaxed, const ptx::Operand* operand) {
  if (slot_count_ == kMaxSlots) {
    mismatched_ = true;
    return;
  }
  if (operand != nullptr && operand->kind == OperandKind::sink) operand = nullptr;
  Slot& slot = slots_[slot_count_++];
  slot = Slot{role, type, relaxed, operand, 0};
  if (!fits(slot)) mismatched_ = true;
}

bool Choice::fits(const Slot& slot) const {
  if (slot.operand == nullptr) return slot.role == Slot::Role::result;  // a source cannot be a sink
  const ptx::Operand& operand = *slot.operand;
  unsigned width = 0;
  switch (operand.kind) {
    case OperandKind::reg:
      width = register_bits(source_.function->registers[operand.index].type);
      if (operand.negated && (slot.role == Slot::Role::result || slot.type != Type::pred)) return false;
      if (operand.selector != Word::none_ && (selectors_ >> (cursor_ & 63) & 1) == 0) return false;
      break;
    case OperandKind::special: width = special_bits(operand.special); break;
    case OperandKind::integer:
    case OperandKind::float32:
    case OperandKind::float64: return slot.role == Slot::Role::source;
    case OperandKind::symbol: return slot.role == Slot::Role::source && bits_of(slot.type) >= 32;
    case OperandKind::none:
    case OperandKind::address:
    case OperandKind::tuple:
    case OperandKind::vector:
    case OperandKind::pair:
    case OperandKind::sink:
    case OperandKind::label:
    case OperandKind::list:
    case OperandKind::prototype:
    case OperandKind::call_targets:
    case OperandKind::branch_targets: return false;
  }
  if (slot.role == Slot::Role::result && operand.kind == OperandKind::special) return false;
  // Old PTX reads 32-bit special registers as u16.
  if (operand.kind == OperandKind::special && slot.type != Type::pred) return bits_of(slot.type) >= 16;
  if (width == bits_of(slot.type)) return true;
  return slot.relaxed && width > bits_of(slot.type) && slot.type != Type::pred;
}

void Choice::declare(Slot::Role role, Type type, bool relaxed) {
  const ptx::Operand* operand = current();
  if (operand == nullptr || type == Type::none) {
    mismatched_ = true;
    return;
  }
  if (operand->kind == OperandKind::vector) {
    // `{a}` stands for a.
    if (operand->count != 1) mismatched_ = true;
    push(role, type, relaxed, &source_.function->elements_of(*operand)[0]);
  } else {
    push(role, type, relaxed, operand);
  }
  advance();
}

void Choice::result(Type type) { declare(Slot::Role::result, type, false); }
void Choice::source(Type type) { declare(Slot::Role::source, type, false); }
void Choice::result_relaxed(Type type) { declare(Slot::Role::result, type, true); }
void Choice::source_relaxed(Type type) { declare(Slot::Role::source, type, true); }

bool Choice::second_result(Type type) {
  if (pair_half_) {
    declare(Slot::Role::result, type, false);
    return true;
  }
  push(Slot::Role::result, type, false, nullptr);
  return false;
}

void Choice::declare_many(Slot::Role role, Type type, unsigned count, bool relaxed) {
  const ptx::Operand* operand = current();
  if (operand == nullptr || operand->kind != OperandKind::vector) {
    if (count != 1) mismatched_ = true;
    declare(role, type, relaxed);
    return;
  }
  if (operand->count != count) mismatched_ = true;
  for (const ptx::Operand& element : source_.function->elements_of(*operand)) push(role, type, relaxed, &element);
  advance();
}

void Choice::results(Type type, unsigned count) { declare_many(Slot::Role::result, type, count, false); }
void Choice::sources(Type type, unsigned count) { declare_many(Slot::Role::source, type, count, false); }
void Choice::results_relaxed(Type type, unsigned count) { declare_many(Slot::Role::result, type, count, true); }
void Choice::sources_relaxed(Type type, unsigned count) { declare_many(Slot::Role::source, type, count, true); }

int64_t Choice::constant() {
  const ptx::Operand* operand = current();
  if (operand == nullptr || operand->kind != OperandKind::integer || pair_half_) {
    mismatched_ = true;
    return 0;
  }
  ++cursor_;
  return operand->signed_value();
}

void Choice::source_value(Type type, uint64_t value) {
  if (slot_count_ == kMaxSlots) {
    mismatched_ = true;
    return;
  }
  slots_[slot_count_++] = Slot{Slot::Role::value, type, false, nullptr, value};
}

void Choice::set_immediate(int64_t value) { immediate_ = value; }
void Choice::set_aux(uint8_t value) { aux_ = value; }

unsigned Choice::address() {
  const ptx::Operand* operand = current();
  if (operand == nullptr || operand->kind != OperandKind::address || slot_count_ == kMaxSlots) {
    mismatched_ = true;
    return 64;
  }
  unsigned width = 64;
  if (operand->base == ptx::Base::reg) width = register_bits(source_.function->registers[operand->index].type);
  if (width != 32 && width != 64) mismatched_ = true;
  // An absolute address is all offset; the base row then holds zeros.
  immediate_ = operand->signed_value();
  slots_[slot_count_++] = Slot{Slot::Role::address, width == 32 ? Type::u32 : Type::u64, false, operand, 0};
  ++cursor_;
  return width;
}

void Choice::coordinates(unsigned count) {
  const ptx::Operand* operand = current();
  if (operand != nullptr && operand->kind == OperandKind::vector) {
    if (operand->count < count || operand->count == 3 || operand->count > 4) mismatched_ = true;
    for (const ptx::Operand& element : source_.function->elements_of(*operand).first(std::min(count, operand->count))) {
      push(Slot::Role::source, Type::b32, false, &element);
    }
    advance();
    return;
  }
  // In a tuple a plain register looks like an address.
  if (count == 1 && operand != nullptr && operand->kind == OperandKind::address && operand->base == ptx::Base::reg &&
      operand->value == 0 && register_bits(source_.function->registers[operand->index].type) == 32 &&
      slot_count_ < kMaxSlots) {
    slots_[slot_count_++] = Slot{Slot::Role::address, Type::u32, false, operand, 0};
    advance();
    return;
  }
  if (count != 1) mismatched_ = true;
  declare(Slot::Role::source, Type::b32, false);
}

void Choice::handle() {
  const ptx::Operand* operand = current();
  if (operand == nullptr || operand->kind != OperandKind::address || operand->value != 0 || slot_count_ == kMaxSlots) {
    mismatched_ = true;
    return;
  }
  // A register, or a reference that the module declares.
  const bool good = operand->base == ptx::Base::reg
                        ? register_bits(source_.function->registers[operand->index].type) == 64
                        : operand->base == ptx::Base::module;
  if (!good) mismatched_ = true;
  slots_[slot_count_++] = Slot{Slot::Role::address, Type::u64, false, operand, 0};
  advance();
}

bool Choice::in_kernel() const { return source_.entry; }

bool Choice::names_kernel_parameter() const {
  const ptx::Operand* operand = current();
  return operand != nullptr && source_.entry && operand->base == ptx::Base::parameter;
}

bool Choice::address_in_register() const {
  const ptx::Operand* operand = current();
  return operand != nullptr && operand->kind == OperandKind::address && operand->base == ptx::Base::reg;
}

bool Choice::complete() const {
  const uint64_t all = source_.modifiers.size() >= 64 ? ~uint64_t{0} : (uint64_t{1} << source_.modifiers.size()) - 1;
  return !mismatched_ && !pair_half_ && taken_ == all && cursor_ == source_.operands.size();
}

}  // namespace vgpu::soft
