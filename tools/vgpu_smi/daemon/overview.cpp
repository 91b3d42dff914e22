// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/daemon/overview.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "common/nvml/report_client.h"
#include "tools/vgpu_smi/clean_text.h"
#include "tools/vgpu_smi/daemon/client.h"
#include "tools/vgpu_smi/daemon/complaint.h"

namespace vgpu::smi {
namespace {

const nlohmann::json& nothing() {
  static const nlohmann::json kNothing = nlohmann::json::object();
  return kNothing;
}

}  // namespace

Result<Overview, Complaint> Overview::parse(const std::string& text) {
  Overview overview;
  overview.json_ = nlohmann::json::parse(text, nullptr, false);
  if (!overview.json_.is_object())
    return Complaint{"vgpud's answer makes no sense. Is it of the same release? vgpud --version tells.", kOther};
  return overview;
}

Result<Overview, Complaint> Overview::ask() {
  nvml::ReportClient client;
  const auto text = client.overview();
  return text.ok() ? parse(text.value()) : explain(text.error());
}

Result<Overview, Complaint> Overview::ask_at(const std::string& socket) {
  // The client looks where every program looks.
  ::setenv("VGPU_SOCKET", socket.c_str(), 1);
  return ask();
}

std::vector<nlohmann::json> Overview::list(const char* member) const {
  const auto found = json_.find(member);
  if (found == json_.end() || !found->is_array()) return {};
  std::vector<nlohmann::json> all;
  for (const nlohmann::json& item : *found)
    if (item.is_object()) all.push_back(item);
  return all;
}

std::optional<uint64_t> find_number(const nlohmann::json& object, std::string_view member) {
  const auto found = object.find(member);
  if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
  return found->get<uint64_t>();
}

std::string find_words(const nlohmann::json& object, std::string_view member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_string() ? clean_text(found->get_ref<const std::string&>()) : "?";
}

const nlohmann::json& find_object(const nlohmann::json& object, std::string_view member) {
  const auto found = object.find(member);
  return found != object.end() && found->is_object() ? *found : nothing();
}

std::vector<std::string> find_daemon_sockets(const std::string& directory) {
  std::vector<std::string> sockets;
  if (const char* const configured = std::getenv("VGPU_SOCKET"); configured != nullptr && *configured != '\0')
    sockets.emplace_back(configured);
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    // QEMU's sockets are in the same place; they are of another type, and refuse.
    if (!entry.is_socket(failed) || entry.path() == (sockets.empty() ? "" : sockets.front())) continue;
    if (connect_daemon(entry.path().string()).ok()) sockets.push_back(entry.path().string());
  }
  std::sort(sockets.begin(), sockets.end());
  return sockets;
}

}  // namespace vgpu::smi
