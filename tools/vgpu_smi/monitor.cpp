// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/monitor.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace vgpu::smi {
namespace {

void add(std::string& line, const std::string& words, int width, bool left) {
  line += left ? fmt::format(" {:<{}}", words, width) : fmt::format(" {:>{}}", words, width);
}

}  // namespace

std::string Monitor::head() const {
  std::string names = "#", units = "#";
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column& column = columns_[i];
    // The mark takes a place of the first column.
    add(names, column.name, column.width - (i == 0 ? 1 : 0), column.left);
    add(units, column.unit, column.width - (i == 0 ? 1 : 0), column.left);
  }
  return names + "\n" + units + "\n";
}

std::string Monitor::line(const std::vector<Cell>& row) const {
  std::string words;
  for (size_t i = 0; i < columns_.size(); ++i)
    add(words, row[i].ok() ? row[i].text : "-", columns_[i].width, columns_[i].left);
  return words + "\n";
}

nlohmann::json Monitor::json(const std::vector<std::vector<Cell>>& rows) const {
  auto all = nlohmann::json::array();
  for (const auto& row : rows) {
    auto object = nlohmann::json::object();
    for (size_t i = 0; i < columns_.size(); ++i) object[columns_[i].name] = row[i].json();
    all.push_back(std::move(object));
  }
  return all;
}

}  // namespace vgpu::smi
