// SPDX-License-Identifier: Apache-2.0
// Calls written by hand in the guest: a function of the call's own name and type in namespace by_hand, for rows whose
// path is local, hand or bulk. A missing definition is a link error, a wrong signature a compile error.
#pragma once

#include "common/face/cuda_api.h"
#include "libcuda/invoke.h"

namespace vgpu::guest::by_hand {

#pragma GCC visibility push(hidden)
#define VGPU_EXPORT_0(symbol) extern decltype(::symbol) symbol;
#define VGPU_EXPORT_1(symbol)
#define VGPU_EXPORT(symbol, base, number, flavour, params, args) VGPU_EXPORT_##flavour(symbol)
#include "cuda_exports.inc"
#undef VGPU_EXPORT
#undef VGPU_EXPORT_0
#undef VGPU_EXPORT_1
#pragma GCC visibility pop

}  // namespace vgpu::guest::by_hand

// Returns from the calling entry point unless the call may run.
#define VGPU_ADMIT(name)        \
  ::vgpu::guest::Admitted name; \
  if (const CUresult status_ = ::vgpu::guest::admit(name); status_ != CUDA_SUCCESS) return status_
#define VGPU_ADMIT_WITH_CONTEXT(name) \
  ::vgpu::guest::Admitted name;       \
  if (const CUresult status_ = ::vgpu::guest::admit_with_context(name); status_ != CUDA_SUCCESS) return status_
// Returns an unsuccessful status from the calling function.
#define VGPU_CHECK(...)                                                                  \
  do {                                                                                   \
    if (const CUresult status_ = (__VA_ARGS__); status_ != CUDA_SUCCESS) return status_; \
  } while (false)
