// SPDX-License-Identifier: Apache-2.0
// CUDA_VISIBLE_DEVICES (CUDA C++ programming guide, environment variables) on a machine of four devices.
#include "softgpu/driver/visible_devices.h"

#include <cstdio>
#include <string>

#include "tests/support/test.h"

using vgpu::soft::device_uuid;
using vgpu::soft::visible_devices;

namespace {

using Slots = std::vector<int>;
constexpr int kCount = 4;

std::string uuid_prefix(int slot) {
  const CUuuid uuid = device_uuid(slot);
  char text[16];
  std::snprintf(text, sizeof text, "GPU-%02x%02x%02x%02x", static_cast<unsigned char>(uuid.bytes[0]),
                static_cast<unsigned char>(uuid.bytes[1]), static_cast<unsigned char>(uuid.bytes[2]),
                static_cast<unsigned char>(uuid.bytes[3]));
  return text;
}

}  // namespace

TEST_CASE("without the variable all devices are visible", "[unit][visible_devices]") {
  CHECK(visible_devices(nullptr, kCount) == Slots{0, 1, 2, 3});
}

TEST_CASE("an empty variable hides all devices", "[unit][visible_devices]") {
  CHECK(visible_devices("", kCount).empty());
}

TEST_CASE("devices are visible in the order of the list", "[unit][visible_devices]") {
  CHECK(visible_devices("2,0, 3", kCount) == Slots{2, 0, 3});
}

TEST_CASE("the list ends at its first invalid entry", "[unit][visible_devices]") {
  CHECK(visible_devices("1,-1,2", kCount) == Slots{1});
  CHECK(visible_devices("1,9,2", kCount) == Slots{1});
  CHECK(visible_devices("1,two", kCount) == Slots{1});
  CHECK(visible_devices("99999999999999999999", kCount).empty());
}

TEST_CASE("a device that is named twice hides all", "[unit][visible_devices]") {
  CHECK(visible_devices("1,2,1", kCount).empty());
}

TEST_CASE("the beginning of a UUID names a device", "[unit][visible_devices]") {
  CHECK(visible_devices((uuid_prefix(2) + ",0").c_str(), kCount) == Slots{2, 0});
}

TEST_CASE("a beginning that two UUIDs share names none", "[unit][visible_devices]") {
  CHECK(visible_devices("GPU-", kCount).empty());
}

TEST_CASE("UUIDs are the same every time and differ between devices", "[unit][visible_devices]") {
  CHECK(uuid_prefix(1) == uuid_prefix(1));
  CHECK(uuid_prefix(0) != uuid_prefix(1));
}
