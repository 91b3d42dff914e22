// SPDX-License-Identifier: Apache-2.0
// Word: an interned opcode, modifier or special register of PTX. Those listed in words.inc have an enumerator (the
// text with "_" behind it, "::" as "__", a digit in front as "n"), so that code can switch over them; others get
// numbers from kKnownWords on, per module. Pure functions over constant tables: safe from any thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace vgpu::soft::ptx {

enum class Word : uint16_t {
  none_ = 0,
#define VGPU_PTX_WORD(identifier, text) identifier,
#include "softgpu/ptx/words.inc"
#undef VGPU_PTX_WORD
  known_count_,
};
inline constexpr uint16_t kKnownWords = static_cast<uint16_t>(Word::known_count_);

// Whether instructions may begin with this word.
inline bool is_opcode(Word word) { return word != Word::none_ && word < Word::b1_; }

// The listed word with this text, or Word::none_.
Word find_word(std::string_view text);

// The text of a listed word; empty for others (Module::word_text knows those).
std::string_view known_word_text(Word word);

}  // namespace vgpu::soft::ptx
