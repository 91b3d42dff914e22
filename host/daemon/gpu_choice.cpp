// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/gpu_choice.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace vgpu::host {
namespace {

std::string uuid_in(const std::filesystem::path& information) {
  std::ifstream file(information);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("GPU UUID:")) continue;
    const size_t at = line.find("GPU-");
    return at == std::string::npos ? std::string() : line.substr(at);
  }
  return {};
}

std::string list_of(const std::vector<HostGpu>& gpus) {
  std::string list;
  for (size_t i = 0; i < gpus.size(); ++i) list += fmt::format("\n  {}: {} {}", i, gpus[i].address, gpus[i].uuid);
  return list.empty() ? " (there is none)" : list;
}

}  // namespace

std::vector<HostGpu> host_gpus(const std::string& root) {
  std::vector<HostGpu> gpus;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(root, none))
    gpus.push_back({entry.path().filename().string(), uuid_in(entry.path() / "information")});
  std::sort(gpus.begin(), gpus.end(), [](const HostGpu& a, const HostGpu& b) { return a.address < b.address; });
  return gpus;
}

Result<HostGpu> choose_gpu(const std::vector<HostGpu>& gpus, std::string_view name) {
  std::vector<HostGpu> matching;
  for (size_t i = 0; i < gpus.size(); ++i)
    if (name == std::to_string(i) || name == gpus[i].address || (name.size() > 4 && gpus[i].uuid.starts_with(name)))
      matching.push_back(gpus[i]);
  if (matching.size() == 1) return matching.front();
  return Error{fmt::format("--gpu {} names {} GPU of this machine:{}", name, matching.empty() ? "no" : "more than one",
                           list_of(gpus))};
}

std::string visible_to(const HostGpu& gpu, const std::optional<std::string>& wanted) {
  if (!wanted) return gpu.uuid;
  const std::string first = wanted->substr(0, wanted->find(','));
  const bool itself = first == "0" || (first.size() > 4 && gpu.uuid.starts_with(first));
  return itself ? gpu.uuid : std::string();
}

}  // namespace vgpu::host
