// SPDX-License-Identifier: Apache-2.0
// What Program::load builds: the parsed modules linked with each other, their variables in the driver's storage, and
// the code of the kernels that were asked for. Used by program.cpp, the lowering, and (kernel code only) by running
// blocks. get_kernel may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "softgpu/machine/function.h"
#include "softgpu/machine/program.h"
#include "softgpu/ptx/ast.h"

namespace vgpu::soft {

class ProgramState;

// The lowered functions of one kernel.
struct KernelCode {
  ProgramState* program = nullptr;                   // that this is a part of
  std::vector<std::unique_ptr<Function>> functions;  // by program-wide number; null: not reached
  uint32_t dynamic_shared_begin = 0;                 // bytes
  const Function* find_function(uint64_t address) const;
};

// A name of a module after linking: a variable or a function of the program.
struct LinkedSymbol {
  bool is_function = false;
  uint32_t number = 0;
};

struct LinkedModule {
  std::unique_ptr<ptx::Module> ast;
  std::vector<LinkedSymbol> symbols;  // by index into ast->symbols
};

struct LinkedVariable {
  const LinkedModule* module = nullptr;  // where it is defined
  const ptx::Variable* variable = nullptr;
  uint64_t address = 0;  // global and constant space; shared ones are placed per kernel; a reference's handle
};

struct LinkedFunction {
  const LinkedModule* module = nullptr;
  const ptx::Function* function = nullptr;
  Handler builtin = nullptr;  // the machine provides it
  bool defined() const { return builtin != nullptr || (function != nullptr && function->defined); }
};

class ProgramState {
 public:
  explicit ProgramState(Storage& storage) : storage_(storage) {}
  ~ProgramState();

  Result<void, CompileError> load(std::span<const std::string_view> texts, const LoadOptions& options);
  Result<const Kernel*, CompileError> get_kernel(std::string_view name);
  // The kernel that device code knows by this address; NOT_FOUND.
  Result<const Kernel*, CompileError> get_kernel_at(uint64_t address);

  const std::vector<std::string>& kernel_names() const { return kernel_names_; }
  const std::vector<GlobalVariable>& globals() const { return globals_; }
  const std::vector<ModuleReference>& references() const { return references_; }

  const LinkedVariable& variable(uint32_t number) const { return variables_[number]; }
  const LinkedFunction& function(uint32_t number) const { return functions_[number]; }
  size_t function_count() const { return functions_.size(); }
  // Whose address an initialiser holds or code takes. Under the mutex, as all that makes kernels is.
  const std::vector<uint32_t>& functions_with_addresses() const;

 private:
  struct KernelEntry {
    uint32_t function = 0;
    std::unique_ptr<Kernel> kernel;
    std::unique_ptr<KernelCode> code;
  };

  Result<void, CompileError> parse(std::string_view text, const LoadOptions& options);
  Result<void, CompileError> link(LinkedModule& module);
  uint32_t link_variable(LinkedModule& module, const ptx::Variable& variable);
  uint32_t link_function(LinkedModule& module, const ptx::Function& function);
  void link_aliases(LinkedModule& module);
  Result<void, CompileError> place_variables();
  void place_reference(LinkedVariable& linked);
  Result<void, CompileError> initialise_variables();
  uint64_t relocated(const LinkedModule& module, const ptx::Relocation& relocation) const;
  Result<void, CompileError> build(KernelEntry& entry);
  void describe(KernelEntry& entry, uint32_t static_shared, const LinkedFunction& function);

  Storage& storage_;
  std::vector<std::unique_ptr<LinkedModule>> modules_;
  std::vector<LinkedVariable> variables_;
  std::vector<LinkedFunction> functions_;
  std::unordered_map<std::string_view, LinkedSymbol> linked_names_;  // visible across modules
  std::vector<uint64_t> allocations_;
  std::vector<GlobalVariable> globals_;
  std::vector<ModuleReference> references_;
  std::vector<std::string> kernel_names_;
  uint32_t constant_bytes_ = 0;

  std::mutex mutex_;  // guards the entries behind kernels_ and what follows
  std::unordered_map<std::string_view, KernelEntry> kernels_;
  mutable std::optional<std::vector<uint32_t>> functions_with_addresses_;  // found when first asked for
};

// The functions that a kernel reaches and the shared variables they use, from the syntax tree alone.
struct Reach {
  std::vector<uint32_t> functions;           // the kernel first
  std::vector<const ptx::Variable*> shared;  // in the order of use
  bool indirect_calls = false;
  bool recursive = false;
};
Reach find_reach(const ProgramState& program, uint32_t kernel);

}  // namespace vgpu::soft
