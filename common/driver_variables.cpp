// SPDX-License-Identifier: Apache-2.0
#include "common/driver_variables.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace vgpu {
namespace {

struct Known {
  const char* name;
  const char* standard;  // what an unset one means; null: nothing that could be said
};

constexpr std::array kKnown = {Known{kVisibleDevices, nullptr},
                               Known{"CUDA_DEVICE_ORDER", "FASTEST_FIRST"},
                               Known{"CUDA_DEVICE_MAX_CONNECTIONS", "8"},
                               Known{"CUDA_FORCE_PTX_JIT", "0"},
                               Known{"CUDA_DISABLE_PTX_JIT", "0"},
                               Known{"CUDA_DEVICE_DEFAULT_PERSISTING_L2_CACHE_PERCENTAGE_LIMIT", nullptr}};

// Numbers and words.
constexpr size_t kLongestValue = 64;

const Known* find(std::string_view name) {
  const auto* const found =
      std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& known) { return known.name == name; });
  return found == kKnown.end() ? nullptr : found;
}

bool is_meant(const DriverVariable& variable) {
  if (find(variable.name) == nullptr) return false;
  if (variable.name == kVisibleDevices) return true;
  return variable.value.size() <= kLongestValue &&
         std::all_of(variable.value.begin(), variable.value.end(), [](char c) { return c > ' ' && c < 127; });
}

}  // namespace

DriverVariables own_driver_variables() {
  DriverVariables variables;
  for (const Known& known : kKnown)
    if (const char* const value = std::getenv(known.name)) variables.push_back({known.name, value});
  return variables;
}

std::optional<std::string> text_of(const DriverVariables& variables, size_t most) {
  if (variables.empty()) return std::nullopt;
  if (variables.size() == 1 && variables[0].name == kVisibleDevices) return variables[0].value.substr(0, most);
  std::string text;
  for (const DriverVariable& variable : variables) {
    const std::string line = "\n" + variable.name + "=" + variable.value;
    if (line.find('\n', 1) != std::string::npos) continue;
    if (variable.name == kVisibleDevices) text += line.substr(0, most);
    else if (text.size() + line.size() <= most) text += line;
  }
  return text.empty() ? std::nullopt : std::optional(text);
}

DriverVariables parse_driver_variables(std::string_view text) {
  if (!text.starts_with('\n')) return {{kVisibleDevices, std::string(text)}};
  DriverVariables variables;
  while (!text.empty()) {
    text.remove_prefix(1);
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(line.size());
    const size_t middle = line.find('=');
    if (middle == std::string_view::npos) continue;
    DriverVariable variable = {std::string(line.substr(0, middle)), std::string(line.substr(middle + 1))};
    const bool is_new = std::none_of(variables.begin(), variables.end(),
                                     [&](const DriverVariable& earlier) { return earlier.name == variable.name; });
    if (is_new && is_meant(variable)) variables.push_back(std::move(variable));
  }
  return variables;
}

bool says_nothing_new(const DriverVariable& variable) {
  if (variable.name == kVisibleDevices) return false;
  if (const char* const own = std::getenv(variable.name.c_str())) return variable.value == own;
  const Known* const known = find(variable.name);
  return known != nullptr && known->standard != nullptr && variable.value == known->standard;
}

}  // namespace vgpu
