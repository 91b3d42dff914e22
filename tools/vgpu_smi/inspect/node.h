// SPDX-License-Identifier: Apache-2.0
// Node: a place in what -q tells of a card: a value, or a group of nodes. One tree is printed as text, XML or JSON.
// A value.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/cell.h"

namespace vgpu::smi {

struct Node {
  std::string label;  // in text
  std::string tag;    // in XML and JSON
  std::string id;     // of a card: an attribute in XML, part of the label in text
  Cell cell;          // of a value
  std::vector<Node> children;
  bool is_group = false;
  bool is_list = false;  // a group whose children are alike; "None" when there are none
};

inline Node make_value(std::string label, std::string tag, Cell cell) {
  Node node;
  node.label = std::move(label);
  node.tag = std::move(tag);
  node.cell = std::move(cell);
  return node;
}
inline Node make_group(std::string label, std::string tag, bool is_list = false) {
  Node node;
  node.label = std::move(label);
  node.tag = std::move(tag);
  node.is_group = true;
  node.is_list = is_list;
  return node;
}

// Sections that -d can choose.
enum Section : unsigned int {
  kMemorySection = 1u << 0,
  kUtilizationSection = 1u << 1,
  kEccSection = 1u << 2,
  kTemperatureSection = 1u << 3,
  kPowerSection = 1u << 4,
  kClockSection = 1u << 5,
  kComputeSection = 1u << 6,
  kPidsSection = 1u << 7,
  kPerformanceSection = 1u << 8,
  kPageRetirementSection = 1u << 9,
  kAccountingSection = 1u << 10,
  kEncoderSection = 1u << 11,
  kRemapperSection = 1u << 12,
  kResetSection = 1u << 13,
  kSupportedClocksSection = 1u << 14,
  kOtherSection = 1u << 15,  // only without -d
  kEverySection = ~0u,
};
Result<unsigned int, Complaint> parse_sections(const std::string& list);

// Everything about the cards, with the head that says which driver told it.
Node inspect(const Nvml& nvml, const std::vector<Card>& cards, unsigned int sections);

std::string to_text(const Node& root);
std::string to_xml(const Node& root);
nlohmann::json to_json(const Node& root);

}  // namespace vgpu::smi
