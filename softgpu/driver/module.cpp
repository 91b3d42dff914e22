// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/module.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "common/log.h"
#include "softgpu/driver/library.h"
#include "softgpu/driver/module_storage.h"

namespace vgpu::soft {
namespace {

// A context's modules, so that they end with it.
class ContextModules final : public ContextState {
 public:
  static ContextModules& of(Context& context) {
    return static_cast<ContextModules&>(
        context.state(ContextSlot::modules,
                      [](Context&) -> std::unique_ptr<ContextState> { return std::make_unique<ContextModules>(); }));
  }
  ~ContextModules() override {
    for (const Ref<Module>& module : modules_) module->close(true);
  }
  void add(Ref<Module> module) {
    const std::lock_guard lock(mutex_);
    modules_.push_back(std::move(module));
  }
  void remove(const Module& module) {
    Ref<Module> last;  // released after the lock
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(modules_.begin(), modules_.end(), [&](const Ref<Module>& each) { return each.get() == &module; });
    if (found == modules_.end()) return;
    last = std::move(*found);
    modules_.erase(found);
  }

 private:
  std::mutex mutex_;  // guards modules_
  std::vector<Ref<Module>> modules_;
};

}  // namespace

bool lazy_loading() {
  static const bool lazy = [] {
    const char* const wanted = std::getenv("CUDA_MODULE_LOADING");
    return wanted == nullptr || std::strcmp(wanted, "EAGER") != 0;
  }();
  return lazy;
}

int compute_capability(const Device& device) { return device.limits().major * 10 + device.limits().minor; }

CodeTarget code_target(const Device& device) {
  return {compute_capability(device), device.limits().is_asked_for ? ptx::LaterCode::refused : ptx::LaterCode::runs};
}

CUresult report(const CompileError& error) {
  VGPU_WARN("software GPU: code refused: %s", error.log.c_str());
  return error.code;
}

Module::Module(Ref<LoadedCode> code, Library* library)
    : Object(Kind::module), code_(std::move(code)), library_(library) {
  const std::span<const std::string> names = function_names();
  functions_.resize(names.size());
  for (size_t i = 0; i < names.size(); ++i) index_.emplace(names[i], i);
}

Module::~Module() = default;

Result<Ref<Module>, CompileError> Module::load(Context& context, const CodeImage& code, Library* library) {
  std::unique_ptr<Storage> storage =
      library != nullptr ? library->storage_for(context) : std::make_unique<ModuleStorage>(context);
  Ref<LoadedCode> loaded = TRY(LoadedCode::load(context, code.texts(), std::move(storage)));
  if (!lazy_loading())
    for (const std::string& name : loaded->program().kernel_names()) TRY(loaded->program().get_kernel(name));
  Ref<Module> module(new Module(std::move(loaded), library));
  if (publish(module) == 0) return CompileError{CUDA_ERROR_OUT_OF_MEMORY, "too many objects"};
  ContextModules::of(context).add(module);
  return module;
}

CuResult<Ref<ContextFunction>> Module::get_function(std::string_view name) {
  const auto found = index_.find(name);
  if (found == index_.end()) return CUDA_ERROR_NOT_FOUND;
  return get_function(found->second);
}

CuResult<Ref<ContextFunction>> Module::get_function(size_t index) {
  const std::string& name = function_names()[index];
  Ref<FunctionSettings> inherited;
  if (library_) {
    const Ref<LibraryKernel> kernel = library_->find_listed(name);
    if (kernel) inherited = kernel->settings(context().device().ordinal());
  }
  const std::lock_guard lock(mutex_);
  if (closed_) return CUDA_ERROR_INVALID_HANDLE;
  if (!functions_[index]) {
    Ref<ContextFunction> function = make_ref<ContextFunction>(code_, name, handle_value(), std::move(inherited));
    if (publish(function) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    functions_[index] = std::move(function);
  }
  return functions_[index];
}

void Module::close(bool context_died) {
  std::vector<Ref<ContextFunction>> functions;
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
    functions = std::move(functions_);
  }
  retire(handle_value(), Kind::module);
  for (const Ref<ContextFunction>& function : functions)
    if (function) retire(function->handle_value(), Kind::function);
  if (context_died) code_->abandon();
  if (library_) library_->forget(context());
  if (!context_died && context().find_state(ContextSlot::modules) != nullptr)
    ContextModules::of(context()).remove(*this);
}

CuResult<Ref<Module>> find_module(CUmodule handle) {
  Ref<Module> module = find<Module>(handle);
  if (!module) return CUDA_ERROR_INVALID_HANDLE;
  return module;
}

}  // namespace vgpu::soft
