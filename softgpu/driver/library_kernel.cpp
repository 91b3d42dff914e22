// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "softgpu/driver/library.h"

namespace vgpu::soft {
namespace {

std::vector<Ref<FunctionSettings>> fresh_settings(int devices) {
  std::vector<Ref<FunctionSettings>> settings;
  settings.reserve(static_cast<size_t>(devices));
  for (int i = 0; i < devices; ++i) settings.push_back(make_ref<FunctionSettings>());
  return settings;
}

}  // namespace

LibraryKernel::LibraryKernel(Library& library, std::string name, int devices)
    : Callable(Type::kernel),
      name_(std::move(name)),
      library_handle_(library.handle_value()),
      settings_(fresh_settings(devices)),
      library_(&library) {}

LibraryKernel::~LibraryKernel() = default;

CuResult<Ref<ContextFunction>> LibraryKernel::function_in(Context& context) {
  Ref<Library> library;
  {
    const std::lock_guard lock(mutex_);
    for (const Copy& copy : copies_)
      if (copy.context == &context) return copy.function;
    library = library_;
  }
  if (!library) return CUDA_ERROR_INVALID_HANDLE;
  const Ref<Module> module = TRY(library->module_in(context));
  Ref<ContextFunction> function = TRY(module->get_function(name_));
  const std::lock_guard lock(mutex_);
  // Another thread may have been here, or the library may be closing: then the function is good for this call only.
  const bool known =
      std::any_of(copies_.begin(), copies_.end(), [&](const Copy& copy) { return copy.context == &context; });
  if (library_ && !known && !function->code()->abandoned()) copies_.push_back({&context, function});
  return function;
}

CuResult<Ref<ContextFunction>> LibraryKernel::any_function() {
  Ref<Library> library;
  {
    const std::lock_guard lock(mutex_);
    if (!copies_.empty()) return copies_.front().function;
    library = library_;
  }
  if (!library) return CUDA_ERROR_INVALID_HANDLE;
  return library->function_anywhere(name_);
}

void LibraryKernel::forget(Context& context) {
  std::vector<Copy> gone;  // released after the lock
  const std::lock_guard lock(mutex_);
  const auto first =
      std::partition(copies_.begin(), copies_.end(), [&](const Copy& copy) { return copy.context != &context; });
  gone.assign(first, copies_.end());
  copies_.erase(first, copies_.end());
}

void LibraryKernel::close() {
  std::vector<Copy> gone;
  Ref<Library> library;
  const std::lock_guard lock(mutex_);
  gone.swap(copies_);
  library = std::move(library_);
}

CuResult<Ref<LibraryKernel>> find_kernel(CUkernel handle) {
  const Ref<Callable> callable = find<Callable>((CUfunction)handle);
  if (!callable || callable->type() != Callable::Type::kernel) return CUDA_ERROR_INVALID_HANDLE;
  return Ref<LibraryKernel>(static_cast<LibraryKernel*>(callable.get()));
}

}  // namespace vgpu::soft
