// SPDX-License-Identifier: Apache-2.0
// Where a card's multiprocessors lie, from table R of NVIDIA's driver (docs/export-tables.md). The driver tells no
// length: the arrays come from malloc, which knows.
#include <malloc.h>

#include <algorithm>

#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

constexpr CUuuid kTableR = {{0x17, 0x34, static_cast<char>(0xdc), 0x26, static_cast<char>(0x80), 0x0d, 0x47, 0x45,
                             static_cast<char>(0x87), 0x26, static_cast<char>(0xc0), static_cast<char>(0xf1),
                             static_cast<char>(0xe7), static_cast<char>(0xdd), static_cast<char>(0x8b),
                             static_cast<char>(0xca)}};
constexpr size_t kWords = 17, kGetSlot = 4, kFreeSlot = 13;
constexpr size_t kMaxPlaces = 4096;

using GetPlaces = CUresult(uint8_t** gpc, uint8_t** place);
using FreePlaces = CUresult(uint8_t* gpc, uint8_t* place);

struct Table {
  GetPlaces* get = nullptr;
  FreePlaces* free = nullptr;
};

// Empty when the driver has no such table, or one of another size.
Table find_table(const Driver& driver) {
  const void* found = nullptr;
  if (VGPU_DRIVER(driver, cuGetExportTable)(&found, &kTableR) != CUDA_SUCCESS || found == nullptr) return {};
  void* const* words = static_cast<void* const*>(found);
  uint64_t bytes = 0;
  std::memcpy(&bytes, words, sizeof bytes);
  if (static_cast<uint32_t>(bytes) != kWords * sizeof(void*)) return {};
  // SAFETY: the table of this id and size has these functions in these slots.
  return {reinterpret_cast<GetPlaces*>(words[kGetSlot]), reinterpret_cast<FreePlaces*>(words[kFreeSlot])};
}

}  // namespace

CUresult tpc_places(Invocation& invocation) {
  const auto question = invocation.request.get<uint32_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  const Table table = find_table(invocation.session.driver);
  if (table.get == nullptr || table.free == nullptr) return CUDA_ERROR_NOT_SUPPORTED;
  if (question == 0) return CUDA_SUCCESS;
  uint8_t* gpc = nullptr;
  uint8_t* place = nullptr;
  if (const CUresult status = table.get(&gpc, &place); status != CUDA_SUCCESS) return status;
  for (const uint8_t* list : {gpc, place}) {
    const size_t bytes = std::min(malloc_usable_size(const_cast<uint8_t*>(list)), kMaxPlaces);
    // SAFETY: `bytes` bytes of an allocation; char may alias anything.
    invocation.reply.string({reinterpret_cast<const char*>(list), list == nullptr ? 0 : bytes});
  }
  return table.free(gpc, place);
}

}  // namespace vgpu::host::hand
