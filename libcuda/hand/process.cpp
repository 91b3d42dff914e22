// SPDX-License-Identifier: Apache-2.0
// Calls that common/face answers for every driver of ours; their rows say so, and the exported symbol is the face's.
#include "libcuda/by_hand.h"

namespace vgpu::guest::by_hand {

CUresult cuGetErrorName(CUresult error, const char** pStr) { return ::cuGetErrorName(error, pStr); }
CUresult cuGetErrorString(CUresult error, const char** pStr) { return ::cuGetErrorString(error, pStr); }
CUresult cuGetExportTable(const void** ppExportTable, const CUuuid* pExportTableId) {
  return ::cuGetExportTable(ppExportTable, pExportTableId);
}
CUresult cuGetProcAddress(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags) {
  return ::cuGetProcAddress(symbol, pfn, cudaVersion, flags);
}
CUresult cuGetProcAddress_v2(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags,
                             CUdriverProcAddressQueryResult* symbolStatus) {
  return ::cuGetProcAddress_v2(symbol, pfn, cudaVersion, flags, symbolStatus);
}

}  // namespace vgpu::guest::by_hand
