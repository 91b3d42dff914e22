// SPDX-License-Identifier: Apache-2.0
// What a device is to the vfio-user server: regions, memory of its user, one MSI vector, reset. Calls come from the
// event loop's thread; none may block.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "common/fd.h"

namespace vgpu::host::vfio_user {

class Device {
 public:
  virtual ~Device() = default;

  // Size of a region, 0 where there is none.
  virtual uint64_t region_bytes(uint32_t region) const = 0;
  // Inside the region. What cannot be read is 0, what cannot be written is ignored: guests make mistakes.
  virtual void read(uint32_t region, uint64_t offset, std::span<std::byte> data) = 0;
  virtual void write(uint32_t region, uint64_t offset, std::span<const std::byte> data) = 0;

  // Memory of the other side's at `address`. `file` is empty where it has none. An errno.
  virtual int map(uint64_t address, uint64_t bytes, UniqueFd file, uint64_t offset, bool writable) = 0;
  // Everything that overlaps goes; it need not be there.
  virtual void unmap(uint64_t address, uint64_t bytes) = 0;

  // The MSI vector's event from now on; empty: none.
  virtual void set_interrupt(UniqueFd event) = 0;
  // All state of the guest goes; `done` when no memory of it is used any more, perhaps at once.
  virtual void reset(std::function<void()> done) = 0;

  virtual void connected(int socket) = 0;
  // The other side is gone: like a reset, and its memory and interrupt are gone, too.
  virtual void disconnected() = 0;
};

}  // namespace vgpu::host::vfio_user
