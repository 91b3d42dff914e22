// SPDX-License-Identifier: Apache-2.0
// Table R: where a card's multiprocessors lie. cuBLASLt lays out products by it, and does not check whether it got the
// table: without it, half-precision products end the process. On a device that has no such places it is refused.
// Observed on driver 580: slot 4 gives two arrays from malloc, an entry per TPC; slot 13 frees them.
#include <cstdlib>
#include <cstring>

#include "common/face/driver_face.h"
#include "common/face/export_table.h"
#include "common/face/refusal.h"

namespace vgpu::face {
namespace {

uint8_t* copy_of(const std::vector<uint8_t>& bytes) {
  auto* copy = static_cast<uint8_t*>(std::malloc(bytes.size() + 1));
  if (copy != nullptr && !bytes.empty()) std::memcpy(copy, bytes.data(), bytes.size());
  return copy;
}

CUresult get_places(uint8_t** gpc, uint8_t** place) noexcept {
  if (gpc == nullptr || place == nullptr) return CUDA_ERROR_INVALID_VALUE;
  TpcPlaces places;
  if (const CUresult status = tpc_places(places); status != CUDA_SUCCESS) return status;
  uint8_t* first = copy_of(places.gpc);
  uint8_t* second = copy_of(places.place);
  if (first == nullptr || second == nullptr) {
    std::free(first);
    std::free(second);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *gpc = first;
  *place = second;
  return CUDA_SUCCESS;
}

CUresult free_places(uint8_t* gpc, uint8_t* place) noexcept {
  std::free(gpc);
  std::free(place);
  return CUDA_SUCCESS;
}

struct ProcessorPlaces {
  size_t byte_count = sizeof(ProcessorPlaces);
  std::array<Refusal, 3> slots_1_to_3 = kRefused<Table::processor_places, 1, 3>;
  decltype(&get_places) slot_4 = get_places;
  std::array<Refusal, 8> slots_5_to_12 = kRefused<Table::processor_places, 5, 12>;
  decltype(&free_places) slot_13 = free_places;
  std::array<Refusal, 3> slots_14_to_16 = kRefused<Table::processor_places, 14, 16>;
};
static_assert(sizeof(ProcessorPlaces) == 0x88 && offsetof(ProcessorPlaces, slot_4) == 4 * sizeof(void*) &&
              offsetof(ProcessorPlaces, slot_13) == 13 * sizeof(void*));

constexpr ProcessorPlaces kProcessorPlaces;

}  // namespace

const void* processor_places_table() noexcept { return has_tpc_places() ? &kProcessorPlaces : nullptr; }

}  // namespace vgpu::face
