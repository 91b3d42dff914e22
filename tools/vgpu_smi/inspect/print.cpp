// SPDX-License-Identifier: Apache-2.0
// The tree as text, XML and JSON.
#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "tools/vgpu_smi/inspect/node.h"

namespace vgpu::smi {
namespace {

constexpr int kValueColumn = 55;

void add_text(const Node& node, int depth, std::string& page) {
  const std::string head = std::string(static_cast<size_t>(depth) * 4, ' ') + node.label;
  if (!node.is_group) {
    page += fmt::format("{:<{}}: {}\n", head, kValueColumn, node.cell.with_unit());
    return;
  }
  if (node.is_list && node.children.empty()) page += fmt::format("{:<{}}: None\n", head, kValueColumn);
  else page += node.id.empty() ? head + "\n" : fmt::format("{}{} {}\n", depth == 0 ? "\n" : "", head, node.id);
  for (const Node& child : node.children) add_text(child, depth + 1, page);
}

// All words are clean already (clean_text.h).
std::string escape(const std::string& words) {
  std::string safe;
  for (const char letter : words) {
    if (letter == '&') safe += "&amp;";
    else if (letter == '<') safe += "&lt;";
    else if (letter == '>') safe += "&gt;";
    else if (letter == '"') safe += "&quot;";
    else safe += letter;
  }
  return safe;
}

void add_xml(const Node& node, int depth, std::string& page) {
  const std::string indent(static_cast<size_t>(depth), '\t');
  const std::string open = node.id.empty() ? node.tag : fmt::format("{} id=\"{}\"", node.tag, escape(node.id));
  if (!node.is_group) {
    page += fmt::format("{}<{}>{}</{}>\n", indent, open, escape(node.cell.with_unit()), node.tag);
    return;
  }
  page += fmt::format("{}<{}>\n", indent, open);
  for (const Node& child : node.children) add_xml(child, depth + 1, page);
  page += fmt::format("{}</{}>\n", indent, node.tag);
}

nlohmann::json json_of(const Node& node) {
  if (!node.is_group) {
    if (!node.cell.ok() || node.cell.unit.empty()) return node.cell.json();
    return {{"value", node.cell.json()}, {"unit", node.cell.unit}};
  }
  if (node.is_list) {
    auto list = nlohmann::json::array();
    for (const Node& child : node.children) list.push_back(json_of(child));
    return list;
  }
  auto object = nlohmann::json::object();
  if (!node.id.empty()) object["id"] = node.id;
  for (const Node& child : node.children) {
    // Cards stand beside the head's values, several of one name.
    if (child.tag == "gpu") object["gpu"].push_back(json_of(child));
    else object[child.tag] = json_of(child);
  }
  return object;
}

}  // namespace

std::string to_text(const Node& root) {
  std::string page = "\n==============VGPU-SMI LOG==============\n\n";
  for (const Node& child : root.children) add_text(child, 0, page);
  return page + "\n";
}

std::string to_xml(const Node& root) {
  std::string page = "<?xml version=\"1.0\" ?>\n";
  add_xml(root, 0, page);
  return page;
}

nlohmann::json to_json(const Node& root) { return json_of(root); }

}  // namespace vgpu::smi
