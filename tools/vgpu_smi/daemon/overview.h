// SPDX-License-Identifier: Apache-2.0
// Overview: what a vgpud tells about itself, its cards and its programs (docs/nvml.md). Members that are absent are
// unknown: whatever the daemon's version, reading never fails for that. One thread.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/vgpu_smi/card.h"

namespace vgpu::smi {

class Overview {
 public:
  // Of the daemon that programs here use: $VGPU_SOCKET, /dev/vgpu0 or the usual socket.
  static Result<Overview, Complaint> ask();
  // Of the daemon at `socket`.
  static Result<Overview, Complaint> ask_at(const std::string& socket);
  // Of somebody's text; for tests as well.
  static Result<Overview, Complaint> parse(const std::string& text);

  const nlohmann::json& json() const { return json_; }
  std::vector<nlohmann::json> list(const char* member) const;

 private:
  nlohmann::json json_;
};

// A number of an object's member; nothing when it is absent, null or no number.
std::optional<uint64_t> find_number(const nlohmann::json& object, std::string_view member);
// Fit to print; "?" when absent.
std::string find_words(const nlohmann::json& object, std::string_view member);
const nlohmann::json& find_object(const nlohmann::json& object, std::string_view member);

// Sockets of this host's daemons: $VGPU_SOCKET, and what is in /run/vgpu.
std::vector<std::string> find_daemon_sockets(const std::string& directory = "/run/vgpu");

}  // namespace vgpu::smi
