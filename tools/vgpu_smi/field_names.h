// SPDX-License-Identifier: Apache-2.0
// Fields that a query asks for by one of their names, whatever kind of field it is. Any thread.
#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/similar.h"

namespace vgpu::smi {

// The end when there is none.
template <class Field>
auto find_by_name(const std::vector<Field>& fields, const std::string& name) {
  return std::find_if(fields.begin(), fields.end(), [&](const Field& field) {
    return std::find(field.names.begin(), field.names.end(), name) != field.names.end();
  });
}

// For help: "a" or "b".
inline std::string quoted(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += fmt::format("{}\"{}\"", text.empty() ? "" : " or ", name);
  return text;
}

// `option`: that of the query.
template <class Field>
Complaint unknown_field(const std::string& word, const std::vector<Field>& fields, std::string_view option) {
  std::vector<std::string> all;
  for (const Field& field : fields) all.insert(all.end(), field.names.begin(), field.names.end());
  const std::string near = find_similar(word, all);
  return {fmt::format("Field \"{}\" is not a valid field to query.{} All fields: vgpu-smi --help-{}", word,
                      near.empty() ? std::string() : fmt::format(" Did you mean \"{}\"?", near), option),
          kBadArgument};
}

}  // namespace vgpu::smi
