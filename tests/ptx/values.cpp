// SPDX-License-Identifier: Apache-2.0
#include "tests/ptx/values.h"

#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace vgpu::ptx_test {
namespace {

unsigned exponent_bits(const Type& type) { return type.bytes * 8 - 1 - type.fraction_bits; }

uint64_t magnitude_mask(const Type& type) { return (uint64_t{1} << (type.bytes * 8 - 1)) - 1; }

uint64_t infinity_bits(const Type& type) { return ((uint64_t{1} << exponent_bits(type)) - 1) << type.fraction_bits; }

bool is_nan(const Type& type, uint64_t bits) { return (bits & magnitude_mask(type)) > infinity_bits(type); }

// Maps the encodings to integers in numeric order, so that a difference counts steps between neighbours.
int64_t ordered(const Type& type, uint64_t bits) {
  const auto magnitude = static_cast<int64_t>(bits & magnitude_mask(type));
  return (bits > magnitude_mask(type)) ? -magnitude : magnitude;
}

}  // namespace

std::optional<Type> find_type(std::string_view name) {
  static const Type kTypes[] = {
      {"u8", Kind::unsigned_integer, 1},
      {"u16", Kind::unsigned_integer, 2},
      {"u32", Kind::unsigned_integer, 4},
      {"u64", Kind::unsigned_integer, 8},
      {"s8", Kind::signed_integer, 1},
      {"s16", Kind::signed_integer, 2},
      {"s32", Kind::signed_integer, 4},
      {"s64", Kind::signed_integer, 8},
      {"b8", Kind::bits, 1},
      {"b16", Kind::bits, 2},
      {"b32", Kind::bits, 4},
      {"b64", Kind::bits, 8},
      {"f16", Kind::floating, 2, 10},
      {"bf16", Kind::floating, 2, 7},
      {"f32", Kind::floating, 4, 23},
      {"f64", Kind::floating, 8, 52},
  };
  for (const Type& type : kTypes)
    if (type.name == name) return type;
  return std::nullopt;
}

double to_double(const Type& type, uint64_t bits) {
  if (type.bytes == 8) return std::bit_cast<double>(bits);
  const int bias = (1 << (exponent_bits(type) - 1)) - 1;
  const double sign = bits > magnitude_mask(type) ? -1.0 : 1.0;
  const uint64_t magnitude = bits & magnitude_mask(type);
  if (is_nan(type, bits)) return std::nan("");
  if (magnitude == infinity_bits(type)) return sign * HUGE_VAL;
  const int exponent = static_cast<int>(magnitude >> type.fraction_bits);
  const uint64_t fraction = magnitude & ((uint64_t{1} << type.fraction_bits) - 1);
  const int fraction_bits = static_cast<int>(type.fraction_bits);
  if (exponent == 0) return sign * std::ldexp(static_cast<double>(fraction), 1 - bias - fraction_bits);
  const uint64_t significand = fraction | (uint64_t{1} << type.fraction_bits);
  return sign * std::ldexp(static_cast<double>(significand), exponent - bias - fraction_bits);
}

uint64_t from_double(const Type& type, double value) {
  if (type.bytes == 8) return std::bit_cast<uint64_t>(value);
  const uint64_t sign = std::signbit(value) ? magnitude_mask(type) + 1 : 0;
  if (std::isnan(value)) return sign | magnitude_mask(type);
  if (std::isinf(value)) return sign | infinity_bits(type);
  if (value == 0) return sign;
  const int bias = (1 << (exponent_bits(type) - 1)) - 1;
  const int fraction_bits = static_cast<int>(type.fraction_bits);
  const int exponent = std::max(std::ilogb(value), 1 - bias);
  // nearbyint rounds to nearest even; a carry out of the significand runs into the exponent field by itself.
  const auto significand =
      static_cast<uint64_t>(std::nearbyint(std::ldexp(std::fabs(value), fraction_bits - exponent)));
  const uint64_t hidden = uint64_t{1} << fraction_bits;
  if (significand < hidden) return sign | significand;
  const uint64_t bits = (static_cast<uint64_t>(exponent + bias) << fraction_bits) + (significand - hidden);
  return sign | std::min(bits, infinity_bits(type));
}

std::optional<Value> parse_value(const Type& type, const std::string& word) {
  if (word == "_") return Value{0, false, true};
  const uint64_t mask = type.bytes == 8 ? ~uint64_t{0} : (uint64_t{1} << (type.bytes * 8)) - 1;
  char* end = nullptr;
  errno = 0;
  const bool hex = word.rfind("0x", 0) == 0 && word.find_first_of("pP.") == std::string::npos;
  if (type.kind == Kind::floating && !hex) {
    const double value = std::strtod(word.c_str(), &end);
    if (*end != '\0' || end == word.c_str()) return std::nullopt;
    // A float's decimal is rounded once; going through double could round twice.
    const uint64_t bits =
        type.bytes == 4 ? std::bit_cast<uint32_t>(std::strtof(word.c_str(), nullptr)) : from_double(type, value);
    return Value{bits, std::isnan(value), false};
  }
  const uint64_t bits = word[0] == '-' ? static_cast<uint64_t>(std::strtoll(word.c_str(), &end, 0))
                                       : std::strtoull(word.c_str(), &end, 0);
  if (*end != '\0' || end == word.c_str() || errno == ERANGE) return std::nullopt;
  return Value{bits & mask, false, false};
}

bool matches(const Type& type, const Value& expected, uint64_t actual, const Tolerance& tolerance) {
  if (expected.ignored || expected.bits == actual) return true;
  if (type.kind != Kind::floating) return false;
  if (is_nan(type, actual)) return expected.any_nan;
  if (expected.any_nan || is_nan(type, expected.bits)) return false;
  const int64_t steps = ordered(type, expected.bits) - ordered(type, actual);
  if (tolerance.ulp != 0 && static_cast<uint64_t>(steps < 0 ? -steps : steps) <= tolerance.ulp) return true;
  const double want = to_double(type, expected.bits);
  const double difference = std::fabs(want - to_double(type, actual));
  return difference <= tolerance.absolute || difference <= tolerance.relative * std::fabs(want);
}

std::string format_value(const Type& type, uint64_t bits) {
  char text[64];
  const int digits = static_cast<int>(type.bytes * 2);
  if (type.kind == Kind::floating)
    std::snprintf(text, sizeof text, "0x%0*llx(%.9g)", digits, static_cast<unsigned long long>(bits),
                  to_double(type, bits));
  else std::snprintf(text, sizeof text, "0x%0*llx", digits, static_cast<unsigned long long>(bits));
  return text;
}

}  // namespace vgpu::ptx_test
