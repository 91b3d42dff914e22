// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/visible_devices.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/uuid_text.h"

namespace vgpu::soft {
namespace {

// The slot that one entry of the list means, or -1: a number, or the beginning of exactly one device's UUID.
int find_slot(std::string_view entry, int count) {
  if (entry.starts_with("GPU-")) {
    int found = -1;
    for (int slot = 0; slot < count; ++slot) {
      if (!uuid_text(device_uuid(slot).bytes).starts_with(entry)) continue;
      if (found >= 0) return -1;
      found = slot;
    }
    return found;
  }
  if (entry.empty() || entry.find_first_not_of("0123456789") != std::string_view::npos || entry.size() > 4) return -1;
  const int slot = std::atoi(std::string(entry).c_str());
  return slot < count ? slot : -1;
}

std::string_view trim(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

std::vector<int> visible_devices(const char* list, int count) {
  std::vector<int> visible;
  if (list == nullptr) {
    for (int slot = 0; slot < count; ++slot) visible.push_back(slot);
    return visible;
  }
  std::string_view rest = list;
  for (;;) {
    const size_t comma = rest.find(',');
    const int slot = find_slot(trim(rest.substr(0, comma)), count);
    // The list ends at its first invalid entry; a device named twice makes the whole list invalid.
    if (slot < 0) return visible;
    if (std::find(visible.begin(), visible.end(), slot) != visible.end()) return {};
    visible.push_back(slot);
    if (comma == std::string_view::npos) return visible;
    rest.remove_prefix(comma + 1);
  }
}

// The same on this machine every time, another one for each device: the machine id and the slot, mixed (FNV-1a).
CUuuid device_uuid(int slot) {
  char text[64] = "no machine id";
  if (std::FILE* file = std::fopen("/etc/machine-id", "re")) {
    if (std::fgets(text, sizeof text, file) == nullptr) text[0] = 0;
    std::fclose(file);
  }
  CUuuid uuid{};
  uint64_t hash = 0xcbf29ce484222325u + static_cast<uint64_t>(slot);
  for (size_t i = 0; i < sizeof uuid.bytes; ++i) {
    for (const char* c = text; *c != 0; ++c) hash = (hash ^ static_cast<uint8_t>(*c)) * 0x100000001b3u;
    uuid.bytes[i] = static_cast<char>(hash >> 32);
  }
  // RFC 9562: version 8 (custom), variant 10.
  uuid.bytes[6] = static_cast<char>((uuid.bytes[6] & 0x0f) | 0x80);
  uuid.bytes[8] = static_cast<char>((uuid.bytes[8] & 0x3f) | 0x80);
  return uuid;
}

}  // namespace vgpu::soft
