// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/pcie_port.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace vgpu::smi {

std::optional<unsigned int> port_generation(const std::string& bus_id) {
  if (bus_id.size() < 12) return std::nullopt;
  std::string address = bus_id.substr(bus_id.size() - 12);
  std::transform(address.begin(), address.end(), address.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  std::error_code failed;
  const auto card = std::filesystem::canonical("/sys/bus/pci/devices/" + address, failed);
  if (failed) return std::nullopt;
  std::ifstream file(card.parent_path() / "max_link_speed");
  double gigatransfers = 0;
  if (!(file >> gigatransfers)) return std::nullopt;
  static constexpr double kSpeeds[] = {2.5, 5, 8, 16, 32, 64};
  const auto* const found = std::find(std::begin(kSpeeds), std::end(kSpeeds), gigatransfers);
  if (found == std::end(kSpeeds)) return std::nullopt;
  return static_cast<unsigned int>(found - std::begin(kSpeeds)) + 1;
}

}  // namespace vgpu::smi
