// SPDX-License-Identifier: Apache-2.0
// ld, ldu, st (PTX ISA 9.7.9.8 to 9.7.9.12): all spaces, vectors, cache operators. One handler per space, type in
// memory and type of the register, so that the loop over lanes is all there is (load.h, store.h).
#include "softgpu/machine/ops/access_modifiers.h"
#include "softgpu/machine/ops/load.h"
#include "softgpu/machine/ops/store.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

struct Form {
  Space space = Space::generic;
  unsigned width = 64;  // of the address
  bool named_parameter = false;
};

template <class M, class R>
Handler load_from(Form form) {
  if (form.named_parameter) return load_parameter<M, R>;
  const bool narrow = form.width == 32;
  switch (form.space) {
    case Space::generic: return narrow ? nullptr : Handler{load<Space::generic, uint64_t, M, R>};
    case Space::global: return narrow ? nullptr : Handler{load<Space::global, uint64_t, M, R>};
    case Space::constant: return narrow ? nullptr : Handler{load<Space::constant, uint64_t, M, R>};
    case Space::shared: return narrow ? load<Space::shared, uint32_t, M, R> : load<Space::shared, uint64_t, M, R>;
    case Space::local: return narrow ? load<Space::local, uint32_t, M, R> : load<Space::local, uint64_t, M, R>;
    case Space::parameter: return narrow ? nullptr : Handler{load<Space::parameter, uint64_t, M, R>};
    case Space::kernel_parameter: return narrow ? load_parameter_at<uint32_t, M, R> : load_parameter_at<uint64_t, M, R>;
  }
  return nullptr;
}

template <class M, class R>
Handler store_to(Form form) {
  const bool narrow = form.width == 32;
  switch (form.space) {
    case Space::generic: return narrow ? nullptr : Handler{store<Space::generic, uint64_t, M, R>};
    case Space::global: return narrow ? nullptr : Handler{store<Space::global, uint64_t, M, R>};
    case Space::shared: return narrow ? store<Space::shared, uint32_t, M, R> : store<Space::shared, uint64_t, M, R>;
    case Space::local: return narrow ? store<Space::local, uint32_t, M, R> : store<Space::local, uint64_t, M, R>;
    case Space::parameter: return narrow ? nullptr : Handler{store<Space::parameter, uint64_t, M, R>};
    case Space::constant:
    case Space::kernel_parameter: return nullptr;
  }
  return nullptr;
}

// A register may be wider than the type in memory, never narrower.
template <class Unsigned, class Signed>
Handler load_into(Form form, bool sign, unsigned width) {
  constexpr unsigned kBits = sizeof(Unsigned) * 8;
  if (width < kBits) return nullptr;
  if (width == kBits) return load_from<Unsigned, Unsigned>(form);
  switch (width) {
    case 16:
      if constexpr (kBits < 16) return sign ? load_from<Signed, uint16_t>(form) : load_from<Unsigned, uint16_t>(form);
      return nullptr;
    case 32:
      if constexpr (kBits < 32) return sign ? load_from<Signed, uint32_t>(form) : load_from<Unsigned, uint32_t>(form);
      return nullptr;
    case 64:
      if constexpr (kBits < 64) return sign ? load_from<Signed, uint64_t>(form) : load_from<Unsigned, uint64_t>(form);
      return nullptr;
    default: return nullptr;
  }
}

template <class M>
Handler store_from(Form form, unsigned width) {
  switch (width) {
    case 8:
      if constexpr (sizeof(M) <= 1) return store_to<M, uint8_t>(form);
      return nullptr;
    case 16:
      if constexpr (sizeof(M) <= 2) return store_to<M, uint16_t>(form);
      return nullptr;
    case 32:
      if constexpr (sizeof(M) <= 4) return store_to<M, uint32_t>(form);
      return nullptr;
    case 64:
      if constexpr (sizeof(M) <= 8) return store_to<M, uint64_t>(form);
      return nullptr;
    default: return nullptr;
  }
}

Handler choose_load_handler(Form form, Type type, unsigned width) {
  switch (bits_of(type)) {
    case 8: return load_into<uint8_t, int8_t>(form, is_signed(type), width);
    case 16: return load_into<uint16_t, int16_t>(form, is_signed(type), width);
    case 32: return load_into<uint32_t, int32_t>(form, is_signed(type), width);
    case 64: return load_into<uint64_t, int64_t>(form, is_signed(type), width);
    case 128: return width == 128 ? load_from<Bits128, Bits128>(form) : nullptr;
    default: return nullptr;
  }
}

Handler choose_store_handler(Form form, Type type, unsigned width) {
  switch (bits_of(type)) {
    case 8: return store_from<uint8_t>(form, width);
    case 16: return store_from<uint16_t>(form, width);
    case 32: return store_from<uint32_t>(form, width);
    case 64: return store_from<uint64_t>(form, width);
    case 128: return width == 128 ? store_to<Bits128, Bits128>(form) : nullptr;
    default: return nullptr;
  }
}

Type bits_type(unsigned width) {
  switch (width) {
    case 8: return Type::b8;
    case 16: return Type::b16;
    case 32: return Type::b32;
    case 64: return Type::b64;
    case 128: return Type::b128;
    default: return Type::none;
  }
}

Form take_space(Choice& choice) {
  static constexpr const char* kNames[] = {"global", "const", "shared",       "shared::cta", "shared::cluster",
                                           "local",  "param", "param::entry", "param::func"};
  static constexpr Space kSpaces[] = {Space::global,    Space::constant,         Space::shared,
                                      Space::shared,    Space::shared,           Space::local,
                                      Space::parameter, Space::kernel_parameter, Space::parameter};
  const int index = choice.take_one(kNames);
  Form form;
  if (index >= 0) form.space = kSpaces[index];
  return form;
}

unsigned take_vector(Choice& choice) {
  static constexpr const char* kNames[] = {"v2", "v4", "v8"};
  const int index = choice.take_one(kNames);
  return index < 0 ? 1 : 2u << index;
}

bool fits(const AccessModifiers& modifiers, Space space, unsigned vector_bits) {
  const bool global = space == Space::generic || space == Space::global;
  if (modifiers.named_global && space != Space::global) return false;
  if (modifiers.global_only) return global && (!modifiers.wide_vector || vector_bits == 256);
  return modifiers.any_space || global || space == Space::shared;
}

void set_aux(Choice& choice, bool strong, unsigned elements) {
  choice.set_aux(static_cast<uint8_t>((elements << kVectorShift) | (strong ? kSynchronises : 0)));
}

Handler choose_load(Choice& choice) {
  const AccessModifiers modifiers = take_access_modifiers(choice, true);
  Form form = take_space(choice);
  const unsigned elements = take_vector(choice);
  const Type type = choice.take_type();
  if (type == Type::none || !modifiers.exists || !fits(modifiers, form.space, elements * bits_of(type))) return nullptr;
  unsigned width = choice.width();
  if (width == 0) width = bits_of(type);  // only sinks
  const Type register_type = bits_type(width);
  if (register_type == Type::none || choice.elements() != elements) return nullptr;
  choice.results(register_type, elements);
  form.named_parameter = form.space != Space::generic && choice.names_kernel_parameter();
  // Through a register, too, .param of a kernel is the launch's: its own calls' parameters have names only.
  if (form.space == Space::parameter && choice.in_kernel() && choice.address_in_register()) {
    form.space = Space::kernel_parameter;
  }
  form.width = choice.address();
  if (modifiers.policy) choice.source(Type::b64);
  set_aux(choice, modifiers.strong, elements);
  return choose_load_handler(form, type, width);
}

Handler choose_store(Choice& choice) {
  const AccessModifiers modifiers = take_access_modifiers(choice, false);
  Form form = take_space(choice);
  const unsigned elements = take_vector(choice);
  const Type type = choice.take_type();
  if (type == Type::none || !modifiers.exists || !fits(modifiers, form.space, elements * bits_of(type))) return nullptr;
  form.width = choice.address();
  unsigned width = choice.width();
  if (width == 0) width = bits_of(type);  // an immediate
  const Type register_type = width == bits_of(type) ? type : bits_type(width);
  if (register_type == Type::none || choice.elements() != elements) return nullptr;
  choice.sources(register_type, elements);
  if (modifiers.policy) choice.source(Type::b64);
  set_aux(choice, modifiers.strong, elements);
  return choose_store_handler(form, type, width);
}

constexpr OpcodeRow kRows[] = {
    {"ld", kAnyType, choose_load, "9.7.9.8"},
    {"ldu", kAnyType, choose_load, "9.7.9.10"},
    {"st", kAnyType, choose_store, "9.7.9.11"},
};

}  // namespace
VGPU_SOFT_ROWS(load_store, kRows)
}  // namespace vgpu::soft::VGPU_ISA
