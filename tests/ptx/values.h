// SPDX-License-Identifier: Apache-2.0
// Typed values of a one-instruction test: what its header comment writes, as bits, and how two of them compare.
// Called by run_ptx.cpp only. Plain data, no threads.
// Small floating-point formats are read as a decimal and rounded once, to nearest even; 0x… always means bits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vgpu::ptx_test {

enum class Kind { unsigned_integer, signed_integer, bits, floating };

struct Type {
  std::string name;
  Kind kind = Kind::bits;
  unsigned bytes = 4;
  unsigned fraction_bits = 0;  // Of a floating format, without the hidden bit.
};

struct Value {
  uint64_t bits = 0;
  bool any_nan = false;  // Written as "nan": every NaN of the type matches.
  bool ignored = false;  // Written as "_": not compared.
};

// How far a result may be from what the header says; all three zero means equal bits.
struct Tolerance {
  uint64_t ulp = 0;
  double absolute = 0;
  double relative = 0;
};

[[nodiscard]] std::optional<Type> find_type(std::string_view name);
[[nodiscard]] std::optional<Value> parse_value(const Type& type, const std::string& word);
[[nodiscard]] bool matches(const Type& type, const Value& expected, uint64_t actual, const Tolerance& tolerance);
[[nodiscard]] std::string format_value(const Type& type, uint64_t bits);

// A value of a floating format as a double (exact for every format here) and the rounding back.
[[nodiscard]] double to_double(const Type& type, uint64_t bits);
[[nodiscard]] uint64_t from_double(const Type& type, double value);

}  // namespace vgpu::ptx_test
