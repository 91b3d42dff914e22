// SPDX-License-Identifier: Apache-2.0
// A module: code loaded into one context, with handles for its functions. Lives until cuModuleUnload, the unloading of
// its library, or the death of the context; what still runs keeps the code itself alive. Any thread.
#pragma once

#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "softgpu/driver/code_image.h"
#include "softgpu/driver/function.h"

namespace vgpu::soft {

class Library;

class Module final : public Object {
 public:
  using Handle = CUmodule;
  static constexpr Kind kKind = Kind::module;

  // Loads the code into the context. `library` is null for cuModuleLoad*. With CUDA_MODULE_LOADING=EAGER all kernels
  // are lowered here, and one that cannot be makes the call fail.
  static Result<Ref<Module>, CompileError> load(Context& context, const CodeImage& code, Library* library);
  ~Module() override;

  Context& context() const { return code_->context(); }
  const Ref<LoadedCode>& code() const { return code_; }
  bool belongs_to_library() const { return static_cast<bool>(library_); }
  std::span<const std::string> function_names() const { return code_->program().kernel_names(); }
  // NOT_FOUND. Does not lower.
  CuResult<Ref<ContextFunction>> get_function(std::string_view name);
  CuResult<Ref<ContextFunction>> get_function(size_t index);

  // Takes back all handles. `context_died`: the memory of its variables goes with the context.
  void close(bool context_died);

 private:
  Module(Ref<LoadedCode> code, Library* library);

  const Ref<LoadedCode> code_;
  const Ref<Library> library_;  // the circle is broken when the library closes its modules
  std::unordered_map<std::string_view, size_t> index_;
  std::mutex mutex_;  // guards the two below
  std::vector<Ref<ContextFunction>> functions_;
  bool closed_ = false;
};

// A live module, or INVALID_HANDLE.
CuResult<Ref<Module>> find_module(CUmodule handle);
// Logs why code was refused, and returns the code of the error.
CUresult report(const CompileError& error);
// CUDA_MODULE_LOADING: true unless it says EAGER.
bool lazy_loading();
// As 75.
int compute_capability(const Device& device);
// What code is chosen for: that capability, and later ones where nobody asked for this one.
CodeTarget code_target(const Device& device);

}  // namespace vgpu::soft
