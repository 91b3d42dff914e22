// SPDX-License-Identifier: Apache-2.0
// Branches, calls and returns (PTX ISA 9.7.12), and what else has operands that are no rows.
#include <algorithm>

#include "softgpu/machine/call.h"
#include "softgpu/machine/control.h"
#include "softgpu/machine/lower.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft {

using ptx::Base;
using ptx::OperandKind;
using ptx::Word;

bool Lowerer::is_noreturn(const ptx::Instruction& instruction) const {
  if (instruction.opcode != Word::call_) return false;
  const auto operands = ast_.operands_of(instruction);
  if (operands.size() < 2 || operands[1].kind != OperandKind::symbol || operands[1].base != Base::module) return false;
  const LinkedSymbol symbol = linked_.module->symbols[operands[1].index];
  if (!symbol.is_function) return false;
  const LinkedFunction& callee = program_.function(symbol.number);
  return callee.function != nullptr &&
         (callee.function->directives.noreturn || callee.function->name == "__assertfail");
}

std::vector<bool> Lowerer::find_thread_ends() const {
  std::vector<bool> ends(ast_.instructions.size(), false);
  for (size_t i = 0; i < ends.size(); ++i) {
    const ptx::Instruction& instruction = ast_.instructions[i];
    if (instruction.guard != ptx::kNone) continue;
    const Word opcode = instruction.opcode;
    ends[i] = opcode == Word::exit_ || opcode == Word::trap_ || is_noreturn(instruction) ||
              (opcode == Word::ret_ && ast_.entry);
  }
  return ends;
}

// One list may serve many instructions, and each has its table: the text does not bound their targets.
Result<void, CompileError> Lowerer::check_jump_tables() const {
  constexpr size_t kMaxTargets = size_t{1} << 20;
  size_t targets = 0;
  for (const ptx::Instruction& instruction : ast_.instructions) {
    if (instruction.opcode != Word::brx_) continue;
    for (const ptx::Operand& operand : ast_.operands_of(instruction))
      if (operand.kind == OperandKind::branch_targets) targets += ast_.target_lists[operand.index].targets.size();
    if (targets > kMaxTargets) return error(instruction, "the function's jump tables have too many targets");
  }
  return {};
}

void Lowerer::mark_joins() {
  has_marker_.assign(ast_.instructions.size() + 1, false);
  code_index_.assign(ast_.instructions.size() + 1, 0);
  for (size_t i = 0; i < flow_.join.size(); ++i) {
    const ptx::Instruction& instruction = ast_.instructions[i];
    const bool parts = instruction.guard != ptx::kNone || instruction.opcode == Word::brx_;
    const uint32_t join = flow_.join[i];
    if (!parts || join == ControlFlow::kNowhere) continue;
    if (join == ControlFlow::kReturn) {
      return_marker_ = true;
    } else {
      has_marker_[join] = true;
    }
  }
}

void Lowerer::begin_block(uint32_t index) {
  code_index_[index] = out_.code.size();
  if (has_marker_[index]) emit_plain(make(reconverge, ast_.instructions[index]));
}

Result<bool, CompileError> Lowerer::lower_control(uint32_t index) {
  const ptx::Instruction& instruction = ast_.instructions[index];
  const auto simple = [&](Handler handler) {
    emit(make(handler, instruction), instruction);
    return true;
  };
  switch (instruction.opcode) {
    case Word::bra_: TRY(lower_branch(index)); return true;
    case Word::brx_: TRY(lower_jump_table(index)); return true;
    case Word::call_: TRY(lower_call(instruction)); return true;
    case Word::ret_: lower_return(index); return true;
    case Word::exit_: return simple(exit_lanes);
    case Word::trap_:
    case Word::brkpt_: return simple(trap);
    case Word::nanosleep_: return simple(relax);
    case Word::pmevent_: return simple(no_operation);
    case Word::alloca_:
    case Word::stacksave_:
    case Word::stackrestore_: TRY(lower_stack(instruction)); return true;
    default: return false;
  }
}

Result<void, CompileError> Lowerer::lower_branch(uint32_t index) {
  const ptx::Instruction& instruction = ast_.instructions[index];
  const auto operands = ast_.operands_of(instruction);
  if (operands.size() != 1 || operands[0].kind != OperandKind::label) return error(instruction, "bra needs a label");
  const uint32_t target = ast_.labels[operands[0].index].instruction;
  const bool back = target <= index;
  Patch patch{out_.code.size(), target, nullptr, flow_.join[index]};
  if (instruction.guard == ptx::kNone) {
    emit_plain(make(back ? jump_back : jump, instruction));
  } else {
    patch.branch = &out_.branches.emplace_back();
    emit(make(back ? branch_back : branch, instruction), instruction);
  }
  patches_.push_back(patch);
  return {};
}

Result<void, CompileError> Lowerer::lower_jump_table(uint32_t index) {
  const ptx::Instruction& instruction = ast_.instructions[index];
  const auto operands = ast_.operands_of(instruction);
  if (operands.size() != 2 || operands[1].kind != OperandKind::branch_targets) {
    return error(instruction, "brx.idx needs an index and a list of targets");
  }
  Instruction decoded = make(branch_indexed, instruction);
  decoded.operand[0] = TRY(source_operand(instruction, operands[0], Type::u32));
  decoded.count = 1;
  JumpTable& table = out_.tables.emplace_back();
  decoded.immediate = reinterpret_cast<int64_t>(&table);
  TablePatch patch{&table, {}, flow_.join[index]};
  for (uint32_t label : ast_.target_lists[operands[1].index].targets) {
    patch.targets.push_back(ast_.labels[label].instruction);
  }
  table_patches_.push_back(std::move(patch));
  emit(decoded, instruction);
  return {};
}

void Lowerer::lower_return(uint32_t index) {
  const ptx::Instruction& instruction = ast_.instructions[index];
  if (ast_.entry) {
    emit(make(exit_lanes, instruction), instruction);
    return;
  }
  Patch patch{out_.code.size(), ControlFlow::kReturn, nullptr, flow_.join[index]};
  if (instruction.guard == ptx::kNone) {
    if (index + 1 == ast_.instructions.size()) return;  // The return follows.
    emit_plain(make(jump, instruction));
  } else {
    patch.branch = &out_.branches.emplace_back();
    emit(make(branch, instruction), instruction);
  }
  patches_.push_back(patch);
}

Result<CallValue, CompileError> Lowerer::call_value(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                                    bool result, uint32_t size) {
  CallValue value;
  if (operand.kind == OperandKind::symbol && operand.base != Base::module) {
    const ptx::Variable& variable = operand.base == Base::variable    ? ast_.variables[operand.index]
                                    : operand.base == Base::parameter ? ast_.parameters[operand.index]
                                                                      : ast_.results[operand.index];
    if (variable.space == ptx::Space::param && (operand.base == Base::variable || !ast_.entry)) {
      value.slot = {layout_.offsets.at(&variable), static_cast<uint32_t>(variable.size)};
      return value;
    }
  }
  value.is_row = true;
  if (operand.kind == OperandKind::reg) {
    const unsigned bits = register_bits(ast_.registers[operand.index].type);
    value.is_predicate = bits == 1;
    value.width = std::max(1u, bits / 8);
    value.row = TRY(source_operand(instruction, operand,
                                   bits == 1    ? Type::pred
                                   : bits == 8  ? Type::b8
                                   : bits == 16 ? Type::b16
                                   : bits == 32 ? Type::b32
                                   : bits == 64 ? Type::b64
                                                : Type::b128));
    return value;
  }
  if (operand.kind == OperandKind::sink && result) {
    value.row = sink();
    value.width = std::min(size, 16u);
    return value;
  }
  if (result) return error(instruction, "a call's result must be a variable or a register");
  value.width = size <= 4 ? 4 : 8;
  value.row = TRY(source_operand(instruction, operand, size <= 4 ? Type::b32 : Type::b64));
  return value;
}

Result<void, CompileError> Lowerer::lower_call(const ptx::Instruction& instruction) {
  const auto operands = ast_.operands_of(instruction);
  if (operands.size() < 3) return error(instruction, "malformed call");
  CallSite& site = out_.calls.emplace_back();
  Instruction decoded = make(call_direct, instruction);
  const std::vector<ptx::Variable>* results = nullptr;
  const std::vector<ptx::Variable>* parameters = nullptr;
  if (operands[1].kind == OperandKind::symbol && operands[1].base == Base::module &&
      linked_.module->symbols[operands[1].index].is_function) {
    const uint32_t number = linked_.module->symbols[operands[1].index].number;
    const LinkedFunction& callee = program_.function(number);
    if (!callee.defined()) {
      return error(instruction, "unresolved extern function '" + std::string(callee.function->name) + "'");
    }
    if (callee.function->entry) return error(instruction, "call of a kernel");
    results = &callee.function->results;
    parameters = &callee.function->parameters;
    site.callee = kernel_.functions[number].get();
    if (callee.builtin != nullptr) decoded.handler = decoded.body = callee.builtin;
  } else {
    decoded.handler = decoded.body = call_indirect;
    decoded.operand[0] = TRY(source_operand(instruction, operands[1], Type::u64));
    decoded.count = 1;
    if (operands.size() > 3 && operands[3].kind == OperandKind::prototype) {
      results = &ast_.prototypes[operands[3].index].results;
      parameters = &ast_.prototypes[operands[3].index].parameters;
    }
  }
  const auto size_of = [](const std::vector<ptx::Variable>* list, size_t i) {
    return list != nullptr && i < list->size() ? static_cast<uint32_t>((*list)[i].size) : 8u;
  };
  const auto result_list = ast_.elements_of(operands[0]);
  const auto argument_list = ast_.elements_of(operands[2]);
  for (size_t i = 0; i < result_list.size(); ++i) {
    site.results.push_back(TRY(call_value(instruction, result_list[i], true, size_of(results, i))));
  }
  for (size_t i = 0; i < argument_list.size(); ++i) {
    site.arguments.push_back(TRY(call_value(instruction, argument_list[i], false, size_of(parameters, i))));
  }
  if (results != nullptr && (results->size() != site.results.size() || parameters->size() != site.arguments.size())) {
    return error(instruction, "call with the wrong number of arguments");
  }
  decoded.immediate = reinterpret_cast<int64_t>(&site);
  emit(decoded, instruction);
  // Lanes that did not take part in the call wait here.
  if (instruction.guard != ptx::kNone || site.callee == nullptr) emit_plain(make(reconverge, instruction));
  return {};
}

Result<void, CompileError> Lowerer::lower_stack(const ptx::Instruction& instruction) {
  const auto operands = ast_.operands_of(instruction);
  const bool allocate = instruction.opcode == Word::alloca_;
  if (operands.size() < (allocate ? 2u : 1u) || operands[0].kind != OperandKind::reg) {
    return error(instruction, "malformed stack instruction");
  }
  // alloca.u32 and friends work on 32-bit local addresses, which nothing emits for 64-bit code.
  const auto modifiers = ast_.modifiers_of(instruction);
  if (register_bits(ast_.registers[operands[0].index].type) != 64 || modifiers.size() != 1) {
    return error(instruction, "unsupported instruction '" + module_.instruction_text(ast_, instruction) + "'");
  }
  Instruction decoded = make(allocate                                 ? allocate_local
                             : instruction.opcode == Word::stacksave_ ? save_stack
                                                                      : restore_stack,
                             instruction);
  decoded.operand[0] = register_row(operands[0].index);
  decoded.count = 1;
  if (allocate) {
    decoded.operand[1] = TRY(source_operand(instruction, operands[1], Type::u64));
    decoded.count = 2;
    decoded.immediate = 8;
    if (operands.size() > 2) decoded.immediate = std::clamp<int64_t>(operands[2].signed_value(), 8, 4096);
  }
  emit(decoded, instruction);
  return {};
}

void Lowerer::enter_function() {
  if (ast_.entry) return;
  for (const ptx::Variable& variable : ast_.parameters) {
    out_.parameters.push_back({layout_.offsets.at(&variable), static_cast<uint32_t>(variable.size)});
    if (variable.register_id != ptx::kNone) load_register_parameter(variable);
    if (const auto copy = layout_.copies.find(&variable); copy != layout_.copies.end())
      copy_parameter(variable, copy->second);
  }
  for (const ptx::Variable& variable : ast_.results) {
    out_.results.push_back({layout_.offsets.at(&variable), static_cast<uint32_t>(variable.size)});
  }
}

namespace {

// `.reg` parameters and results travel through the parameter area; operand[0] is the row, `immediate` the offset.
template <bool kLoad>
void move_parameter(Warp& warp, const Instruction& instruction, LaneMask mask) {
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const unsigned lane = static_cast<unsigned>(__builtin_ctz(rest));
    std::byte* area = warp.area + size_t{warp.area_stride} * lane + instruction.immediate;
    if (instruction.aux == 0) {
      if (kLoad) warp.set_predicate(instruction.operand[0], *area != std::byte{0} ? kAllLanes : 0, LaneMask{1} << lane);
      else *area = std::byte{static_cast<uint8_t>(warp.predicate(instruction.operand[0]) >> lane & 1u)};
    } else {
      std::byte* element = warp.row<std::byte>(instruction.operand[0]) + size_t{instruction.aux} * lane;
      if (kLoad) std::copy_n(area, instruction.aux, element);
      else std::copy_n(element, instruction.aux, area);
    }
  }
}

// Schedule::call has checked that the function's local variables fit.
void copy_to_stack(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const ParameterCopy& copy = *reinterpret_cast<const ParameterCopy*>(instruction.immediate);
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const unsigned lane = static_cast<unsigned>(__builtin_ctz(rest));
    std::copy_n(warp.area + size_t{warp.area_stride} * lane + copy.slot.offset, copy.slot.size,
                warp.local + size_t{warp.local_stride} * lane + warp.local_base + copy.local_offset);
  }
}

}  // namespace

void Lowerer::copy_parameter(const ptx::Variable& variable, uint32_t local_offset) {
  ParameterCopy& copy = out_.copies.emplace_back();
  copy.slot = {layout_.offsets.at(&variable), static_cast<uint32_t>(variable.size)};
  copy.local_offset = local_offset;
  Instruction move;
  move.handler = move.body = copy_to_stack;
  move.line = variable.line;
  move.immediate = reinterpret_cast<int64_t>(&copy);
  emit_plain(move);
}

Instruction Lowerer::register_parameter(const ptx::Variable& variable, bool load) {
  Instruction move;
  move.handler = move.body = load ? move_parameter<true> : move_parameter<false>;
  move.line = variable.line;
  move.operand[0] = register_row(variable.register_id);
  move.count = 1;
  move.immediate = layout_.offsets.at(&variable);
  move.aux = static_cast<uint8_t>(register_bits(ast_.registers[variable.register_id].type) / 8);
  return move;
}

void Lowerer::load_register_parameter(const ptx::Variable& variable) { emit_plain(register_parameter(variable, true)); }

void Lowerer::append_return() {
  const size_t end = ast_.instructions.size();
  code_index_[end] = out_.code.size();
  Instruction last;
  last.line = ast_.instructions.empty() ? ast_.line : ast_.instructions.back().line;
  if (has_marker_[end] || return_marker_) {
    last.handler = last.body = reconverge;
    emit_plain(last);
  }
  return_index_ = code_index_[end];
  if (!ast_.entry) {
    for (const ptx::Variable& variable : ast_.results) {
      if (variable.register_id != ptx::kNone) emit_plain(register_parameter(variable, false));
    }
  }
  last.handler = last.body = ast_.entry ? exit_lanes : return_from_call;
  emit_plain(last);
}

const Instruction* Lowerer::code_at(uint32_t target) const {
  if (target == ControlFlow::kNowhere) return nullptr;
  if (target == ControlFlow::kReturn) return &out_.code[return_index_];
  return &out_.code[code_index_[target]];
}

void Lowerer::patch_targets() {
  out_.code.shrink_to_fit();  // Addresses of instructions are fixed from here on.
  for (const Patch& patch : patches_) {
    Instruction& instruction = out_.code[patch.code];
    if (patch.branch == nullptr) {
      instruction.immediate = reinterpret_cast<int64_t>(code_at(patch.target));
      continue;
    }
    *patch.branch = {code_at(patch.target), code_at(patch.join)};
    instruction.immediate = reinterpret_cast<int64_t>(patch.branch);
  }
  for (const TablePatch& patch : table_patches_) {
    for (uint32_t target : patch.targets) patch.table->targets.push_back(code_at(target));
    patch.table->join = code_at(patch.join);
  }
}

}  // namespace vgpu::soft
