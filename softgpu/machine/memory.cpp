// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/memory.h"

#include <cstdio>

#include "softgpu/machine/cluster_address.h"
#include "softgpu/machine/memory_map.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft {

namespace {

const char* name_of(Space space) {
  switch (space) {
    case Space::generic: return "generic";
    case Space::global: return "global";
    case Space::constant: return "constant";
    case Space::shared: return "shared";
    case Space::local: return "local";
    case Space::parameter:
    case Space::kernel_parameter: return "parameter";
  }
  return "";
}

std::byte* refuse(Warp& warp, const Instruction& instruction, unsigned lane, CUresult code, Space space,
                  uint64_t address, uint32_t size, bool write) {
  char text[96];
  std::snprintf(text, sizeof text, "%s %s of %u bytes %s %s memory",
                code == CUDA_ERROR_MISALIGNED_ADDRESS ? "misaligned" : "invalid", write ? "write" : "read", size,
                write ? "to" : "from", name_of(space));
  warp.fault(code, instruction, lane, text, address);
  return nullptr;
}

std::byte* find_global(Warp& warp, const Instruction& instruction, uint64_t address, uint64_t size, bool write) {
  const CachedRange* range = find_range(warp, instruction, address);
  if (range == nullptr) return nullptr;
  const uint64_t usable = write ? range->writable_size : range->size;
  if (usable < size || address - range->begin > usable - size) return nullptr;
  // SAFETY: the driver has put this range into the map for kernels to touch.
  return reinterpret_cast<std::byte*>(address);
}

std::byte* inside(std::byte* begin, uint64_t available, uint64_t offset, uint32_t size) {
  return available >= size && offset <= available - size ? begin + offset : nullptr;
}

std::byte* locate(Warp& warp, const Instruction& instruction, unsigned lane, Space space, uint64_t address,
                  uint32_t size, bool write) {
  switch (space) {
    case Space::generic:
      if (address - kSharedWindow < kWindowSize) {
        return locate_shared(warp, address - kSharedWindow, size);
      }
      if (address - kLocalWindow < kWindowSize) {
        return inside(warp.local + size_t{warp.local_stride} * lane, warp.local_stride, address - kLocalWindow, size);
      }
      if (address - kParameterWindow < kWindowSize) {
        return locate(warp, instruction, lane, Space::kernel_parameter, address - kParameterWindow, size, write);
      }
      return find_global(warp, instruction, address, size, write);
    case Space::global: return find_global(warp, instruction, address, size, write);
    case Space::constant: return write ? nullptr : find_global(warp, instruction, address, size, false);
    case Space::shared: return locate_shared(warp, address, size);
    case Space::local: return inside(warp.local + size_t{warp.local_stride} * lane, warp.local_stride, address, size);
    case Space::parameter: return inside(warp.area + size_t{warp.area_stride} * lane, warp.area_stride, address, size);
    case Space::kernel_parameter:
      // Read only: all threads of the grid share the bytes.
      return write ? nullptr : inside(const_cast<std::byte*>(warp.parameters), warp.parameter_size, address, size);
  }
  return nullptr;
}

}  // namespace

// Instructions share slots, so what one of them has lost another may still know; the map is locked.
const CachedRange* find_range(Warp& warp, const Instruction& instruction, uint64_t address) {
  CachedRange& cached = cached_range(warp, instruction);
  const uint64_t epoch = warp.map_epoch->load(std::memory_order_acquire);
  const auto contains = [=](const CachedRange& range) {
    return range.epoch == epoch && address - range.begin < range.size;
  };
  if (contains(cached)) return &cached;
  for (const CachedRange& other : warp.ranges) {
    if (!contains(other)) continue;
    cached = other;
    return &cached;
  }
  const auto range = warp.map->find(address);
  if (!range) return nullptr;
  cached = {range->begin, range->size, range->writable ? range->size : 0, epoch};
  return &cached;
}

std::byte* resolve(Warp& warp, const Instruction& instruction, unsigned lane, Space space, uint64_t address,
                   uint32_t size, bool write) {
  if (address % size != 0) {
    return refuse(warp, instruction, lane, CUDA_ERROR_MISALIGNED_ADDRESS, space, address, size, write);
  }
  std::byte* pointer = locate(warp, instruction, lane, space, address, size, write);
  if (pointer != nullptr) return pointer;
  return refuse(warp, instruction, lane, CUDA_ERROR_ILLEGAL_ADDRESS, space, address, size, write);
}

bool is_accessible(Warp& warp, const Instruction& instruction, uint64_t address, uint64_t size, bool write) {
  return find_global(warp, instruction, address, size, write) != nullptr;
}

bool resolve_lanes(Warp& warp, const Instruction& instruction, LaneMask mask, Space space, const uint64_t* addresses,
                   uint32_t size, bool write, std::byte** pointers) {
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const unsigned lane = static_cast<unsigned>(__builtin_ctz(rest));
    pointers[lane] = resolve(warp, instruction, lane, space, addresses[lane], size, write);
    if (pointers[lane] == nullptr) return false;
  }
  return true;
}

}  // namespace vgpu::soft
