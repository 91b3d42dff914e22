// SPDX-License-Identifier: Apache-2.0
// Cell: one value of the output, or why there is none, with its unit. The same cell is printed as CSV, text, XML and
// JSON, so the four cannot disagree. A value; any thread.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "tools/vgpu_smi/nvml.h"

namespace vgpu::smi {

struct Cell {
  std::string text;  // without the unit
  std::variant<std::string, uint64_t, int64_t, double> value;
  std::string_view unit = "";
  nvmlReturn_t status = NVML_SUCCESS;
  // Nobody can have it with this card and library: scripts know it as N/A, whatever the code.
  bool is_missing = false;

  bool ok() const { return status == NVML_SUCCESS && !is_missing; }
  // "606 MiB"; "N/A" or what failed when there is no value.
  std::string with_unit() const;
  std::string without_unit() const;
  std::string csv(bool units) const;
  // null when there is no value.
  nlohmann::json json() const;
};

Cell missing(nvmlReturn_t why = NVML_ERROR_NOT_SUPPORTED);
Cell text(std::string value);
Cell text(const char* value);
Cell text(Reading<std::string> value);
Cell number(uint64_t value, std::string_view unit = "");
Cell number(const Reading<unsigned int>& value, std::string_view unit = "");
Cell number(const Reading<unsigned long long>& value, std::string_view unit = "");
Cell signed_number(const Reading<long long>& value, std::string_view unit = "");
// `names` by value; a number without a name is shown as a number.
Cell choice(const Reading<unsigned int>& value, std::span<const std::string_view> names);
Cell yes_no(const Reading<bool>& value, std::string_view yes, std::string_view no);
Cell enabled(const Reading<unsigned int>& value);
// Whole mebibytes of `bytes`, rounded down.
Cell mebibytes(const Reading<unsigned long long>& bytes);
// Milliwatts in watts with two digits.
Cell watts(const Reading<unsigned int>& milliwatts);
Cell hex(const Reading<unsigned long long>& value, int digits);

// A reading made from another's value.
template <class Make, class T>
auto map(const Reading<T>& from, Make make) -> Reading<decltype(make(from.value()))> {
  if (!from.ok()) return from.error();
  return make(from.value());
}

// What stands where a value is missing.
std::string_view words_for(nvmlReturn_t status);

}  // namespace vgpu::smi
