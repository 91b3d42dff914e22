// SPDX-License-Identifier: Apache-2.0
// Lowering: one function of the syntax tree into its decoded form. lower.cpp handles operands and ordinary
// instructions, lower_control.cpp branches and calls. Called by ProgramState when a kernel is first asked for; one
// Lowerer per function, one thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "softgpu/machine/choice_source.h"
#include "softgpu/machine/control_flow.h"
#include "softgpu/machine/function.h"
#include "softgpu/machine/program_state.h"

namespace vgpu::soft {

// Where the shared variables of a kernel lie, in bytes from the begin of shared memory.
using SharedLayout = std::unordered_map<const ptx::Variable*, uint32_t>;

// Offsets of a function's parameters, results, and what its body declares.
struct FunctionLayout {
  std::unordered_map<const ptx::Variable*, uint32_t>
      offsets;  // .param: in the area (kernel: in the launch's bytes); .local
  // Parameters of a device function whose address the code takes: their copies among the local variables. "The
  // parameter will be copied onto the stack and the address will be in the local state space" (PTX ISA 9.7.9.5, mov).
  std::unordered_map<const ptx::Variable*, uint32_t> copies;
  uint32_t parameter_bytes = 0;  // of a lane's area, or of the kernel's parameters
  uint32_t local_bytes = 0;
  bool too_large = false;  // for kMaxLocalBytes; then not everything has an offset
};
FunctionLayout lay_out(const ptx::Function& function);

class Lowerer {
 public:
  Lowerer(const ProgramState& program, KernelCode& code, const SharedLayout& shared, uint32_t number);

  // Fills code.functions[number], which exists. Functions it refers to exist too, perhaps not yet lowered.
  Result<void, CompileError> run();

 private:
  using Slot = Choice::Slot;

  // lower.cpp
  CompileError error(const ptx::Instruction& instruction, std::string text) const;
  Result<void, CompileError> lower(uint32_t index);
  Result<void, CompileError> lower_ordinary(const ptx::Instruction& instruction);
  Result<Operand, CompileError> slot_operand(const ptx::Instruction& instruction, const Slot& slot);
  Result<Operand, CompileError> source_operand(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                               Type type);
  Result<Operand, CompileError> address_operand(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                                Type type);
  Result<uint64_t, CompileError> immediate_bits(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                                Type type);
  Operand special_operand(const ptx::Operand& operand, Type type);
  // The address that a symbol stands for, in its own space. Local variables of device functions are known at run time
  // only.
  struct SymbolValue {
    bool known = true;
    uint64_t value = 0;
  };
  Result<SymbolValue, CompileError> symbol_value(const ptx::Instruction& instruction, const ptx::Operand& operand);
  Result<Operand, CompileError> symbol_operand(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                               Type type);
  // The copy's offset, where the operand is the address of a parameter that has one.
  std::optional<uint32_t> find_copy(const ptx::Operand& operand) const;
  bool addresses_copy(const ptx::Instruction& instruction) const;
  Operand local_address_operand(const ptx::Instruction& instruction, uint64_t offset, Type type);

  Operand register_row(uint32_t id);
  Operand temporary(unsigned bits);
  Operand constant_row(unsigned bits, uint64_t value);
  static Operand sink();

  Instruction make(Handler handler, const ptx::Instruction& source) const;
  void set_operands(Instruction& instruction, const std::vector<Operand>& operands);
  void emit(Instruction instruction, const ptx::Instruction& source);  // with the source's guard
  void emit_plain(const Instruction& instruction) { out_.code.push_back(instruction); }
  void finish();

  // lower_control.cpp
  std::vector<bool> find_thread_ends() const;
  bool is_noreturn(const ptx::Instruction& instruction) const;
  Result<bool, CompileError> lower_control(uint32_t index);  // false: not a control instruction
  Result<void, CompileError> lower_branch(uint32_t index);
  Result<void, CompileError> lower_jump_table(uint32_t index);
  Result<void, CompileError> lower_call(const ptx::Instruction& instruction);
  Result<void, CompileError> lower_stack(const ptx::Instruction& instruction);
  Result<CallValue, CompileError> call_value(const ptx::Instruction& instruction, const ptx::Operand& operand,
                                             bool result, uint32_t size);
  void lower_return(uint32_t index);
  void enter_function();
  void load_register_parameter(const ptx::Variable& variable);  // `.reg` parameters and results, old-style
  Instruction register_parameter(const ptx::Variable& variable, bool load);
  void copy_parameter(const ptx::Variable& variable, uint32_t local_offset);
  void append_return();
  Result<void, CompileError> check_jump_tables() const;
  void mark_joins();
  void begin_block(uint32_t index);
  void patch_targets();
  const Instruction* code_at(uint32_t target) const;

  const ProgramState& program_;
  KernelCode& kernel_;
  const SharedLayout& shared_;
  const LinkedFunction& linked_;
  const ptx::Function& ast_;
  const ptx::Module& module_;
  Function& out_;
  FunctionLayout layout_;
  ControlFlow flow_;

  // Rows.
  std::vector<uint32_t> register_offsets_;                // by id; UINT32_MAX: no row yet
  std::map<unsigned, std::vector<Operand>> temporaries_;  // by width; reused by each instruction
  std::map<unsigned, size_t> temporaries_used_;
  std::map<std::pair<unsigned, uint64_t>, uint32_t> constants_;  // (width, value) -> offset
  std::vector<std::byte> constant_bytes_;
  std::vector<std::pair<Instruction, const ptx::Instruction*>> after_;  // to emit behind the current instruction

  // Targets: indices of the syntax tree until the code is complete. An instruction index means the block's begin.
  struct Patch {
    size_t code;      // index of the instruction in out_.code
    uint32_t target;  // instruction of the syntax tree; ControlFlow::kReturn
    BranchTarget* branch = nullptr;
    uint32_t join = ControlFlow::kNowhere;
  };
  struct TablePatch {
    JumpTable* table;
    std::vector<uint32_t> targets;
    uint32_t join;
  };
  std::vector<Patch> patches_;
  std::vector<TablePatch> table_patches_;
  std::vector<bool> has_marker_;    // by instruction: lanes meet here
  std::vector<size_t> code_index_;  // by instruction
  bool return_marker_ = false;
  size_t return_index_ = 0;
};

}  // namespace vgpu::soft
