// SPDX-License-Identifier: Apache-2.0
// The reply by which cudart makes sure that the tables it was given belong to the driver it talks to: a keyed hash
// over process, tables and devices (docs/export-tables.md, table F). Here is the computation alone, from facts that
// the caller has gathered; pure.
#pragma once

#include <cstdint>
#include <span>

#include "common/face/md2.h"

namespace vgpu::face {

struct IntegrityFacts {
  uint32_t driver_version;   // cuDriverGetVersion.
  uint32_t runtime_version;  // As the runtime passed it.
  uint32_t process_id;
  uint32_t thread;            // Low half of pthread_self.
  uint64_t cudart_interface;  // Address of table A.
  uint64_t integrity;         // Address of table F.
  uint64_t integrity_check;   // The pointer in its slot 1.
  uint64_t unix_seconds;      // As the runtime passed it.
};

struct IntegrityDevice {
  std::array<uint8_t, 16> uuid;  // cuDeviceGetUuid, the first version.
  uint32_t pci_domain, pci_bus, pci_device;
};

// The reply depends on the last digit of runtime_version: 0 and 1 get a constant, all others the hash.
Md2Digest integrity_reply(const IntegrityFacts& facts, std::span<const IntegrityDevice> devices);

}  // namespace vgpu::face
