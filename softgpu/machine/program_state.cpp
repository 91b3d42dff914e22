// SPDX-License-Identifier: Apache-2.0
// Loading and linking; kernel_build.cpp has the other half of ProgramState.
#include "softgpu/machine/program_state.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "softgpu/machine/call.h"
#include "softgpu/machine/windows.h"
#include "softgpu/ptx/parser.h"

namespace vgpu::soft {

using ptx::Linkage;
using ptx::Space;

namespace {

bool is_shared_between_modules(Linkage linkage) { return linkage != Linkage::internal; }

// A definition wins over a declaration, a strong one over a weak or common one.
int strength(Linkage linkage) {
  switch (linkage) {
    case Linkage::external: return 0;
    case Linkage::weak:
    case Linkage::common: return 1;
    case Linkage::internal:
    case Linkage::visible: return 2;
  }
  return 0;
}

int strength(const ptx::Function& function) { return function.defined ? std::max(1, strength(function.linkage)) : 0; }

bool is_reference(const ptx::Variable& variable) {
  return variable.type == ptx::Type::texref || variable.type == ptx::Type::surfref ||
         variable.type == ptx::Type::samplerref;
}

CompileError clash(std::string_view name) {
  return {CUDA_ERROR_INVALID_PTX, "multiple definitions of '" + std::string(name) + "'"};
}

}  // namespace

const Function* KernelCode::find_function(uint64_t address) const {
  const uint64_t offset = address - kFunctionWindow;
  if (offset % kFunctionStep != 0 || offset / kFunctionStep >= functions.size()) return nullptr;
  return functions[offset / kFunctionStep].get();
}

ProgramState::~ProgramState() {
  for (uint64_t address : allocations_) storage_.release(address);
  for (const ModuleReference& reference : references_) storage_.release_reference(reference.handle, reference.surface);
}

Result<void, CompileError> ProgramState::load(std::span<const std::string_view> texts, const LoadOptions& options) {
  for (std::string_view text : texts) TRY(parse(text, options));
  for (auto& module : modules_) TRY(link(*module));
  for (auto& module : modules_) link_aliases(*module);
  TRY(place_variables());
  return initialise_variables();
}

Result<void, CompileError> ProgramState::parse(std::string_view text, const LoadOptions& options) {
  auto parsed = ptx::parse(std::string(text));
  if (!parsed.ok()) return CompileError{parsed.error().code, parsed.error().message};
  auto module = std::make_unique<LinkedModule>();
  module->ast = std::move(parsed).value();
  const uint32_t target = module->ast->target_capability;
  if (target > static_cast<uint32_t>(options.newest_target)) {
    return CompileError{CUDA_ERROR_NO_BINARY_FOR_GPU,
                        "the PTX is for sm_" + std::to_string(target) + ", newer than this device"};
  }
  if (module->ast->address_size != 64) {
    return CompileError{CUDA_ERROR_INVALID_PTX, "32-bit addresses (.address_size 32) are not supported"};
  }
  modules_.push_back(std::move(module));
  return {};
}

uint32_t ProgramState::link_variable(LinkedModule& module, const ptx::Variable& variable) {
  variables_.push_back({&module, &variable, 0});
  return static_cast<uint32_t>(variables_.size() - 1);
}

uint32_t ProgramState::link_function(LinkedModule& module, const ptx::Function& function) {
  LinkedFunction linked{&module, &function, nullptr};
  if (!function.defined && !function.entry) linked.builtin = find_builtin(function.name);
  functions_.push_back(linked);
  return static_cast<uint32_t>(functions_.size() - 1);
}

Result<void, CompileError> ProgramState::link(LinkedModule& module) {
  const ptx::Module& ast = *module.ast;
  for (const ptx::Symbol& symbol : ast.symbols) {
    const bool is_function = symbol.kind == ptx::SymbolKind::function;
    const Linkage linkage = is_function ? ast.functions[symbol.index].linkage : ast.variables[symbol.index].linkage;
    const auto known = is_shared_between_modules(linkage) ? linked_names_.find(symbol.name) : linked_names_.end();
    LinkedSymbol linked{is_function, 0};
    if (known == linked_names_.end()) {
      linked.number = is_function ? link_function(module, ast.functions[symbol.index])
                                  : link_variable(module, ast.variables[symbol.index]);
      if (is_shared_between_modules(linkage)) linked_names_.emplace(symbol.name, linked);
      if (is_function && ast.functions[symbol.index].entry) {
        kernels_[symbol.name].function = linked.number;
        kernel_names_.emplace_back(symbol.name);
      }
      module.symbols.push_back(linked);
      continue;
    }
    linked = known->second;
    module.symbols.push_back(linked);
    if (linked.is_function != is_function) return clash(symbol.name);
    if (is_function) {
      LinkedFunction& old = functions_[linked.number];
      const ptx::Function& fresh = ast.functions[symbol.index];
      if (strength(*old.function) == 2 && strength(fresh) == 2) return clash(symbol.name);
      if (strength(fresh) > strength(*old.function)) old = {&module, &fresh, nullptr};
      if (fresh.entry && fresh.defined && kernels_.find(symbol.name) == kernels_.end()) {
        kernels_[symbol.name].function = linked.number;
        kernel_names_.emplace_back(symbol.name);
      }
    } else {
      LinkedVariable& old = variables_[linked.number];
      const ptx::Variable& fresh = ast.variables[symbol.index];
      if (strength(old.variable->linkage) == 2 && strength(fresh.linkage) == 2) return clash(symbol.name);
      if (strength(fresh.linkage) > strength(old.variable->linkage)) old = {&module, &fresh, 0};
    }
  }
  return {};
}

void ProgramState::link_aliases(LinkedModule& module) {
  for (const ptx::Alias& alias : module.ast->aliases) {
    const LinkedSymbol from = module.symbols[alias.symbol];
    const LinkedSymbol to = module.symbols[alias.aliasee];
    if (from.is_function && to.is_function) functions_[from.number] = functions_[to.number];
  }
}

// Samplers apart from textures, and declarations without a definition, get no handle: an instruction that uses one is
// refused by name.
void ProgramState::place_reference(LinkedVariable& linked) {
  const ptx::Variable& variable = *linked.variable;
  if (variable.type == ptx::Type::samplerref || variable.linkage == Linkage::external) return;
  const bool surface = variable.type == ptx::Type::surfref;
  const auto handle = storage_.make_reference(surface);
  if (!handle.ok()) return;
  linked.address = handle.value();
  references_.push_back({std::string(variable.name), linked.address, surface});
}

Result<void, CompileError> ProgramState::place_variables() {
  for (LinkedVariable& linked : variables_) {
    const ptx::Variable& variable = *linked.variable;
    if (variable.space != Space::global && variable.space != Space::constant) continue;
    if (is_reference(variable)) {
      place_reference(linked);
      continue;
    }
    if (variable.linkage == Linkage::external) {
      return CompileError{CUDA_ERROR_INVALID_PTX, "line " + std::to_string(variable.line) +
                                                      ": unresolved extern variable '" + std::string(variable.name) +
                                                      "'"};
    }
    const bool constant = variable.space == Space::constant;
    const auto kind = variable.managed ? Storage::Kind::managed
                      : constant       ? Storage::Kind::constant
                                       : Storage::Kind::global;
    const size_t size = std::max<size_t>(variable.size, 1);
    auto address = storage_.allocate(size, std::max<size_t>(variable.alignment, 1), kind);
    if (!address.ok())
      return CompileError{address.error(), "no memory for variable '" + std::string(variable.name) + "'"};
    linked.address = address.value();
    allocations_.push_back(linked.address);
    if (constant) constant_bytes_ += static_cast<uint32_t>(size);
    std::string name(variable.name);
    if (variable.number != ptx::kNone) name += std::to_string(variable.number);
    globals_.push_back({std::move(name), linked.address, variable.size, constant, variable.managed});
  }
  return {};
}

uint64_t ProgramState::relocated(const LinkedModule& module, const ptx::Relocation& relocation) const {
  const LinkedSymbol symbol = module.symbols[relocation.symbol];
  // Generic and global addresses are the same.
  uint64_t value =
      symbol.is_function ? kFunctionWindow + symbol.number * kFunctionStep : variables_[symbol.number].address;
  value += static_cast<uint64_t>(relocation.addend);
  if (relocation.mask != 0) value = (value & relocation.mask) >> std::countr_zero(relocation.mask);
  return value;
}

Result<void, CompileError> ProgramState::initialise_variables() {
  for (const LinkedVariable& linked : variables_) {
    if (linked.address == 0 || is_reference(*linked.variable)) continue;
    const ptx::Variable& variable = *linked.variable;
    // SAFETY: the driver returned this address for at least `size` bytes, and nobody else knows it yet.
    std::byte* bytes = reinterpret_cast<std::byte*>(linked.address);
    const size_t size = variable.size;
    const size_t given = std::min(variable.initial.size(), size);
    std::memset(bytes, 0, size);
    if (given != 0) std::memcpy(bytes, variable.initial.data(), given);
    for (const ptx::Relocation& relocation : variable.relocations) {
      if (relocation.size > 8 || relocation.offset + relocation.size > size) {
        return CompileError{CUDA_ERROR_INVALID_PTX, "line " + std::to_string(variable.line) + ": initialiser of '" +
                                                        std::string(variable.name) + "' is too long"};
      }
      const uint64_t value = relocated(*linked.module, relocation);
      std::memcpy(bytes + relocation.offset, &value, relocation.size);
    }
  }
  return {};
}

}  // namespace vgpu::soft
