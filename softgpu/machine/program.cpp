// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/program.h"

#include <algorithm>

#include "softgpu/machine/program_state.h"

namespace vgpu::soft {

Program::Program(std::unique_ptr<ProgramState> state) : state_(std::move(state)) {}
Program::~Program() = default;

Result<std::unique_ptr<Program>, CompileError> Program::load(std::string_view ptx, Storage& storage,
                                                             const LoadOptions& options) {
  return load(std::span<const std::string_view>(&ptx, 1), storage, options);
}

Result<std::unique_ptr<Program>, CompileError> Program::load(std::span<const std::string_view> ptx, Storage& storage,
                                                             const LoadOptions& options) {
  auto state = std::make_unique<ProgramState>(storage);
  TRY(state->load(ptx, options));
  return std::unique_ptr<Program>(new Program(std::move(state)));
}

Result<const Kernel*, CompileError> Program::get_kernel(std::string_view name) { return state_->get_kernel(name); }

std::span<const std::string> Program::kernel_names() const { return state_->kernel_names(); }

std::span<const ModuleReference> Program::references() const { return state_->references(); }
std::span<const GlobalVariable> Program::globals() const { return state_->globals(); }

const GlobalVariable* Program::find_global(std::string_view name) const {
  const auto& globals = state_->globals();
  const auto found =
      std::find_if(globals.begin(), globals.end(), [&](const GlobalVariable& g) { return g.name == name; });
  return found == globals.end() ? nullptr : &*found;
}

}  // namespace vgpu::soft
