// SPDX-License-Identifier: Apache-2.0
// The half of ProgramState that makes kernels: what a kernel reaches, where its shared variables lie, its attributes.
#include <algorithm>

#include "softgpu/machine/call.h"
#include "softgpu/machine/lower.h"
#include "softgpu/machine/program_state.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft {

using ptx::Base;
using ptx::OperandKind;
using ptx::Space;

namespace {

// Of all functions that a kernel reaches, which is more than lives at the same time.
constexpr uint64_t kMaxStackBytes = 16 * uint64_t{kMaxLocalBytes};

class ReachFinder {
 public:
  ReachFinder(const ProgramState& program, uint32_t kernel)
      : program_(program), seen_(program.function_count(), false) {
    add(kernel);
  }

  Reach run() {
    for (size_t next = 0; next < reach_.functions.size(); ++next) scan(reach_.functions[next]);
    find_recursion();
    return std::move(reach_);
  }

 private:
  void add(uint32_t number) {
    if (seen_[number]) return;
    seen_[number] = true;
    reach_.functions.push_back(number);
  }

  void add_shared(const ptx::Variable& variable) {
    if (std::find(reach_.shared.begin(), reach_.shared.end(), &variable) == reach_.shared.end()) {
      reach_.shared.push_back(&variable);
    }
  }

  void scan(uint32_t number) {
    const LinkedFunction& linked = program_.function(number);
    if (linked.builtin != nullptr || !linked.function->defined) return;
    const ptx::Function& function = *linked.function;
    std::vector<uint32_t>& callees = calls_[number];
    for (const ptx::Operand& operand : function.operands) {
      if (operand.kind != OperandKind::symbol && operand.kind != OperandKind::address) continue;
      if (operand.base == Base::variable && function.variables[operand.index].space == Space::shared) {
        add_shared(function.variables[operand.index]);
      }
      if (operand.base != Base::module) continue;
      const LinkedSymbol symbol = linked.module->symbols[operand.index];
      if (symbol.is_function) {
        // A kernel whose address is taken, to be launched from the device, has code of its own.
        if (program_.function(symbol.number).function->entry) continue;
        add(symbol.number);
        callees.push_back(symbol.number);
      } else if (program_.variable(symbol.number).variable->space == Space::shared) {
        add_shared(*program_.variable(symbol.number).variable);
      }
    }
    for (const ptx::Instruction& instruction : function.instructions) {
      if (instruction.opcode == ptx::Word::alloca_) reach_.recursive = true;  // of unknown stack depth, too
      if (instruction.opcode != ptx::Word::call_ || instruction.operand_count < 2) continue;
      if (function.operands_of(instruction)[1].kind == OperandKind::reg) found_indirect_call();
    }
  }

  // An indirect call may reach every function whose address a variable holds, or any kernel may have put into memory.
  void found_indirect_call() {
    if (reach_.indirect_calls) return;
    reach_.indirect_calls = true;
    for (uint32_t number : program_.functions_with_addresses()) add(number);
  }

  void find_recursion() {
    std::unordered_map<uint32_t, int> state;  // 1: on the path, 2: done
    std::vector<std::pair<uint32_t, size_t>> path{{reach_.functions.front(), 0}};
    state[reach_.functions.front()] = 1;
    while (!path.empty()) {
      auto& [number, next] = path.back();
      if (next == calls_[number].size()) {
        state[number] = 2;
        path.pop_back();
        continue;
      }
      const uint32_t callee = calls_[number][next++];
      if (state[callee] == 1) reach_.recursive = true;
      if (state[callee] != 0) continue;
      state[callee] = 1;
      path.emplace_back(callee, 0);
    }
  }

  const ProgramState& program_;
  std::vector<bool> seen_;
  std::unordered_map<uint32_t, std::vector<uint32_t>> calls_;
  Reach reach_;
};

// The module's symbols that the function names other than to call them.
std::vector<uint32_t> find_taken_addresses(const ptx::Function& function) {
  std::vector<bool> called(function.operands.size(), false);
  for (const ptx::Instruction& instruction : function.instructions) {
    if (instruction.opcode == ptx::Word::call_ && instruction.operand_count > 1)
      called[instruction.first_operand + 1] = true;
  }
  std::vector<uint32_t> symbols;
  for (size_t i = 0; i < function.operands.size(); ++i) {
    const ptx::Operand& operand = function.operands[i];
    const bool names = operand.kind == OperandKind::symbol || operand.kind == OperandKind::address;
    if (names && operand.base == Base::module && !called[i]) symbols.push_back(operand.index);
  }
  return symbols;
}

uint32_t align_up(uint32_t value, uint32_t alignment) { return (value + alignment - 1) / alignment * alignment; }

// Variables without a size begin where the launch's dynamic shared memory does. They end before what a block has beside
// them.
Result<SharedLayout, CompileError> lay_out_shared(const Reach& reach, uint32_t& static_bytes, uint32_t& dynamic_begin) {
  SharedLayout layout;
  static_bytes = 0;
  uint32_t alignment = 16;
  for (const ptx::Variable* variable : reach.shared) {
    alignment = std::max(alignment, variable->alignment);
    if (variable->unsized) continue;
    static_bytes = align_up(static_bytes, std::max(variable->alignment, 1u));
    if (variable->size > kReservedShared || static_bytes > kReservedShared - variable->size)
      return CompileError{CUDA_ERROR_INVALID_PTX, "too much shared memory: '" + std::string(variable->name) +
                                                      "' would end behind " + std::to_string(kReservedShared) +
                                                      " bytes"};
    layout[variable] = static_bytes;
    static_bytes += static_cast<uint32_t>(variable->size);
  }
  dynamic_begin = align_up(static_bytes, alignment);
  for (const ptx::Variable* variable : reach.shared) {
    if (variable->unsized) layout[variable] = dynamic_begin;
  }
  return layout;
}

// 32-bit registers that the declarations would take if half of them lived at the same time, as nvcc's code does
// roughly.
uint32_t estimate_registers(const ptx::Function& function) {
  uint64_t words = 0;
  for (const ptx::Register& reg : function.registers) {
    if (reg.type != ptx::Type::pred) words += std::max<uint32_t>(1, ptx::size_of(reg.type) / 4);
  }
  uint32_t estimate = static_cast<uint32_t>(std::clamp<uint64_t>(16 + words / 4, 16, 255));
  const ptx::Directives& directives = function.directives;
  if (directives.maxnreg != 0) estimate = std::min(estimate, directives.maxnreg);
  const auto limit = [&](const uint32_t(&threads)[3]) {
    const uint64_t count = uint64_t{threads[0]} * threads[1] * threads[2];
    const uint64_t blocks = std::max(1u, directives.minnctapersm);
    if (count != 0)
      estimate = std::min(estimate, static_cast<uint32_t>(std::max<uint64_t>(16, 65536 / (count * blocks) / 8 * 8)));
  };
  limit(directives.maxntid);
  limit(directives.reqntid);
  // A block of the device's 1024 threads always fits, unless the program says that it launches fewer.
  if (directives.maxntid[0] == 0 && directives.reqntid[0] == 0 && directives.maxnreg == 0)
    estimate = std::min(estimate, 64u);
  return estimate;
}

}  // namespace

Reach find_reach(const ProgramState& program, uint32_t kernel) { return ReachFinder(program, kernel).run(); }

const std::vector<uint32_t>& ProgramState::functions_with_addresses() const {
  if (functions_with_addresses_) return *functions_with_addresses_;
  std::vector<uint32_t>& numbers = functions_with_addresses_.emplace();
  const auto add = [&](const LinkedModule& module, uint32_t symbol_index) {
    const LinkedSymbol symbol = module.symbols[symbol_index];
    if (!symbol.is_function) return;
    const LinkedFunction& linked = functions_[symbol.number];
    if (linked.defined() && !linked.function->entry) numbers.push_back(symbol.number);
  };
  for (const LinkedVariable& linked : variables_)
    for (const ptx::Relocation& relocation : linked.variable->relocations) add(*linked.module, relocation.symbol);
  for (const LinkedFunction& linked : functions_)
    for (uint32_t symbol : find_taken_addresses(*linked.function)) add(*linked.module, symbol);
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

Result<const Kernel*, CompileError> ProgramState::get_kernel(std::string_view name) {
  std::lock_guard lock(mutex_);
  const auto found = kernels_.find(name);
  if (found == kernels_.end()) {
    return CompileError{CUDA_ERROR_NOT_FOUND, "no kernel '" + std::string(name) + "'"};
  }
  KernelEntry& entry = found->second;
  if (entry.kernel == nullptr) TRY(build(entry));
  return static_cast<const Kernel*>(entry.kernel.get());
}

Result<const Kernel*, CompileError> ProgramState::get_kernel_at(uint64_t address) {
  const uint64_t number = (address - kFunctionWindow) / kFunctionStep;
  std::string_view name;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [known, entry] : kernels_)
      if (entry.function == number && (address - kFunctionWindow) % kFunctionStep == 0) name = known;
  }
  return get_kernel(name);
}

Result<void, CompileError> ProgramState::build(KernelEntry& entry) {
  const LinkedFunction& linked = functions_[entry.function];
  if (!linked.defined()) {
    return CompileError{CUDA_ERROR_INVALID_PTX, "kernel '" + std::string(linked.function->name) + "' has no body"};
  }
  const Reach reach = find_reach(*this, entry.function);
  auto code = std::make_unique<KernelCode>();
  code->program = this;
  code->functions.resize(functions_.size());
  for (uint32_t number : reach.functions) {
    code->functions[number] = std::make_unique<Function>();
    code->functions[number]->builtin = functions_[number].builtin;
  }
  uint32_t static_bytes = 0;
  const SharedLayout shared = TRY(lay_out_shared(reach, static_bytes, code->dynamic_shared_begin));
  uint64_t local = 0;
  for (uint32_t number : reach.functions) {
    if (functions_[number].builtin != nullptr || !functions_[number].function->defined) continue;
    TRY(Lowerer(*this, *code, shared, number).run());
    local += code->functions[number]->local_bytes + kCallStackBytes;
    if (local > kMaxStackBytes)
      return CompileError{CUDA_ERROR_INVALID_PTX, "the local variables of what '" + std::string(linked.function->name) +
                                                      "' calls take too much memory"};
  }
  auto kernel = std::make_unique<Kernel>();
  kernel->entry_ = code->functions[entry.function].get();
  kernel->code_ = code.get();
  // Calls of known depth use at most all the functions once.
  kernel->stack_bytes_ = static_cast<uint32_t>(local);
  kernel->needs_call_stack_ = reach.recursive || reach.indirect_calls;
  entry.code = std::move(code);
  entry.kernel = std::move(kernel);
  describe(entry, static_bytes, linked);
  return {};
}

void ProgramState::describe(KernelEntry& entry, uint32_t static_shared, const LinkedFunction& linked) {
  Kernel& kernel = *entry.kernel;
  const ptx::Function& function = *linked.function;
  const ptx::Module& module = *linked.module->ast;
  kernel.name_ = std::string(function.name);
  const FunctionLayout layout = lay_out(function);
  for (const ptx::Variable& parameter : function.parameters) {
    kernel.parameters_.push_back(
        {layout.offsets.at(&parameter), static_cast<uint32_t>(parameter.size), std::max(parameter.alignment, 1u)});
  }
  kernel.parameter_bytes_ = layout.parameter_bytes;
  Kernel::Attributes& attributes = kernel.attributes_;
  const ptx::Directives& directives = function.directives;
  attributes.registers = estimate_registers(function);
  attributes.static_shared_bytes = static_shared;
  attributes.constant_bytes = constant_bytes_;
  attributes.local_bytes = kernel.entry_->local_bytes;
  const auto product = [](const uint32_t(&threads)[3]) { return threads[0] * threads[1] * threads[2]; };
  if (product(directives.maxntid) != 0) attributes.max_threads_per_block = std::min(1024u, product(directives.maxntid));
  if (product(directives.reqntid) != 0) attributes.max_threads_per_block = std::min(1024u, product(directives.reqntid));
  std::copy_n(directives.reqntid, 3, attributes.required_threads);
  std::copy_n(directives.reqnctapercluster, 3, attributes.required_cluster);
  attributes.min_blocks_per_multiprocessor = directives.minnctapersm;
  attributes.ptx_version = module.version_major * 10 + module.version_minor;
  attributes.target = module.target_capability;
}

}  // namespace vgpu::soft
