// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/function.h"

#include <algorithm>

#include "softgpu/driver/library.h"

namespace vgpu::soft {
namespace {

// Dynamic shared memory that needs no opting in shares 48 KiB with the static part.
int default_dynamic_shared(const Kernel& kernel, const DeviceLimits& limits) {
  return std::max(0, limits.shared_per_block - static_cast<int>(kernel.attributes().static_shared_bytes));
}

int max_threads_per_block(const Kernel& kernel, const DeviceLimits& limits) {
  const Kernel::Attributes& attributes = kernel.attributes();
  // A required block size is no maximum: NVIDIA's driver reports the device's limit for such kernels.
  if (attributes.required_threads[0] != 0) return limits.max_threads_per_block;
  const int by_registers = limits.registers_per_block / std::max(1, static_cast<int>(attributes.registers)) / 32 * 32;
  return std::min({static_cast<int>(attributes.max_threads_per_block), limits.max_threads_per_block, by_registers});
}

}  // namespace

FunctionSettings::FunctionSettings() {
  for (auto& value : values_) value.store(kUnset, std::memory_order_relaxed);
}

int FunctionSettings::get(CUfunction_attribute attribute) const {
  return values_[static_cast<size_t>(attribute)].load(std::memory_order_relaxed);
}

CUresult FunctionSettings::set(CUfunction_attribute attribute, int value, const Kernel& kernel,
                               const DeviceLimits& limits) {
  switch (static_cast<int>(attribute)) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: {
      const int most = limits.shared_per_block_optin - static_cast<int>(kernel.attributes().static_shared_bytes);
      if (value < 0 || value > most) return CUDA_ERROR_INVALID_VALUE;
      break;
    }
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
      break;
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
      if (kernel.attributes().required_cluster[0] != 0) return CUDA_ERROR_NOT_PERMITTED;
      if (value < 0) return CUDA_ERROR_INVALID_VALUE;
      break;
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED: break;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
      if (value < CU_CLUSTER_SCHEDULING_POLICY_DEFAULT || value > CU_CLUSTER_SCHEDULING_POLICY_LOAD_BALANCING)
        return CUDA_ERROR_INVALID_VALUE;
      break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  values_[static_cast<size_t>(attribute)].store(value, std::memory_order_relaxed);
  return CUDA_SUCCESS;
}

CuResult<int> function_attribute(CUfunction_attribute attribute, const Kernel& kernel, const Device& device,
                                 const FunctionSettings& own, const FunctionSettings* inherited) {
  if (attribute < 0 || attribute >= CU_FUNC_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
  if (const int value = own.get(attribute); value != FunctionSettings::kUnset) return value;
  if (inherited != nullptr)
    if (const int value = inherited->get(attribute); value != FunctionSettings::kUnset) return value;
  const Kernel::Attributes& code = kernel.attributes();
  const DeviceLimits& limits = device.limits();
  switch (static_cast<int>(attribute)) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: return max_threads_per_block(kernel, limits);
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: return static_cast<int>(code.static_shared_bytes);
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES: return static_cast<int>(code.constant_bytes);
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: return static_cast<int>(code.local_bytes);
    case CU_FUNC_ATTRIBUTE_NUM_REGS: return static_cast<int>(code.registers);
    case CU_FUNC_ATTRIBUTE_PTX_VERSION: return static_cast<int>(code.target);
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: return limits.major * 10 + limits.minor;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: return default_dynamic_shared(kernel, limits);
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: return -1;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET: return code.required_cluster[0] != 0 ? 1 : 0;
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH: return static_cast<int>(code.required_cluster[0]);
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT: return static_cast<int>(code.required_cluster[1]);
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH: return static_cast<int>(code.required_cluster[2]);
    default: return 0;  // cache mode, non-portable clusters, scheduling policy: CUDA's defaults
  }
}

// Shows the storage to the program, and stops releasing once the context has taken all memory back itself.
class LoadedCode::Variables final : public Storage {
 public:
  explicit Variables(LoadedCode& code) : code_(code) {}
  Result<uint64_t, CUresult> allocate(size_t size, size_t alignment, Kind kind) override {
    return code_.storage_->allocate(size, alignment, kind);
  }
  void release(uint64_t address) override {
    if (!code_.abandoned()) code_.storage_->release(address);
  }
  Result<uint64_t, CUresult> make_reference(bool surface) override { return code_.storage_->make_reference(surface); }
  // Handles are nobody else's, whatever became of the context.
  void release_reference(uint64_t handle, bool surface) override { code_.storage_->release_reference(handle, surface); }

 private:
  LoadedCode& code_;
};

LoadedCode::LoadedCode(Context& context, std::unique_ptr<Storage> storage)
    : context_(&context), storage_(std::move(storage)), variables_(std::make_unique<Variables>(*this)) {}

LoadedCode::~LoadedCode() = default;

Result<Ref<LoadedCode>, CompileError> LoadedCode::load(Context& context, std::span<const std::string_view> texts,
                                                       std::unique_ptr<Storage> storage) {
  Ref<LoadedCode> code(new LoadedCode(context, std::move(storage)));
  LoadOptions options;
  options.newest_target = code_target(context.device()).newest();
  code->program_ = texts.size() == 1 ? TRY(Program::load(texts.front(), *code->variables_, options))
                                     : TRY(Program::load(texts, *code->variables_, options));
  return code;
}

void LoadedCode::abandon() { abandoned_.store(true, std::memory_order_release); }

ContextFunction::ContextFunction(Ref<LoadedCode> code, std::string name, uint64_t module,
                                 Ref<FunctionSettings> inherited)
    : Callable(Type::function),
      code_(std::move(code)),
      name_(std::move(name)),
      module_(module),
      inherited_(std::move(inherited)) {}

CuResult<const Kernel*> ContextFunction::kernel() {
  if (const Kernel* known = kernel_.load(std::memory_order_acquire)) return known;
  if (code_->abandoned()) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  auto lowered = code_->program().get_kernel(name_);
  if (!lowered) return report(lowered.error());
  kernel_.store(*lowered, std::memory_order_release);
  return *lowered;
}

CuResult<int> ContextFunction::attribute(CUfunction_attribute attribute) {
  const Kernel* const lowered = TRY(kernel());
  return function_attribute(attribute, *lowered, context().device(), own_, inherited_.get());
}

CUresult ContextFunction::set_attribute(CUfunction_attribute attribute, int value) {
  const Kernel* const lowered = TRY(kernel());
  return own_.set(attribute, value, *lowered, context().device().limits());
}

CuResult<Ref<ContextFunction>> find_function(CUfunction handle) {
  const Ref<Callable> callable = find<Callable>(handle);
  if (!callable || callable->type() != Callable::Type::function) return CUDA_ERROR_INVALID_HANDLE;
  return Ref<ContextFunction>(static_cast<ContextFunction*>(callable.get()));
}

CuResult<Ref<ContextFunction>> find_launchable(CUfunction handle, Context& context) {
  const Ref<Callable> callable = find<Callable>(handle);
  if (!callable) return CUDA_ERROR_INVALID_HANDLE;
  if (callable->type() == Callable::Type::kernel)
    return static_cast<LibraryKernel*>(callable.get())->function_in(context);
  return Ref<ContextFunction>(static_cast<ContextFunction*>(callable.get()));
}

}  // namespace vgpu::soft
