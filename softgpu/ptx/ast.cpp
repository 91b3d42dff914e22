// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/ast.h"

namespace vgpu::soft::ptx {

uint32_t size_of(Type type) {
  switch (type) {
    case Type::none: return 0;
    case Type::b8:
    case Type::u8:
    case Type::s8:
    case Type::e4m3:
    case Type::e5m2:
    case Type::e2m1x2:
    case Type::pred: return 1;
    case Type::b16:
    case Type::u16:
    case Type::s16:
    case Type::f16:
    case Type::bf16:
    case Type::e4m3x2:
    case Type::e5m2x2:
    case Type::e2m3x2:
    case Type::e3m2x2:
    case Type::ue8m0x2: return 2;
    case Type::b32:
    case Type::u32:
    case Type::s32:
    case Type::f32:
    case Type::tf32:
    case Type::f16x2:
    case Type::bf16x2:
    case Type::u16x2:
    case Type::s16x2: return 4;
    case Type::b64:
    case Type::u64:
    case Type::s64:
    case Type::f64:
    case Type::f32x2:
    case Type::texref:
    case Type::samplerref:
    case Type::surfref: return 8;
    case Type::b128: return 16;
  }
  return 0;
}

Type type_of(Word word) {
  switch (word) {
    case Word::b8_: return Type::b8;
    case Word::b16_: return Type::b16;
    case Word::b32_: return Type::b32;
    case Word::b64_: return Type::b64;
    case Word::b128_: return Type::b128;
    case Word::u8_: return Type::u8;
    case Word::u16_: return Type::u16;
    case Word::u32_: return Type::u32;
    case Word::u64_: return Type::u64;
    case Word::s8_: return Type::s8;
    case Word::s16_: return Type::s16;
    case Word::s32_: return Type::s32;
    case Word::s64_: return Type::s64;
    case Word::f16_: return Type::f16;
    case Word::f32_: return Type::f32;
    case Word::f64_: return Type::f64;
    case Word::bf16_: return Type::bf16;
    case Word::tf32_: return Type::tf32;
    case Word::f16x2_: return Type::f16x2;
    case Word::bf16x2_: return Type::bf16x2;
    case Word::u16x2_: return Type::u16x2;
    case Word::s16x2_: return Type::s16x2;
    case Word::f32x2_: return Type::f32x2;
    case Word::e4m3_: return Type::e4m3;
    case Word::e5m2_: return Type::e5m2;
    case Word::e4m3x2_: return Type::e4m3x2;
    case Word::e5m2x2_: return Type::e5m2x2;
    case Word::e2m1x2_: return Type::e2m1x2;
    case Word::e2m3x2_: return Type::e2m3x2;
    case Word::e3m2x2_: return Type::e3m2x2;
    case Word::ue8m0x2_: return Type::ue8m0x2;
    case Word::pred_: return Type::pred;
    case Word::texref_: return Type::texref;
    case Word::samplerref_: return Type::samplerref;
    case Word::surfref_: return Type::surfref;
    default: return Type::none;
  }
}

std::string_view type_name(Type type) {
  static constexpr std::string_view kNames[] = {
      "none",   "b8",     "b16",    "b32",    "b64",     "b128",  "u8",     "u16",        "u32",
      "u64",    "s8",     "s16",    "s32",    "s64",     "f16",   "f32",    "f64",        "bf16",
      "tf32",   "f16x2",  "bf16x2", "u16x2",  "s16x2",   "f32x2", "e4m3",   "e5m2",       "e4m3x2",
      "e5m2x2", "e2m1x2", "e2m3x2", "e3m2x2", "ue8m0x2", "pred",  "texref", "samplerref", "surfref"};
  static_assert(std::size(kNames) == static_cast<size_t>(Type::surfref) + 1);
  return kNames[static_cast<size_t>(type)];
}

std::string Function::register_name(uint32_t id) const {
  if (id >= registers.size()) return "%?";
  const RegisterRange& range = register_ranges[registers[id].range];
  const uint32_t offset = id - range.first;
  std::string text(range.name);
  if (range.numbered) text += std::to_string(offset / range.vector);
  if (range.vector > 1) {
    text += '.';
    text += "xyzw01234"[offset % range.vector];
  }
  return text;
}

std::string_view Module::word_text(Word word) const {
  const auto number = static_cast<uint16_t>(word);
  if (number < kKnownWords) return known_word_text(word);
  const size_t extra = number - static_cast<size_t>(kKnownWords);
  return extra < unknown_words.size() ? unknown_words[extra] : std::string_view();
}

uint32_t Module::find_symbol(std::string_view name) const {
  for (size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i].name == name) return static_cast<uint32_t>(i);
  }
  return kNone;
}

std::string Module::instruction_text(const Function& function, const Instruction& instruction) const {
  std::string shown(word_text(instruction.opcode));
  for (Word modifier : function.modifiers_of(instruction)) {
    shown += '.';
    shown += word_text(modifier);
  }
  return shown;
}

}  // namespace vgpu::soft::ptx
