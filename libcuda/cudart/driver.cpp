// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/driver.h"

#include "libcuda/cudart/registry.h"
#include "libcuda/cudart/thread_state.h"

#include <dlfcn.h>

#include <mutex>

namespace vgpu::runtime {
namespace {

constinit std::mutex g_mutex;  // Guards loading and initialisation.
constinit std::atomic<void*> g_library{nullptr};
constinit std::atomic<bool> g_looked_for{false};
constinit std::atomic<int> g_status{-1};  // A cudaError_t, or -1 before the first call.

void load_library() {
  if (g_looked_for.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(g_mutex);
  if (g_looked_for.load(std::memory_order_relaxed)) return;
  g_library.store(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL), std::memory_order_relaxed);
  g_looked_for.store(true, std::memory_order_release);  // Pairs with the load above: the handle comes first.
}

cudaError_t initialise() {
  const int version = driver_version();
  // A runtime runs on every driver of its own major version (CUDA Compatibility, minor version compatibility).
  if (version < kRuntimeVersion / 1000 * 1000) return cudaErrorInsufficientDriver;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuInit)(0U));
  start_loading();
  return cudaSuccess;
}

}  // namespace

void* find_driver_symbol(const char* name) noexcept {
  load_library();
  void* library = g_library.load(std::memory_order_relaxed);
  return library == nullptr ? nullptr : dlsym(library, name);
}

int driver_version() noexcept {
  int version = 0;
  return VGPU_DRIVER(cuDriverGetVersion)(&version) == cudaSuccess ? version : 0;
}

cudaError_t driver_ready() noexcept {
  int status = g_status.load(std::memory_order_acquire);
  if (status >= 0) return static_cast<cudaError_t>(status);
  load_library();
  const std::lock_guard lock(g_mutex);
  status = g_status.load(std::memory_order_relaxed);
  if (status >= 0) return static_cast<cudaError_t>(status);
  const cudaError_t result = initialise();
  g_status.store(result, std::memory_order_release);  // Pairs with the load above: cuInit comes first.
  return result;
}

cudaError_t driver_failure() noexcept {
  const int status = g_status.load(std::memory_order_relaxed);
  return status > 0 ? static_cast<cudaError_t>(status) : cudaSuccess;
}

CUstream effective_stream(CUstream stream) noexcept {
  return stream == nullptr && per_thread_flavour() ? CU_STREAM_PER_THREAD : stream;
}

bool per_thread_flavour() noexcept { return thread_state().per_thread; }

}  // namespace vgpu::runtime
