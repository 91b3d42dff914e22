// SPDX-License-Identifier: Apache-2.0
#include "common/face/proc_address.h"

#include <algorithm>
#include <iterator>

#include "common/face/interop.h"

namespace vgpu::face {
namespace {

using AnyFunction = void (*)();

struct Row {
  std::string_view name;
  int flavour;  // 1: _ptds or _ptsz.
  int since;
  AnyFunction (*symbol)();  // Yields the exported function.
};

// A function's address as an AnyFunction is a reinterpret_cast, which no constant expression may hold; the address of
// this accessor is one, so the table stays constant and needs no constructor at load time.
template <auto* kSymbol>
AnyFunction address_of() {
  return reinterpret_cast<AnyFunction>(kSymbol);
}

constexpr Row kRows[] = {
#define VGPU_PROC(name, flavour, since, symbol) {#name, flavour, since, address_of<&::symbol>},
#include "cuda_procaddr.inc"
#undef VGPU_PROC
};

constexpr bool is_before(const Row& a, const Row& b) {
  if (a.name != b.name) return a.name < b.name;
  return a.flavour != b.flavour ? a.flavour < b.flavour : a.since < b.since;
}
static_assert(std::is_sorted(std::begin(kRows), std::end(kRows), is_before));

constexpr cuuint64_t kKnownFlags = CU_GET_PROC_ADDRESS_LEGACY_STREAM | CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;

// A caller that wants an ABI newer than the driver is told so at once, whatever the name.
bool is_within_driver(int version) noexcept {
  int driver_version = 0;
  return cuDriverGetVersion(&driver_version) != CUDA_SUCCESS || version <= driver_version;
}

}  // namespace

ProcAddress find_proc_address(std::string_view name, int version, cuuint64_t flags) noexcept {
  const auto [first, last] = std::equal_range(std::begin(kRows), std::end(kRows), Row{name, 0, 0, nullptr},
                                              [](const Row& a, const Row& b) { return a.name < b.name; });
  if (first == last) return {nullptr, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND};
  const bool per_thread = (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0;
  const int flavour = per_thread && std::prev(last)->flavour == 1 ? 1 : 0;
  const Row* answer = nullptr;
  for (const Row* row = first; row != last; ++row)
    if (row->flavour == flavour && (version < 0 || row->since <= version)) answer = row;
  if (answer == nullptr) return {nullptr, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT};
  return {reinterpret_cast<void*>(answer->symbol()), CU_GET_PROC_ADDRESS_SUCCESS};
}

}  // namespace vgpu::face

extern "C" CUresult CUDAAPI cuGetProcAddress_v2(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags,
                                                CUdriverProcAddressQueryResult* symbolStatus) {
  using namespace vgpu::face;
  if (symbol == nullptr || pfn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if ((flags & ~kKnownFlags) != 0 || !is_within_driver(cudaVersion)) return CUDA_ERROR_INVALID_VALUE;
  const ProcAddress found = find_proc_address(symbol, cudaVersion, flags);
  *pfn = found.pointer;
  if (symbolStatus != nullptr) *symbolStatus = found.status;
  return CUDA_SUCCESS;
}

extern "C" CUresult CUDAAPI cuGetProcAddress(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags) {
  // Without a status to say it with, "no such symbol" is an error here, and the result stays as it was.
  void* pointer = nullptr;
  const CUresult result = cuGetProcAddress_v2(symbol, pfn != nullptr ? &pointer : nullptr, cudaVersion, flags, nullptr);
  if (result != CUDA_SUCCESS) return result;
  if (pointer == nullptr) return CUDA_ERROR_NOT_FOUND;
  *pfn = pointer;
  return CUDA_SUCCESS;
}
