// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/words.h"

#include <array>
#include <cstddef>

namespace vgpu::soft::ptx {
namespace {

constexpr std::string_view kTexts[] = {
    "",
#define VGPU_PTX_WORD(identifier, text) text,
#include "softgpu/ptx/words.inc"
#undef VGPU_PTX_WORD
};
static_assert(std::size(kTexts) == kKnownWords);

constexpr uint32_t hash_word(std::string_view text) {
  uint32_t hash = 2166136261U;
  for (char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619U;
  return hash ^ hash >> 15;
}

// Open addressing, under a quarter full, so that a miss costs little more than a hit.
constexpr size_t kSlots = 4096;
static_assert(kKnownWords < kSlots / 2);

constexpr std::array<uint16_t, kSlots> make_slots() {
  std::array<uint16_t, kSlots> slots{};
  for (uint16_t word = 1; word < kKnownWords; ++word) {
    size_t slot = hash_word(kTexts[word]) % kSlots;
    while (slots[slot] != 0) slot = (slot + 1) % kSlots;
    slots[slot] = word;
  }
  return slots;
}
constexpr std::array<uint16_t, kSlots> kSlotTable = make_slots();

}  // namespace

Word find_word(std::string_view text) {
  for (size_t slot = hash_word(text) % kSlots; kSlotTable[slot] != 0; slot = (slot + 1) % kSlots) {
    if (kTexts[kSlotTable[slot]] == text) return static_cast<Word>(kSlotTable[slot]);
  }
  return Word::none_;
}

std::string_view known_word_text(Word word) {
  const auto number = static_cast<uint16_t>(word);
  return number < kKnownWords ? kTexts[number] : std::string_view();
}

}  // namespace vgpu::soft::ptx
