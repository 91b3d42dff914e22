// SPDX-License-Identifier: Apache-2.0
#include "host/device/pci_config.h"

#include <charconv>
#include <cstring>

#include "vgpu/pci.h"

namespace vgpu::host {
namespace {

// Offsets: PCI Local Bus Specification 3.0, 6.1; capabilities: PCI Express Base Specification, 7.5.
constexpr size_t kVendor = 0x00, kDevice = 0x02, kStatus = 0x06, kRevision = 0x08, kProgramming = 0x09, kClass = 0x0a,
                 kBar0 = 0x10, kSubvendor = 0x2c, kSubdevice = 0x2e, kCapabilities = 0x34;
constexpr size_t kMsiCapability = 0x40, kExpressCapability = 0x60;
constexpr size_t kIdentityEnd = 0x04, kCommandEnd = 0x06;

}  // namespace

template <class T>
void PciConfig::put(size_t offset, T value) {
  std::memcpy(bytes_.data() + offset, &value, sizeof value);
}

void PciConfig::reset() {
  bytes_ = {};
  put(kVendor, identity_.vendor);
  put(kDevice, identity_.device);
  put(kStatus, uint16_t{0x0010});  // has a list of capabilities
  put(kRevision, identity_.revision);
  put(kProgramming, static_cast<uint8_t>(identity_.class_code));
  put(kClass, static_cast<uint16_t>(identity_.class_code >> 8));
  put(kSubvendor, uint16_t{VGPU_PCI_SUBVENDOR});
  put(kSubdevice, uint16_t{VGPU_PCI_SUBDEVICE});
  put(kCapabilities, static_cast<uint8_t>(kMsiCapability));
  // MSI: 64-bit address, one vector.
  put(kMsiCapability, uint8_t{0x05});
  put(kMsiCapability + 1, static_cast<uint8_t>(kExpressCapability));
  put(kMsiCapability + 2, uint16_t{0x0080});
  // PCI Express: endpoint, version 2; a link of width 1 at 2.5 GT/s, which nobody uses.
  put(kExpressCapability, uint8_t{0x10});
  put(kExpressCapability + 2, uint16_t{0x0002});
  put(kExpressCapability + 4, uint32_t{0x8000});
  put(kExpressCapability + 12, uint32_t{0x0511});
  put(kExpressCapability + 18, uint16_t{0x0011});
  put(kExpressCapability + 36, uint32_t{0x1f});
}

void PciConfig::read(uint64_t offset, std::span<std::byte> data) const {
  std::memcpy(data.data(), bytes_.data() + offset, data.size());
}

// The command register and the BAR keep what is written; QEMU reads some of it back. Everything else is as it was
// served.
void PciConfig::write(uint64_t offset, std::span<const std::byte> data) {
  for (size_t i = 0; i < data.size(); ++i) {
    const uint64_t at = offset + i;
    const bool command = at >= kIdentityEnd && at < kCommandEnd;
    const bool bar = at >= kBar0 && at < kBar0 + 4;
    if (command || bar) bytes_[at] = at == kBar0 ? data[i] & std::byte{0xf0} : data[i];
  }
}

Result<PciIdentity> parse_identity(std::string_view text) {
  const Error bad = {"'" + std::string(text) + "' is not VENDOR:DEVICE[:CLASS[:REVISION]] in hexadecimal"};
  PciIdentity identity;
  uint32_t fields[4] = {0, 0, identity.class_code, identity.revision};
  constexpr uint32_t kLargest[4] = {0xffff, 0xffff, 0xffffff, 0xff};
  int count = 0;
  for (const char *at = text.data(), *const end = at + text.size(); count < 4; ++at) {
    const auto [stop, error] = std::from_chars(at, end, fields[count], 16);
    if (error != std::errc() || fields[count] > kLargest[count]) return bad;
    ++count;
    at = stop;
    if (at == end) break;
    if (*at != ':' || count == 4) return bad;
  }
  if (count < 2) return bad;
  identity.vendor = static_cast<uint16_t>(fields[0]);
  identity.device = static_cast<uint16_t>(fields[1]);
  identity.class_code = fields[2];
  identity.revision = static_cast<uint8_t>(fields[3]);
  return identity;
}

}  // namespace vgpu::host
