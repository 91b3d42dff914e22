// SPDX-License-Identifier: Apache-2.0
#include "common/face/export_table.h"

#include "common/face/driver_face.h"
#include "common/face/refusal.h"
#include "common/log.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace vgpu::face {
namespace {

using Uuid = std::array<uint8_t, 16>;  // In memory order.

struct Served {
  Uuid uuid;
  const void* (*table)() noexcept;
};

// Of table R, which is served where the driver knows the places, and declined elsewhere.
constexpr Uuid kProcessorPlaces = {0x17, 0x34, 0xdc, 0x26, 0x80, 0x0d, 0x47, 0x45,
                                   0x87, 0x26, 0xc0, 0xf1, 0xe7, 0xdd, 0x8b, 0xca};

constexpr Served kServed[] = {
    {{0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a, 0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9},
     cudart_interface_table},
    {{0x42, 0xd8, 0x5a, 0x81, 0x23, 0xf6, 0xcb, 0x47, 0x82, 0x98, 0xf6, 0xe7, 0x8a, 0x3a, 0xec, 0xdc}, tools_tls_table},
    {{0xa0, 0x94, 0x79, 0x8c, 0x2e, 0x74, 0x2e, 0x74, 0x93, 0xf2, 0x08, 0x00, 0x20, 0x0c, 0x0a, 0x66},
     callback_hooks_table},
    {{0xc6, 0x93, 0x33, 0x6e, 0x11, 0x21, 0xdf, 0x11, 0xa8, 0xc3, 0x68, 0xf3, 0x55, 0xd8, 0x95, 0x93},
     context_storage_table},
    {{0x26, 0x3e, 0x88, 0x60, 0x7c, 0xd2, 0x61, 0x43, 0x92, 0xf6, 0xbb, 0xd5, 0x00, 0x6d, 0xfa, 0x7e},
     context_checks_table},
    {{0xd4, 0x08, 0x20, 0x55, 0xbd, 0xe6, 0x70, 0x4b, 0x8d, 0x34, 0xba, 0x12, 0x3c, 0x66, 0xe1, 0xf2}, integrity_table},
    {{0x21, 0x31, 0x8c, 0x60, 0x97, 0x14, 0x32, 0x48, 0x8c, 0xa6, 0x41, 0xff, 0x73, 0x24, 0xc8, 0xf2},
     context_tools_table},
    {{0x6e, 0x16, 0x3f, 0xbe, 0xb9, 0x58, 0x44, 0x4d, 0x83, 0x5c, 0xe1, 0x82, 0xaf, 0xf1, 0x99, 0x1e},
     module_tools_table},
    {kProcessorPlaces, processor_places_table},
};

struct Declined {
  Uuid uuid;
  const char* what;
  CUresult result;
};

// Tables that programs are known to ask for and to do well without.
constexpr Declined kDeclined[] = {
    {{0xf8, 0xcf, 0xf9, 0x51, 0x21, 0x46, 0x8b, 0x4e, 0xb9, 0xe2, 0xfb, 0x46, 0x9e, 0x7c, 0x0d, 0xd9},
     "G (every cudart)",
     CUDA_ERROR_NOT_FOUND},
    {{0xda, 0x91, 0x51, 0xd3, 0x3a, 0xe6, 0xcc, 0x41, 0xa5, 0xc0, 0x4f, 0x26, 0xd5, 0x33, 0xe3, 0x28},
     "J (NVRTC's compile cache)",
     CUDA_ERROR_INVALID_VALUE},
    {kProcessorPlaces, "R (cuBLASLt), which this device does not have,", CUDA_ERROR_INVALID_VALUE},
    {{0x69, 0xa2, 0x8e, 0x9f, 0x24, 0x49, 0x8b, 0x47, 0xb0, 0x30, 0xc5, 0xda, 0x33, 0x0e, 0xa4, 0xe9},
     "S (NVIDIA's NVML)",
     CUDA_ERROR_INVALID_VALUE},
};

bool matches(const Uuid& uuid, const CUuuid& wanted) noexcept {
  return std::memcmp(uuid.data(), wanted.bytes, uuid.size()) == 0;
}

void log_unknown(const CUuuid& wanted) noexcept {
  char text[2 * sizeof wanted.bytes + 1] = {};
  for (size_t i = 0; i < sizeof wanted.bytes; ++i)
    std::snprintf(text + 2 * i, 3, "%02x", static_cast<unsigned>(static_cast<uint8_t>(wanted.bytes[i])));
  VGPU_WARN("cuGetExportTable: unknown table %s refused", text);
}

}  // namespace

CUresult refuse_slot(Table table, size_t slot, std::atomic<bool>& is_logged) noexcept {
  if (!is_logged.exchange(true, std::memory_order_relaxed))
    VGPU_WARN("export table %c: slot %zu is not implemented", static_cast<char>(table), slot);
  return CUDA_ERROR_NOT_SUPPORTED;
}

}  // namespace vgpu::face

extern "C" CUresult CUDAAPI cuGetExportTable(const void** ppExportTable, const CUuuid* pExportTableId) {
  using namespace vgpu::face;
  if (ppExportTable == nullptr || pExportTableId == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (const Served& served : kServed) {
    if (!matches(served.uuid, *pExportTableId)) continue;
    const void* table = served.table();
    if (table == nullptr) break;
    *ppExportTable = table;
    return CUDA_SUCCESS;
  }
  // A caller that overlooks the error must not find what it left in the variable. (NVIDIA's driver leaves it alone
  // before cuInit.)
  if (initialised()) *ppExportTable = nullptr;
  for (const Declined& declined : kDeclined) {
    if (!matches(declined.uuid, *pExportTableId)) continue;
    VGPU_INFO("cuGetExportTable: table %s refused", declined.what);
    return declined.result;
  }
  log_unknown(*pExportTableId);
  return CUDA_ERROR_INVALID_VALUE;
}
