// SPDX-License-Identifier: Apache-2.0
// vfio-user's messages, as far as a PCI device needs them. Source: QEMU, docs/interop/vfio-user.rst. Host byte order;
// every message begins with a Header and is packed behind it. Structs have natural alignment; sizes are asserted.
#pragma once

#include <cstdint>

namespace vgpu::host::vfio_user {

enum class Command : uint16_t {
  version = 1,
  dma_map = 2,
  dma_unmap = 3,
  get_info = 4,
  get_region_info = 5,
  get_region_io_fds = 6,
  get_irq_info = 7,
  set_irqs = 8,
  region_read = 9,
  region_write = 10,
  device_reset = 13,
  region_write_multi = 15,
};

struct Header {
  uint16_t id;
  uint16_t command;
  uint32_t bytes;  // of the whole message
  uint32_t flags;
  uint32_t error;  // errno, in an error reply
};
static_assert(sizeof(Header) == 16);

constexpr uint32_t kTypeMask = 0xf, kCommand = 0, kReply = 1, kNoReply = 0x10, kError = 0x20;

struct DmaMap {
  uint32_t argument_bytes;
  uint32_t flags;  // 1 readable, 2 writable
  uint64_t offset;
  uint64_t address;
  uint64_t bytes;
};
static_assert(sizeof(DmaMap) == 32);
constexpr uint32_t kDmaRead = 1, kDmaWrite = 2;

struct DmaUnmap {
  uint32_t argument_bytes;
  uint32_t flags;
  uint64_t address;
  uint64_t bytes;
};
static_assert(sizeof(DmaUnmap) == 24);
constexpr uint32_t kUnmapAll = 2;

struct DeviceInfo {
  uint32_t argument_bytes;
  uint32_t flags;  // 1 can be reset, 2 PCI
  uint32_t regions;
  uint32_t irqs;
};
static_assert(sizeof(DeviceInfo) == 16);

struct RegionInfo {
  uint32_t argument_bytes;
  uint32_t flags;  // 1 readable, 2 writable
  uint32_t index;
  uint32_t capability_offset;
  uint64_t bytes;
  uint64_t offset;
};
static_assert(sizeof(RegionInfo) == 32);

struct IrqInfo {
  uint32_t argument_bytes;
  uint32_t flags;  // 1: eventfd
  uint32_t index;
  uint32_t count;
};
static_assert(sizeof(IrqInfo) == 16);

struct SetIrqs {
  uint32_t argument_bytes;
  uint32_t flags;
  uint32_t index;
  uint32_t start;
  uint32_t count;
};
static_assert(sizeof(SetIrqs) == 20);
constexpr uint32_t kIrqNone = 1, kIrqBool = 2, kIrqEventfd = 4, kIrqTrigger = 0x20;

struct RegionAccess {
  uint64_t offset;
  uint32_t region;
  uint32_t bytes;
};
static_assert(sizeof(RegionAccess) == 16);

// One write of several that come in a message, behind their number (u64).
struct RegionWrite {
  uint64_t offset;
  uint32_t region;
  uint32_t bytes;  // of data, at most 8
  uint8_t data[8];
};
static_assert(sizeof(RegionWrite) == 24);

constexpr uint32_t kConfigRegion = 7, kRegions = 9;
constexpr uint32_t kMsi = 1, kIrqs = 5;

// The largest message that this side takes, and says so.
constexpr uint32_t kMaxTransfer = 64 << 10;
constexpr uint32_t kMaxFiles = 8;

}  // namespace vgpu::host::vfio_user
