// SPDX-License-Identifier: Apache-2.0
// The device's PCI configuration space: identity, one 32-bit BAR, MSI with one vector, PCI Express endpoint. QEMU sizes
// the BAR and keeps the interrupt's registers itself, so what the guest writes is stored and means nothing here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/result.h"

namespace vgpu::host {

struct PciIdentity {
  uint16_t vendor = 0x10de;
  uint16_t device = 0x1eb8;  // the card of compute capability 7.5 for servers
  uint32_t class_code = 0x030200;
  uint8_t revision = 0xa1;
};

// "10de:1eb8[:030200[:a1]]".
Result<PciIdentity> parse_identity(std::string_view text);
// Of the card at a PCI address of this machine ("0000:65:00.0").
Result<PciIdentity> identity_of(const std::string& address);

class PciConfig {
 public:
  static constexpr size_t kBytes = 4096;
  explicit PciConfig(const PciIdentity& identity) : identity_(identity) { reset(); }

  void reset();
  // Both inside of kBytes.
  void read(uint64_t offset, std::span<std::byte> data) const;
  void write(uint64_t offset, std::span<const std::byte> data);

 private:
  template <class T>
  void put(size_t offset, T value);

  const PciIdentity identity_;
  std::array<std::byte, kBytes> bytes_ = {};
};

}  // namespace vgpu::host
