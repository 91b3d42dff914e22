// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/registry.h"

#include "libcuda/cudart/context.h"
#include "libcuda/cudart/hidden.h"
#include "libcuda/cudart/thread_state.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace vgpu::runtime {
namespace {

struct ManagedVariable {
  void** host;
  std::string name;
  size_t size;
};

struct FatBinary {
  void* handle;  // The program's handle is the address of this member.
  const void* wrapper;
  CUlibrary library = nullptr;
  cudaError_t loaded = cudaErrorNotReady;  // Until it was tried.
  std::vector<ManagedVariable> managed;
};

struct Kernel {
  FatBinary* binary;
  std::string name;
  CUkernel kernel = nullptr;
};

struct Variable {
  FatBinary* binary;
  std::string name;
  size_t size;
  bool managed;
};

struct Registry {
  std::shared_mutex mutex;  // Guards everything here and in the fat binaries.
  bool eager = false;
  std::unordered_map<void**, std::unique_ptr<FatBinary>> binaries;
  std::unordered_map<const void*, Kernel> kernels;
  std::unordered_map<const void*, Variable> variables;
  std::unordered_set<const void*> handles;
};

// Never destroyed: objects unregister while the process ends, in an order that nobody knows.
Registry& registry() {
  static Registry& only = *new Registry;
  return only;
}

FatBinary* find_binary(Registry& all, void** handle) {
  const auto found = all.binaries.find(handle);
  return found == all.binaries.end() ? nullptr : found->second.get();
}

// A managed variable's host side is a pointer, which the compiler's code follows: a program that names the variable
// where a symbol is wanted passes the address behind it.
cudaError_t place_managed(Registry& all, FatBinary& binary) {
  for (const ManagedVariable& variable : binary.managed) {
    CUdeviceptr address = 0;
    size_t size = 0;
    VGPU_RETURN_ERROR(VGPU_DRIVER(cuLibraryGetManaged)(&address, &size, binary.library, variable.name.c_str()));
    *variable.host = reinterpret_cast<void*>(address);
    all.variables[*variable.host] = Variable{&binary, variable.name, variable.size, true};
  }
  return cudaSuccess;
}

cudaError_t load_locked(Registry& all, FatBinary& binary) {
  if (binary.loaded != cudaErrorNotReady) return binary.loaded;
  // The wrapper stays mapped until it is unregistered.
  CUlibraryOption options[] = {CU_LIBRARY_BINARY_IS_PRESERVED};
  void* values[] = {reinterpret_cast<void*>(1)};
  binary.loaded =
      VGPU_DRIVER(cuLibraryLoadData)(&binary.library, binary.wrapper, nullptr, nullptr, 0U, options, values, 1U);
  if (binary.loaded == cudaSuccess) binary.loaded = place_managed(all, binary);
  return binary.loaded;
}

// CUDA 13 takes what is no kernel of the program's for a handle, which it then is not either.
cudaError_t no_kernel(const void* function) {
  return function == nullptr || kRuntimeVersion < 13000 ? cudaErrorInvalidDeviceFunction
                                                        : cudaErrorInvalidResourceHandle;
}

cudaError_t load_kernel(Registry& all, const void* function, CUkernel* kernel) {
  const std::unique_lock lock(all.mutex);
  const auto found = all.kernels.find(function);
  if (found == all.kernels.end()) return no_kernel(function);
  Kernel& entry = found->second;
  VGPU_RETURN_ERROR(load_locked(all, *entry.binary));
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuLibraryGetKernel)(&entry.kernel, entry.binary->library, entry.name.c_str()));
  all.handles.insert(entry.kernel);
  *kernel = entry.kernel;
  return cudaSuccess;
}

template <class Map>
void forget_of(Map& map, const FatBinary* binary) {
  std::erase_if(map, [&](const auto& entry) { return entry.second.binary == binary; });
}

}  // namespace

cudaError_t find_kernel(const void* function, CUkernel* kernel) noexcept {
  Registry& all = registry();
  {
    const std::shared_lock lock(all.mutex);
    const auto found = all.kernels.find(function);
    if (found != all.kernels.end() && found->second.kernel != nullptr) {
      *kernel = found->second.kernel;
      return cudaSuccess;
    }
    if (found == all.kernels.end()) {
      if (!all.handles.contains(function)) return no_kernel(function);
      *kernel = static_cast<CUkernel>(const_cast<void*>(function));
      return cudaSuccess;
    }
  }
  VGPU_RETURN_ERROR(driver_ready());
  return load_kernel(all, function, kernel);
}

cudaError_t find_variable(const void* symbol, CUdeviceptr* address, size_t* size) noexcept {
  VGPU_RETURN_ERROR(use_context());
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  const auto found = all.variables.find(symbol);
  if (found == all.variables.end()) return cudaErrorInvalidSymbol;
  const Variable variable = found->second;  // Loading may move it.
  VGPU_RETURN_ERROR(load_locked(all, *variable.binary));
  CUlibrary library = variable.binary->library;
  const cudaError_t result = variable.managed
                                 ? VGPU_DRIVER(cuLibraryGetManaged)(address, size, library, variable.name.c_str())
                                 : VGPU_DRIVER(cuLibraryGetGlobal)(address, size, library, variable.name.c_str());
  // So does each release answer for a variable that is registered and that its code has not.
  return result == cudaErrorSymbolNotFound && kRuntimeVersion < 13000 ? cudaErrorInvalidSymbol : result;
}

const void* host_function_of(const void* handle) noexcept {
  Registry& all = registry();
  const std::shared_lock lock(all.mutex);
  for (const auto& [host, kernel] : all.kernels) {
    if (kernel.kernel == nullptr) continue;
    CUfunction function = nullptr;
    if (kernel.kernel == handle) return host;
    if (VGPU_DRIVER(cuKernelGetFunction)(&function, kernel.kernel) == cudaSuccess && function == handle) return host;
  }
  return handle;
}

void start_loading() noexcept {
  CUmoduleLoadingMode mode = CU_MODULE_LAZY_LOADING;
  if (VGPU_DRIVER(cuModuleGetLoadingMode)(&mode) != cudaSuccess || mode != CU_MODULE_EAGER_LOADING) return;
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  all.eager = true;
  for (const auto& [handle, binary] : all.binaries) (void)load_locked(all, *binary);
}

void remember_handle(const void* handle) noexcept {
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  all.handles.insert(handle);
}

void forget_handle(const void* handle) noexcept {
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  all.handles.erase(handle);
}

}  // namespace vgpu::runtime

using namespace vgpu::runtime;

void** __cudaRegisterFatBinary(void* wrapper) {
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  auto binary = std::make_unique<FatBinary>();
  binary->wrapper = wrapper;
  binary->handle = wrapper;
  void** handle = &binary->handle;
  all.binaries.emplace(handle, std::move(binary));
  return handle;
}

void __cudaRegisterFatBinaryEnd(void** handle) {
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  FatBinary* binary = find_binary(all, handle);
  if (all.eager && binary != nullptr) (void)load_locked(all, *binary);
}

void __cudaUnregisterFatBinary(void** handle) {
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  FatBinary* binary = find_binary(all, handle);
  if (binary == nullptr) return;
  for (const auto& [host, kernel] : all.kernels)
    if (kernel.binary == binary) all.handles.erase(kernel.kernel);
  forget_of(all.kernels, binary);
  forget_of(all.variables, binary);
  if (binary->library != nullptr) (void)VGPU_DRIVER(cuLibraryUnload)(binary->library);
  all.binaries.erase(handle);
}

void __cudaRegisterFunction(void** handle, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*,
                            int*) {
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  if (FatBinary* binary = find_binary(all, handle)) all.kernels[host] = Kernel{binary, name};
}

void __cudaRegisterVar(void** handle, char* host, char*, const char* name, int, size_t size, int, int) {
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  if (FatBinary* binary = find_binary(all, handle)) all.variables[host] = Variable{binary, name, size, false};
}

void __cudaRegisterManagedVar(void** handle, void** host, char*, const char* name, int, size_t size, int, int) {
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  FatBinary* binary = find_binary(all, handle);
  if (binary == nullptr) return;
  all.variables[host] = Variable{binary, name, size, true};
  binary->managed.push_back({host, name, size});
}

// The compiler's code calls this before it reads a managed variable; NULL stands for all fat binaries.
char __cudaInitModule(void** handle) {
  if (remember(use_context()) != cudaSuccess) return 0;
  Registry& all = registry();
  const std::unique_lock lock(all.mutex);
  if (FatBinary* binary = find_binary(all, handle)) return remember(load_locked(all, *binary)) == cudaSuccess;
  return 0;
}
