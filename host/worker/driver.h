// SPDX-License-Identifier: Apache-2.0
// Driver: a CUDA driver that was dlopened (NVIDIA's, or libcuda-soft.so.1), as a table of entry points by opcode.
// The only place where a symbol of the driver becomes a function pointer. Immutable after open; thread-safe.
#pragma once

#include <array>
#include <string>

#include "common/result.h"
#include "vgpu/api/rows.h"

namespace vgpu::host {

constexpr uint16_t kOpcodes = 1024;

class Driver {
 public:
  // dlopens `path` and calls cuInit. The error says which step failed and why.
  static Result<Driver> open(const std::string& path);
  // One of these entry points, for tests; null is a call that it does not have.
  static Driver of(const std::array<void*, kOpcodes>& entries);

  bool has(uint16_t opcode) const { return opcode < kOpcodes && entry_[opcode] != nullptr; }
  // Calls entry `opcode` with argv[i] pointing to the i-th argument. The caller has checked has().
  CUresult call(uint16_t opcode, void* const* argv) const;

  // The function itself, typed: driver.fn<opcode::cuMemAlloc_v2, decltype(::cuMemAlloc_v2)>().
  template <class F>
  F* function(uint16_t opcode) const {
    // SAFETY: the table holds, under each opcode, the symbol that the opcode's name stands for.
    return reinterpret_cast<F*>(entry_[opcode]);
  }

 private:
  std::array<void*, kOpcodes> entry_ = {};
};

}  // namespace vgpu::host

// VGPU_DRIVER(driver, cuMemAlloc_v2)(&pointer, size): a driver's function by its name; CUDA_ERROR_NOT_SUPPORTED when
// this driver does not have it.
#define VGPU_DRIVER(driver, name)                                                               \
  [&](auto... arguments) -> CUresult {                                                          \
    auto* vgpu_entry = (driver).template function<decltype(::name)>(::vgpu::api::opcode::name); \
    return vgpu_entry == nullptr ? CUDA_ERROR_NOT_SUPPORTED : vgpu_entry(arguments...);         \
  }
