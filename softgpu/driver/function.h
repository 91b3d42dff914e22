// SPDX-License-Identifier: Apache-2.0
// Functions: what CUfunction and CUkernel stand for. A ContextFunction belongs to one context's copy of some code; a
// LibraryKernel (library.h) to no context, and becomes a ContextFunction where it is used. Both live in one handle
// space, so a launch takes either. Kernels are lowered on first use. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <climits>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "softgpu/driver/context.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/object.h"
#include "softgpu/machine/machine.h"
#include "softgpu/machine/program.h"

namespace vgpu::soft {

// What cuFuncSetAttribute or cuKernelSetAttribute changed.
class FunctionSettings final : public RefCounted {
 public:
  static constexpr int kUnset = INT_MIN;
  FunctionSettings();

  // kUnset unless it was set.
  int get(CUfunction_attribute attribute) const;
  // INVALID_VALUE for attributes that cannot be set, or not to this value; NOT_PERMITTED for a cluster size that the
  // code itself fixes.
  CUresult set(CUfunction_attribute attribute, int value, const Kernel& kernel, const DeviceLimits& limits);

 private:
  std::array<std::atomic<int>, CU_FUNC_ATTRIBUTE_MAX> values_;
};

// The value of any function attribute: what `own` says, else `inherited` (may be null), else what the code and the
// device say. INVALID_VALUE for an attribute that cuda.h does not know.
CuResult<int> function_attribute(CUfunction_attribute attribute, const Kernel& kernel, const Device& device,
                                 const FunctionSettings& own, const FunctionSettings* inherited);

// One context's copy of a program and its variables. Kept by the module and by everything that may still run it.
class LoadedCode final : public RefCounted {
 public:
  // `storage` is where the variables go. The errors are the program's.
  static Result<Ref<LoadedCode>, CompileError> load(Context& context, std::span<const std::string_view> texts,
                                                    std::unique_ptr<Storage> storage);
  ~LoadedCode() override;

  Context& context() const { return *context_; }
  Program& program() const { return *program_; }
  // The context died, and its memory with it: nothing in here may run any more.
  void abandon();
  bool abandoned() const { return abandoned_.load(std::memory_order_acquire); }

 private:
  class Variables;
  LoadedCode(Context& context, std::unique_ptr<Storage> storage);

  const Ref<Context> context_;
  std::atomic<bool> abandoned_{false};
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<Variables> variables_;  // what the program sees of storage_
  std::unique_ptr<Program> program_;
};

class Callable : public Object {
 public:
  using Handle = CUfunction;
  static constexpr Kind kKind = Kind::function;
  enum class Type : uint8_t { function, kernel };
  Type type() const { return type_; }

 protected:
  explicit Callable(Type type) : Object(Kind::function), type_(type) {}

 private:
  const Type type_;
};

// State of the launch calls before CUDA 4 (cuFuncSetBlockShape, cuParamSet*).
struct OldLaunchState {
  Dim3 block;
  unsigned shared_bytes = 0;
  size_t parameter_bytes = 0;
  std::vector<std::byte> parameters;
};

class ContextFunction final : public Callable {
 public:
  // `module` is the handle that cuFuncGetModule returns; `inherited` the settings of the library's kernel, or null.
  ContextFunction(Ref<LoadedCode> code, std::string name, uint64_t module, Ref<FunctionSettings> inherited);

  const std::string& name() const { return name_; }
  const Ref<LoadedCode>& code() const { return code_; }
  Context& context() const { return code_->context(); }
  CUmodule module() const { return (CUmodule)module_; }
  bool loaded() const { return kernel_.load(std::memory_order_acquire) != nullptr; }
  // Lowers on first use; the error (INVALID_PTX for an instruction that the machine lacks) is logged.
  CuResult<const Kernel*> kernel();

  CuResult<int> attribute(CUfunction_attribute attribute);
  CUresult set_attribute(CUfunction_attribute attribute, int value);
  // Runs with the state of the old launch calls locked.
  template <class F>
  auto with_old_state(F&& f) {
    const std::lock_guard lock(old_mutex_);
    if (!old_) old_ = std::make_unique<OldLaunchState>();
    return f(*old_);
  }

 private:
  const Ref<LoadedCode> code_;
  const std::string name_;
  const uint64_t module_;
  const Ref<FunctionSettings> inherited_;
  FunctionSettings own_;
  std::atomic<const Kernel*> kernel_{nullptr};
  std::mutex old_mutex_;  // guards old_
  std::unique_ptr<OldLaunchState> old_;
};

// A CUfunction that is one: INVALID_HANDLE for stale handles and, as with NVIDIA's driver, for a CUkernel.
CuResult<Ref<ContextFunction>> find_function(CUfunction handle);
// A CUfunction, or a CUkernel, which is then loaded into `context`: INVALID_HANDLE, or why it does not load.
CuResult<Ref<ContextFunction>> find_launchable(CUfunction handle, Context& context);

}  // namespace vgpu::soft
