// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/topology.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

namespace vgpu::smi {
namespace {

constexpr unsigned int kLinks = 18;  // NVML_NVLINK_MAX_LINKS
constexpr unsigned int kSwitch = 2;  // NVML_NVLINK_DEVICE_TYPE_SWITCH
constexpr size_t kWordBits = sizeof(unsigned long) * 8;

// What the path between two cards passes, by NVML's number.
const char* path_name(unsigned int level) {
  switch (level) {
    case 0: return "INT";
    case 10: return "PIX";
    case 20: return "PXB";
    case 30: return "PHB";
    case 40: return "NODE";
    case 50: return "SYS";
    default: return "?";
  }
}

bool is_active(const Card& card, unsigned int link) {
  const auto state = card.get<unsigned int>("nvmlDeviceGetNvLinkState", link);
  return state.ok() && state.value() == 1;
}

// Active links from one card to the other, or, where both are at switches, those to the switches.
unsigned int count_links(const Card& from, const Card& to) {
  const auto target = to.bus_id();
  unsigned int direct = 0, to_switch = 0;
  for (unsigned int link = 0; link < kLinks; ++link) {
    if (!is_active(from, link)) continue;
    const auto type = from.get<unsigned int>("nvmlDeviceGetNvLinkRemoteDeviceType", link);
    if (type.ok() && type.value() == kSwitch) {
      ++to_switch;
      continue;
    }
    const auto remote = from.get<nvmlPciInfo_t>("nvmlDeviceGetNvLinkRemotePciInfo_v2", link);
    if (remote.ok() && target.ok() && target.value() == remote.value().busId) ++direct;
  }
  return direct != 0 ? direct : to_switch;
}

std::string connection(const Card& from, const Card& to) {
  if (from.device() == to.device()) return "X";
  if (const unsigned int links = count_links(from, to); links != 0) return fmt::format("NV{}", links);
  unsigned int level = 0;
  const auto status = from.nvml().call("nvmlDeviceGetTopologyCommonAncestor", from.device(), to.device(), &level);
  return status == NVML_SUCCESS ? path_name(level) : "N/A";
}

std::string processors(const Card& card) {
  std::vector<unsigned long> bits(16, 0);
  const auto status =
      card.nvml().call("nvmlDeviceGetCpuAffinity", card.device(), static_cast<unsigned int>(bits.size()), bits.data());
  return status == NVML_SUCCESS ? number_ranges(bits) : "N/A";
}

std::string memory_nodes(const Card& card) {
  std::vector<unsigned long> bits(4, 0);
  constexpr unsigned int kNodeScope = 0;
  const auto status = card.nvml().call("nvmlDeviceGetMemoryAffinity", card.device(),
                                       static_cast<unsigned int>(bits.size()), bits.data(), kNodeScope);
  return status == NVML_SUCCESS ? number_ranges(bits) : "N/A";
}

std::string own_node(const Card& card) {
  const auto node = card.get<unsigned int>("nvmlDeviceGetNumaNodeId");
  return node.ok() ? fmt::format("{}", node.value()) : "N/A";
}

constexpr const char* kLegend =
    "\nLegend:\n\n"
    "  X    = the card itself\n"
    "  SYS  = through PCIe and the link between NUMA nodes\n"
    "  NODE = through PCIe and the link between host bridges of one NUMA node\n"
    "  PHB  = through PCIe and a host bridge, which is the processor as a rule\n"
    "  PXB  = through several PCIe bridges, but no host bridge\n"
    "  PIX  = through one PCIe bridge at most\n"
    "  NV#  = through # NVLinks\n";

}  // namespace

std::string number_ranges(const std::vector<unsigned long>& bits) {
  const size_t count = bits.size() * kWordBits;
  const auto is_set = [&](size_t i) { return i < count && (bits[i / kWordBits] >> (i % kWordBits) & 1) != 0; };
  std::string words;
  for (size_t i = 0; i < count; ++i) {
    if (!is_set(i)) continue;
    size_t last = i;
    while (is_set(last + 1)) ++last;
    words += words.empty() ? "" : ",";
    words += last == i ? fmt::format("{}", i) : fmt::format("{}-{}", i, last);
    i = last;
  }
  return words.empty() ? "N/A" : words;
}

std::string topology_matrix(const std::vector<Card>& cards) {
  // Tabs, because scripts split at them.
  std::string page = "\t";
  for (const Card& card : cards) page += fmt::format("GPU{}\t", card.index());
  page += "CPU Affinity\tNUMA Affinity\tGPU NUMA ID\n";
  for (const Card& row : cards) {
    page += fmt::format("GPU{}\t", row.index());
    for (const Card& column : cards) page += fmt::format("{:>2}\t", connection(row, column));
    page += fmt::format("{}\t{}\t\t{}\n", processors(row), memory_nodes(row), own_node(row));
  }
  return page + kLegend;
}

nlohmann::json topology_json(const std::vector<Card>& cards) {
  auto all = nlohmann::json::array();
  for (const Card& row : cards) {
    auto paths = nlohmann::json::object();
    for (const Card& column : cards)
      if (row.device() != column.device()) paths[fmt::format("{}", column.index())] = connection(row, column);
    all.push_back({{"index", row.index()},
                   {"connections", paths},
                   {"cpu_affinity", processors(row)},
                   {"numa_affinity", memory_nodes(row)},
                   {"gpu_numa_id", own_node(row)}});
  }
  return {{"gpus", all}};
}

}  // namespace vgpu::smi
