// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/links.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "tools/vgpu_smi/table.h"

namespace vgpu::smi {
namespace {

constexpr unsigned int kLinks = 18;  // NVML_NVLINK_MAX_LINKS

struct Link {
  unsigned int number = 0;
  bool is_active = false;
  Reading<long long> megabytes = NVML_ERROR_NOT_SUPPORTED;  // a second
};

// Ends where the card has no more of them.
std::vector<Link> links_of(const Card& card) {
  std::vector<Link> links;
  for (unsigned int number = 0; number < kLinks; ++number) {
    const auto state = card.get<unsigned int>("nvmlDeviceGetNvLinkState", number);
    if (!state.ok()) break;
    Link& link = links.emplace_back();
    link.number = number;
    link.is_active = state.value() == 1;
    if (link.is_active) link.megabytes = card.field(NVML_FI_DEV_NVLINK_GET_SPEED, number);
  }
  return links;
}

std::string words(const Link& link) {
  if (!link.is_active) return "<inactive>";
  if (!link.megabytes.ok()) return "N/A";
  return fmt::format("{:.3f} GB/s", static_cast<double>(link.megabytes.value()) / 1000);
}

}  // namespace

std::string link_list(const std::vector<Card>& cards) {
  std::string text;
  for (const Card& card : cards) {
    text += card_list({card});
    // A tab, because scripts look for it.
    for (const Link& link : links_of(card)) text += fmt::format("\t Link {}: {}\n", link.number, words(link));
  }
  return text;
}

nlohmann::json link_list_json(const std::vector<Card>& cards) {
  auto all = nlohmann::json::array();
  for (const Card& card : cards) {
    auto links = nlohmann::json::array();
    for (const Link& link : links_of(card))
      links.push_back({{"link", link.number},
                       {"active", link.is_active},
                       {"megabytes_per_second",
                        link.megabytes.ok() ? nlohmann::json(link.megabytes.value()) : nlohmann::json(nullptr)}});
    all.push_back({{"index", card.index()}, {"uuid", card.uuid()}, {"links", links}});
  }
  return {{"gpus", all}};
}

}  // namespace vgpu::smi
