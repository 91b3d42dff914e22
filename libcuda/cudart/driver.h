// SPDX-License-Identifier: Apache-2.0
// The CUDA driver beneath the runtime: whichever libcuda.so.1 the dynamic linker finds, loaded by the first call that
// needs it, so that a program without a driver starts and can ask for the device count. VGPU_DRIVER(cuX) is a typed
// function that is looked up once. Threads: any.
#pragma once

#include <cuda.h>
#include <cudaProfiler.h>
#include <cuda_runtime_api.h>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace vgpu::runtime {

// The release of the runtime API that this library is, as CUDART_VERSION: version.cpp of each library.
extern const int kRuntimeVersion;

// Loads and initialises the driver, once; the answer of that time is every later answer.
cudaError_t driver_ready() noexcept;
// What driver_ready returned when it failed before; cudaSuccess if it did not, or was not asked.
cudaError_t driver_failure() noexcept;
// The driver's version, or 0 if there is no driver. Needs no device.
int driver_version() noexcept;
// The address of an exported symbol of the driver, or NULL.
void* find_driver_symbol(const char* name) noexcept;

// The calling thread's NULL stream inside of a per-thread flavour of a call.
CUstream effective_stream(CUstream stream) noexcept;
bool per_thread_flavour() noexcept;

template <size_t N>
struct SymbolName {
  char text[N];
  consteval SymbolName(const char (&name)[N]) : text{} {  // NOLINT: converts from a literal on purpose.
    for (size_t i = 0; i < N; ++i) text[i] = name[i];
  }
};

// Runtime and driver name the same values differently: handles, enumerations, addresses, structs of one layout. A row
// that lists an argument vouches that it means the same to both.
template <class To, class From>
To driver_argument(From from) {
  if constexpr (std::is_same_v<To, CUstream> && std::is_same_v<From, CUstream>) {
    return effective_stream(from);
  } else if constexpr (std::is_same_v<To, From>) {
    return from;
  } else if constexpr (std::is_class_v<To>) {
    static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<From>);
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
  } else {
    return (To)from;  // SAFETY: pointers and integers of one width; see above.
  }
}

template <SymbolName name, class Pointer>
struct DriverFunction;

template <SymbolName name, class... Parameters>
struct DriverFunction<name, CUresult (*)(Parameters...)> {
  using Pointer = CUresult (*)(Parameters...);
  static inline std::atomic<Pointer> found{nullptr};

  template <class... Arguments>
  static cudaError_t call(Arguments... arguments) {
    Pointer function = found.load(std::memory_order_relaxed);  // Code, not data: there is nothing to order.
    if (function == nullptr) {
      function = reinterpret_cast<Pointer>(find_driver_symbol(name.text));
      if (function == nullptr) return cudaErrorCallRequiresNewerDriver;
      found.store(function, std::memory_order_relaxed);
    }
    // The numbers of both APIs' errors are the same since CUDA 10.1.
    return static_cast<cudaError_t>(function(driver_argument<Parameters>(arguments)...));
  }
};

}  // namespace vgpu::runtime

#define VGPU_DRIVER(function) ::vgpu::runtime::DriverFunction<#function, decltype(&::function)>::call
// A call of the driver that has a flavour for the per-thread NULL stream and no stream among its parameters.
#define VGPU_DRIVER_FLAVOURED(function, suffix)                                                \
  [](auto... arguments) {                                                                      \
    return ::vgpu::runtime::per_thread_flavour() ? VGPU_DRIVER(function##suffix)(arguments...) \
                                                 : VGPU_DRIVER(function)(arguments...);        \
  }
#define VGPU_RETURN_ERROR(expression)                 \
  do {                                                \
    const cudaError_t vgpu_error = (expression);      \
    if (vgpu_error != cudaSuccess) return vgpu_error; \
  } while (false)
