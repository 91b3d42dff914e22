// SPDX-License-Identifier: Apache-2.0
// Any bytes as PTX text.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

#include "softgpu/ptx/parser.h"

namespace {

using namespace vgpu::soft::ptx;

[[noreturn]] void broken(const char* what) {
  std::fprintf(stderr, "the tree is inconsistent: %s\n", what);
  __builtin_trap();
}

void check_operand(const Module& module, const Function& function, const Operand& operand);

void check_base(const Module& module, const Function& function, const Operand& operand) {
  size_t limit = 1;
  switch (operand.base) {
    case Base::none: return;
    case Base::reg: limit = function.registers.size(); break;
    case Base::module: limit = module.symbols.size(); break;
    case Base::variable: limit = function.variables.size(); break;
    case Base::parameter: limit = function.parameters.size(); break;
    case Base::result: limit = function.results.size(); break;
  }
  if (operand.index >= limit) broken("a base does not exist");
}

void check_elements(const Module& module, const Function& function, const Operand& operand) {
  const size_t size = function.operands.size();
  if (operand.count > size || operand.index > size - operand.count) broken("elements lie outside the pool");
  for (const Operand& element : function.elements_of(operand)) check_operand(module, function, element);
}

void check_operand(const Module& module, const Function& function, const Operand& operand) {
  switch (operand.kind) {
    case OperandKind::none:
      if (operand.index != kNone) broken("a name was never settled");
      break;
    case OperandKind::reg:
      if (operand.index >= function.registers.size()) broken("a register does not exist");
      if (function.register_name(operand.index).empty()) broken("a register has no name");
      break;
    case OperandKind::label:
      if (operand.index >= function.labels.size()) broken("a label does not exist");
      break;
    case OperandKind::prototype:
      if (operand.index >= function.prototypes.size()) broken("a prototype does not exist");
      break;
    case OperandKind::call_targets:
    case OperandKind::branch_targets:
      if (operand.index >= function.target_lists.size()) broken("a list of targets does not exist");
      break;
    case OperandKind::symbol:
    case OperandKind::address: check_base(module, function, operand); break;
    case OperandKind::tuple:
    case OperandKind::vector:
    case OperandKind::pair:
    case OperandKind::list: check_elements(module, function, operand); break;
    case OperandKind::special:
    case OperandKind::integer:
    case OperandKind::float32:
    case OperandKind::float64:
    case OperandKind::sink: break;
  }
}

void check_function(const Module& module, const Function& function) {
  for (const Label& label : function.labels) {
    if (label.instruction > function.instructions.size()) broken("a label lies outside the function");
  }
  for (const TargetList& list : function.target_lists) {
    for (uint32_t target : list.targets) {
      if (target >= (list.calls ? module.symbols.size() : function.labels.size())) broken("a target does not exist");
    }
  }
  for (const Instruction& instruction : function.instructions) {
    if (instruction.guard != kNone && instruction.guard >= function.registers.size()) broken("no such guard");
    if (module.instruction_text(function, instruction).empty()) broken("an instruction has no text");
    if (instruction.opcode == Word::call_ && instruction.operand_count != 4) broken("a call without four operands");
    for (const Operand& operand : function.operands_of(instruction)) check_operand(module, function, operand);
  }
}

void check_module(const Module& module) {
  for (const Symbol& symbol : module.symbols) {
    const bool function = symbol.kind == SymbolKind::function;
    const size_t limit = function ? module.functions.size() : module.variables.size();
    if (symbol.index >= limit) broken("a symbol leads nowhere");
  }
  for (const Variable& variable : module.variables) {
    if (variable.initial.size() > variable.size) broken("more initial bytes than the variable has");
    for (const Relocation& relocation : variable.relocations) {
      if (relocation.symbol >= module.symbols.size()) broken("a relocation leads nowhere");
      if (relocation.offset + relocation.size > variable.initial.size()) broken("a relocation lies outside");
    }
  }
  for (const Function& function : module.functions) check_function(module, function);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto module = parse(std::string(reinterpret_cast<const char*>(data), size));
  if (module.ok()) check_module(*module.value());
  else if (module.error().message.empty()) broken("an error without a message");
  return 0;
}
