// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/lower.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "softgpu/machine/call.h"
#include "softgpu/machine/control.h"
#include "softgpu/machine/special.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft {

using ptx::Base;
using ptx::OperandKind;
using ptx::Word;

namespace {

uint32_t align_up(uint32_t value, uint32_t alignment) { return (value + alignment - 1) / alignment * alignment; }

// Behind what is there already. Nothing when a thread has no room for it; what there is then stays below the limit.
std::optional<uint32_t> place_behind(uint32_t& top, uint64_t size, uint32_t alignment) {
  const uint64_t begin = (uint64_t{top} + alignment - 1) / alignment * alignment;
  if (size > kMaxLocalBytes || begin > kMaxLocalBytes - size) return std::nullopt;
  top = static_cast<uint32_t>(begin + size);
  return static_cast<uint32_t>(begin);
}

uint32_t alignment_of(const ptx::Variable& variable) { return std::max<uint32_t>(variable.alignment, 1); }

unsigned component_of(Word selector) {
  switch (selector) {
    case Word::y_: return 1;
    case Word::z_: return 2;
    case Word::w_: return 3;
    default: return 0;
  }
}

// Where a device function's instructions have a parameter's address as a value; ld.param and calls name the parameter.
void place_copies(const ptx::Function& function, FunctionLayout& layout) {
  for (const ptx::Instruction& instruction : function.instructions) {
    if (instruction.opcode == Word::call_) continue;
    for (const ptx::Operand& operand : function.operands_of(instruction)) {
      if (operand.kind != OperandKind::symbol || operand.base != Base::parameter) continue;
      const ptx::Variable& variable = function.parameters[operand.index];
      if (variable.register_id != ptx::kNone || layout.copies.count(&variable) != 0) continue;
      const auto place = place_behind(layout.local_bytes, variable.size, alignment_of(variable));
      if (place) layout.copies[&variable] = *place;
      else layout.too_large = true;
    }
  }
}

bool is_float(Type type) { return type == Type::f32 || type == Type::f64 || type == Type::tf32; }
bool is_raw(Type type) { return type == Type::b32 || type == Type::b64; }

}  // namespace

FunctionLayout lay_out(const ptx::Function& function) {
  FunctionLayout layout;
  const auto place = [&](const ptx::Variable& variable, uint32_t& top) {
    const auto begin = place_behind(top, variable.size, alignment_of(variable));
    if (begin) layout.offsets[&variable] = *begin;
    else layout.too_large = true;
  };
  if (!function.entry) {
    for (const ptx::Variable& variable : function.results) place(variable, layout.parameter_bytes);
  }
  for (const ptx::Variable& variable : function.parameters) place(variable, layout.parameter_bytes);
  uint32_t own = function.entry ? 0 : layout.parameter_bytes;  // a kernel's area holds only what its calls need
  for (const ptx::Variable& variable : function.variables) {
    if (variable.space == ptx::Space::param) place(variable, own);
    if (variable.space == ptx::Space::local) place(variable, layout.local_bytes);
  }
  if (!function.entry) {
    layout.parameter_bytes = own;
    place_copies(function, layout);
  }
  layout.offsets[nullptr] = align_up(own, 16);
  layout.local_bytes = align_up(layout.local_bytes, 16);
  return layout;
}

Lowerer::Lowerer(const ProgramState& program, KernelCode& code, const SharedLayout& shared, uint32_t number)
    : program_(program),
      kernel_(code),
      shared_(shared),
      linked_(program.function(number)),
      ast_(*linked_.function),
      module_(*linked_.module->ast),
      out_(*code.functions[number]) {}

CompileError Lowerer::error(const ptx::Instruction& instruction, std::string text) const {
  return {CUDA_ERROR_INVALID_PTX, "line " + std::to_string(instruction.line) + ": " + std::move(text)};
}

Result<void, CompileError> Lowerer::run() {
  layout_ = lay_out(ast_);
  if (layout_.too_large) {
    return CompileError{CUDA_ERROR_INVALID_PTX, "'" + std::string(ast_.name) +
                                                    "' has parameters or local variables of more than " +
                                                    std::to_string(kMaxLocalBytes) + " bytes"};
  }
  out_.name = std::string(ast_.name);
  out_.parameter_stride = layout_.offsets[nullptr];
  out_.local_bytes = layout_.local_bytes;
  register_offsets_.assign(ast_.registers.size(), UINT32_MAX);
  TRY(check_jump_tables());
  flow_ = find_control_flow(ast_, find_thread_ends());
  mark_joins();
  enter_function();
  for (uint32_t i = 0; i < ast_.instructions.size(); ++i) TRY(lower(i));
  append_return();
  patch_targets();
  finish();
  return {};
}

Result<void, CompileError> Lowerer::lower(uint32_t index) {
  begin_block(index);
  for (auto& [width, used] : temporaries_used_) used = 0;
  after_.clear();
  if (TRY(lower_control(index))) return {};
  return lower_ordinary(ast_.instructions[index]);
}

Result<void, CompileError> Lowerer::lower_ordinary(const ptx::Instruction& instruction) {
  Choice::Source source;
  source.opcode = std::string(module_.word_text(instruction.opcode));
  const bool on_stack = addresses_copy(instruction);
  for (Word word : ast_.modifiers_of(instruction))
    source.modifiers.push_back(
        on_stack && (word == Word::param_ || word == Word::param__func_) ? "local" : module_.word_text(word));
  source.function = &ast_;
  source.operands = ast_.operands_of(instruction);
  source.entry = ast_.entry;
  Choice choice(source);
  bool mismatch = false;
  const Handler handler = choose_handler(source, choice, mismatch);
  if (handler == nullptr) {
    const std::string text = module_.instruction_text(ast_, instruction);
    return error(instruction, mismatch ? "operands do not fit instruction '" + text + "'"
                                       : "unsupported instruction '" + text + "'");
  }
  std::vector<Operand> operands;
  for (size_t i = 0; i < choice.slot_count(); ++i) operands.push_back(TRY(slot_operand(instruction, choice.slot(i))));
  Instruction decoded = make(handler, instruction);
  decoded.immediate = choice.immediate();
  decoded.aux = choice.aux();
  set_operands(decoded, operands);
  emit(decoded, instruction);
  for (const auto& [extra, from] : after_) emit(extra, *from);
  return {};
}

Result<Operand, CompileError> Lowerer::slot_operand(const ptx::Instruction& instruction, const Slot& slot) {
  switch (slot.role) {
    case Slot::Role::value: return constant_row(bits_of(slot.type), slot.value);
    case Slot::Role::address: return address_operand(instruction, *slot.operand, slot.type);
    case Slot::Role::source: return source_operand(instruction, *slot.operand, slot.type);
    case Slot::Role::result: break;
  }
  if (slot.operand == nullptr) return sink();
  const uint32_t id = slot.operand->index;
  const unsigned have = register_bits(ast_.registers[id].type);
  const unsigned want = bits_of(slot.type);
  if (have == want) return register_row(id);
  // A wider register gets the result extended.
  const Operand narrow = temporary(want);
  Instruction extend = make(resize(have, want, is_signed(slot.type)), instruction);
  if (extend.handler == nullptr) return error(instruction, "unsupported register width");
  extend.operand[0] = register_row(id);
  extend.operand[1] = narrow;
  extend.count = 2;
  after_.emplace_back(extend, &instruction);
  return narrow;
}

Operand Lowerer::special_operand(const ptx::Operand& operand, Type type) {
  const unsigned have = special_bits(operand.special);
  Operand row = sink();
  if (is_changing_special(operand.special)) {
    row = temporary(have);
    Instruction read;
    read.handler = read.body = read_special;
    read.operand[0] = row;
    read.immediate = static_cast<int64_t>(operand.special);
    read.count = 1;
    emit_plain(read);
  } else if (auto fixed = find_special_row(operand.special, component_of(operand.selector), operand.value)) {
    row = *fixed;
  }
  if (type == Type::pred || have == bits_of(type)) return row;
  const Operand resized = temporary(bits_of(type));
  Instruction cut;
  cut.handler = cut.body = resize(bits_of(type), have, false);
  cut.operand[0] = resized;
  cut.operand[1] = row;
  cut.count = 2;
  emit_plain(cut);
  return resized;
}

Result<Operand, CompileError> Lowerer::source_operand(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                                      Type type) {
  if (operand.kind == OperandKind::symbol) {
    if (const auto copy = find_copy(operand)) return local_address_operand(instruction, *copy + operand.value, type);
    return symbol_operand(instruction, operand, type);
  }
  if (operand.kind == OperandKind::special) {
    if (!is_changing_special(operand.special) &&
        !find_special_row(operand.special, component_of(operand.selector), operand.value)) {
      return error(instruction,
                   "unsupported special register '" + std::string(module_.word_text(operand.special)) + "'");
    }
    return special_operand(operand, type);
  }
  if (operand.kind != OperandKind::reg) {
    return constant_row(bits_of(type), TRY(immediate_bits(instruction, operand, type)));
  }
  const unsigned have = register_bits(ast_.registers[operand.index].type);
  const unsigned want = bits_of(type);
  if (operand.negated) {
    const Operand inverted = temporary(1);
    Instruction invert = make(invert_predicate, instruction);
    invert.operand[0] = inverted;
    invert.operand[1] = register_row(operand.index);
    invert.count = 2;
    emit_plain(invert);
    return inverted;
  }
  if (have == want) return register_row(operand.index);
  const Operand narrow = temporary(want);
  Instruction cut = make(resize(want, have, false), instruction);
  if (cut.handler == nullptr) return error(instruction, "unsupported register width");
  cut.operand[0] = narrow;
  cut.operand[1] = register_row(operand.index);
  cut.count = 2;
  emit_plain(cut);
  return narrow;
}

Result<uint64_t, CompileError> Lowerer::immediate_bits(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                                       Type type) {
  if (operand.kind == OperandKind::integer) {
    if (is_float(type)) return error(instruction, "an integer where a floating-point number is needed");
    if (type == Type::pred) return operand.value != 0 ? ~uint64_t{0} : 0;
    return operand.value;
  }
  const bool single = operand.kind == OperandKind::float32;
  if (!is_float(type) && !is_raw(type)) return error(instruction, "a floating-point number where an integer is needed");
  if (bits_of(type) == 32) {
    if (single) return operand.value;
    return uint64_t{std::bit_cast<uint32_t>(static_cast<float>(std::bit_cast<double>(operand.value)))};
  }
  if (!single) return operand.value;
  return std::bit_cast<uint64_t>(static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(operand.value))));
}

Result<Lowerer::SymbolValue, CompileError> Lowerer::symbol_value(const ptx::Instruction& instruction,
                                                                 const ptx::Operand& operand) {
  const ptx::Variable* variable = nullptr;
  switch (operand.base) {
    case Base::none:
    case Base::reg: return SymbolValue{true, 0};
    case Base::variable: variable = &ast_.variables[operand.index]; break;
    case Base::parameter: variable = &ast_.parameters[operand.index]; break;
    case Base::result: variable = &ast_.results[operand.index]; break;
    case Base::module: {
      const LinkedSymbol symbol = linked_.module->symbols[operand.index];
      if (symbol.is_function) return SymbolValue{true, kFunctionWindow + symbol.number * kFunctionStep};
      const LinkedVariable& linked = program_.variable(symbol.number);
      variable = linked.variable;
      if (variable->space == ptx::Space::shared) break;
      if (linked.address == 0) {
        return error(instruction, "unsupported variable '" + std::string(variable->name) + "'");
      }
      return SymbolValue{true, linked.address};
    }
  }
  if (variable->space == ptx::Space::shared) {
    const auto found = shared_.find(variable);
    if (found == shared_.end()) return error(instruction, "shared variable without a place");
    return SymbolValue{true, found->second};
  }
  if (variable->space == ptx::Space::local && !ast_.entry) return SymbolValue{false, layout_.offsets.at(variable)};
  const auto found = layout_.offsets.find(variable);
  if (found == layout_.offsets.end()) {
    return error(instruction, "unsupported variable '" + std::string(variable->name) + "'");
  }
  return SymbolValue{true, found->second};
}

Result<Operand, CompileError> Lowerer::symbol_operand(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                                      Type type) {
  const SymbolValue symbol = TRY(symbol_value(instruction, operand));
  const uint64_t value = symbol.value + (operand.kind == OperandKind::symbol ? operand.value : 0);
  if (symbol.known) return constant_row(bits_of(type), value);
  return local_address_operand(instruction, value, type);
}

std::optional<uint32_t> Lowerer::find_copy(const ptx::Operand& operand) const {
  if (operand.base != Base::parameter) return std::nullopt;
  const auto found = layout_.copies.find(&ast_.parameters[operand.index]);
  return found == layout_.copies.end() ? std::nullopt : std::optional(found->second);
}

// By name, or by an address that mov took: ptxas makes the same code of ld.param and ld.local then.
bool Lowerer::addresses_copy(const ptx::Instruction& instruction) const {
  if (layout_.copies.empty()) return false;
  const auto operands = ast_.operands_of(instruction);
  return std::any_of(operands.begin(), operands.end(), [this](const ptx::Operand& operand) {
    return operand.kind == OperandKind::address && (operand.base == Base::reg || find_copy(operand));
  });
}

Operand Lowerer::local_address_operand(const ptx::Instruction& instruction, uint64_t offset, Type type) {
  const Operand row = temporary(64);
  Instruction compute = make(local_address, instruction);
  compute.operand[0] = row;
  compute.immediate = static_cast<int64_t>(offset);
  compute.count = 1;
  emit_plain(compute);
  // The low half of a little-endian u64 row is not a u32 row.
  if (bits_of(type) == 64) return row;
  const Operand narrow = temporary(bits_of(type));
  Instruction cut = make(resize(bits_of(type), 64, false), instruction);
  cut.operand[0] = narrow;
  cut.operand[1] = row;
  cut.count = 2;
  emit_plain(cut);
  return narrow;
}

Result<Operand, CompileError> Lowerer::address_operand(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                                       Type type) {
  if (operand.base == Base::reg) return register_row(operand.index);
  if (const auto copy = find_copy(operand)) return local_address_operand(instruction, *copy, type);
  return symbol_operand(instruction, operand, type);
}

Operand Lowerer::sink() { return Operand::at(Operand::special, kSinkRow); }

Operand Lowerer::register_row(uint32_t id) {
  uint32_t& offset = register_offsets_[id];
  if (offset == UINT32_MAX) {
    const unsigned bits = register_bits(ast_.registers[id].type);
    const uint32_t bytes = bits == 1 ? 4 : std::max(bits, 8u) / 8 * kLanes;
    out_.frame_bytes = align_up(out_.frame_bytes, std::min<uint32_t>(bytes, 64));
    offset = out_.frame_bytes;
    out_.frame_bytes += bytes;
  }
  return Operand::at(Operand::frame, offset);
}

Operand Lowerer::temporary(unsigned bits) {
  auto& rows = temporaries_[bits];
  size_t& used = temporaries_used_[bits];
  if (used == rows.size()) {
    const uint32_t bytes = bits == 1 ? 4 : bits / 8 * kLanes;
    out_.frame_bytes = align_up(out_.frame_bytes, std::min<uint32_t>(bytes, 64));
    rows.push_back(Operand::at(Operand::frame, out_.frame_bytes));
    out_.frame_bytes += bytes;
  }
  return rows[used++];
}

Operand Lowerer::constant_row(unsigned bits, uint64_t value) {
  if (bits < 64 && bits > 1) value &= (uint64_t{1} << bits) - 1;
  if (bits == 1) value = value != 0 ? kAllLanes : 0;
  const auto [place, fresh] = constants_.try_emplace({bits, value}, 0);
  if (!fresh) return Operand::at(Operand::constant, place->second);
  const uint32_t element = bits == 1 ? 4 : bits / 8;
  const uint32_t count = bits == 1 ? 1 : kLanes;
  const uint32_t offset =
      align_up(static_cast<uint32_t>(constant_bytes_.size()), std::min<uint32_t>(element * count, 64));
  constant_bytes_.resize(offset + element * count);
  for (uint32_t i = 0; i < count; ++i) {
    std::memcpy(constant_bytes_.data() + offset + i * element, &value, std::min<uint32_t>(element, 8));
    // A 128-bit immediate extends its sign.
    if (element == 16 && static_cast<int64_t>(value) < 0) {
      std::memset(constant_bytes_.data() + offset + i * element + 8, 0xff, 8);
    }
  }
  place->second = offset;
  return Operand::at(Operand::constant, offset);
}

Instruction Lowerer::make(Handler handler, const ptx::Instruction& source) const {
  Instruction instruction;
  instruction.handler = instruction.body = handler;
  instruction.line = source.line;
  return instruction;
}

void Lowerer::set_operands(Instruction& instruction, const std::vector<Operand>& operands) {
  instruction.count = static_cast<uint16_t>(operands.size());
  for (size_t i = 0; i < operands.size() && i < kInlineOperands; ++i) instruction.operand[i] = operands[i];
  if (operands.size() <= kInlineOperands) return;
  auto& all = out_.wide.emplace_back(std::make_unique<Operand[]>(operands.size()));
  std::copy(operands.begin(), operands.end(), all.get());
  instruction.more = all.get();
}

void Lowerer::emit(Instruction instruction, const ptx::Instruction& source) {
  if (source.guard != ptx::kNone) {
    instruction.guard = register_row(source.guard);
    instruction.guard_negated = source.guard_negated;
    instruction.handler = guarded;
  }
  out_.code.push_back(instruction);
}

void Lowerer::finish() {
  out_.constants = RowMemory(constant_bytes_.size());
  if (!constant_bytes_.empty()) std::memcpy(out_.constants.data(), constant_bytes_.data(), constant_bytes_.size());
}

}  // namespace vgpu::soft
