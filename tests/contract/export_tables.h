// SPDX-License-Identifier: Apache-2.0
// The private tables that NVIDIA's runtime relies on (docs/export-tables.md): their names and how to call them, for
// export_table.tests.cpp and context_storage.tests.cpp.
#pragma once

#include "common/face/cuda_api.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "tests/support/test.h"

namespace contract {

using Uuid = std::array<unsigned char, 16>;
inline constexpr Uuid kCudartInterface = {0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a,
                                          0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9};
inline constexpr Uuid kToolsTls = {0x42, 0xd8, 0x5a, 0x81, 0x23, 0xf6, 0xcb, 0x47,
                                   0x82, 0x98, 0xf6, 0xe7, 0x8a, 0x3a, 0xec, 0xdc};
inline constexpr Uuid kCallbackHooks = {0xa0, 0x94, 0x79, 0x8c, 0x2e, 0x74, 0x2e, 0x74,
                                        0x93, 0xf2, 0x08, 0x00, 0x20, 0x0c, 0x0a, 0x66};
inline constexpr Uuid kContextStorage = {0xc6, 0x93, 0x33, 0x6e, 0x11, 0x21, 0xdf, 0x11,
                                         0xa8, 0xc3, 0x68, 0xf3, 0x55, 0xd8, 0x95, 0x93};
inline constexpr Uuid kContextChecks = {0x26, 0x3e, 0x88, 0x60, 0x7c, 0xd2, 0x61, 0x43,
                                        0x92, 0xf6, 0xbb, 0xd5, 0x00, 0x6d, 0xfa, 0x7e};
inline constexpr Uuid kIntegrity = {0xd4, 0x08, 0x20, 0x55, 0xbd, 0xe6, 0x70, 0x4b,
                                    0x8d, 0x34, 0xba, 0x12, 0x3c, 0x66, 0xe1, 0xf2};
inline constexpr Uuid kContextTools = {0x21, 0x31, 0x8c, 0x60, 0x97, 0x14, 0x32, 0x48,
                                       0x8c, 0xa6, 0x41, 0xff, 0x73, 0x24, 0xc8, 0xf2};
inline constexpr Uuid kModuleTools = {0x6e, 0x16, 0x3f, 0xbe, 0xb9, 0x58, 0x44, 0x4d,
                                      0x83, 0x5c, 0xe1, 0x82, 0xaf, 0xf1, 0x99, 0x1e};

inline const void* const* find_table(const Uuid& uuid) {
  CUuuid id;
  std::copy(uuid.begin(), uuid.end(), id.bytes);
  const void* table = nullptr;
  REQUIRE(cuGetExportTable(&table, &id) == CUDA_SUCCESS);
  REQUIRE(table != nullptr);
  return static_cast<const void* const*>(table);
}

template <class Function>
Function* slot(const Uuid& uuid, size_t index) {
  const void* entry = find_table(uuid)[index];
  REQUIRE(entry != nullptr);
  return reinterpret_cast<Function*>(const_cast<void*>(entry));
}

inline bool has_device() {
  int count = 0;
  return cuInit(0) == CUDA_SUCCESS && cuDeviceGetCount(&count) == CUDA_SUCCESS && count > 0;
}

// --- A, slot 2.
using PrimaryContext = CUresult(CUcontext*, CUdevice);

inline CUcontext primary_context() {
  CUcontext context = nullptr;
  REQUIRE(slot<PrimaryContext>(kCudartInterface, 2)(&context, 0) == CUDA_SUCCESS);
  REQUIRE(context != nullptr);
  return context;
}

// A context of the test's own, current from create to destroy.
class OwnContext {
 public:
  OwnContext() { REQUIRE(cuCtxCreate_v2(&context_, 0, 0) == CUDA_SUCCESS); }
  ~OwnContext() { destroy(); }
  void destroy() {
    if (context_ != nullptr) cuCtxDestroy_v2(context_);
    context_ = nullptr;
  }
  CUcontext get() const { return context_; }

 private:
  CUcontext context_ = nullptr;
};

}  // namespace contract

#define REQUIRE_DEVICE() \
  if (!has_device()) SKIP("no device")
