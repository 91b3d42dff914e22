// SPDX-License-Identifier: Apache-2.0
// All memory that CUDA knows in this process: device allocations, module variables, pools, managed and mapped ranges
// inside one reserved stretch of addresses, and pinned host ranges anywhere. A device address is a host virtual
// address. Keeps the devices' MemoryMaps in step, counts what each device has in use, and answers what an address is.
// The stretch lies at a fixed place that no program mapping uses, so that another process can map it likewise.
// Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "common/fd.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/range_allocator.h"

namespace vgpu::soft {

class Device;

constexpr int kMaxDevices = 16;
using DeviceMask = uint32_t;  // bit n: device n
constexpr DeviceMask kAllDevices = (DeviceMask{1} << kMaxDevices) - 1;

enum class RegionKind : uint8_t {
  device,      // cuMemAlloc
  array,       // cuArrayCreate, cuMipmappedArrayCreate
  module,      // a module's variables
  heap,        // malloc inside kernels
  pool,        // stream-ordered allocation
  managed,     // cuMemAllocManaged
  mapped,      // cuMemMap
  host,        // cuMemHostAlloc, cuMemAllocHost
  registered,  // cuMemHostRegister
  imported,    // cuIpcOpenMemHandle: another process's cuMemAlloc
  external,    // cuExternalMemoryGetMappedBuffer
};

// One allocation. A plain value: copies are snapshots.
struct Region {
  uint64_t begin = 0, size = 0;  // bytes as asked for
  RegionKind kind = RegionKind::device;
  int device = 0;          // where it was allocated
  uint64_t context = 0;    // handle value of the context that owns it; 0 for pools and mappings
  unsigned flags = 0;      // of the allocating call
  uint64_t buffer_id = 0;  // CU_POINTER_ATTRIBUTE_BUFFER_ID
  uint64_t pool = 0;       // handle value of its memory pool
  uint64_t physical = 0;   // of a mapping: handle value of the physical memory
  uint64_t physical_offset = 0;
  DeviceMask readable = 0;  // devices whose kernels see it
  DeviceMask writable = 0;  // and may write it
  bool constant = false;    // kernels only read it, wherever it is visible
  bool sync_memops = false;
  bool freeing = false;      // a stream-ordered free is on its way
  bool whole_pages = false;  // shares no page with a neighbour, so that it can be exported
  bool shared = false;       // its pages are those of a file that other processes may have mapped
  // Managed memory: what cuMemAdvise and cuMemPrefetch said last.
  bool read_mostly = false;
  CUmemLocation preferred{CU_MEM_LOCATION_TYPE_INVALID, 0};
  CUmemLocation prefetched{CU_MEM_LOCATION_TYPE_INVALID, 0};
  DeviceMask accessed_by = 0;
  bool accessed_by_host = false;

  uint64_t end() const { return begin + size; }
  bool is_host() const { return kind == RegionKind::host || kind == RegionKind::registered; }
};

// The pages of an exported allocation.
struct SharedPages {
  int file = -1;        // borrowed: open as long as the allocation
  uint64_t object = 0;  // random, and never the same for two allocations
};

class AddressSpace {
 public:
  // The devices must exist for ever.
  static CuResult<std::unique_ptr<AddressSpace>> create(std::vector<Device*> devices);

  // Device memory as the region describes (begin is chosen; readable and writable follow from the device and its
  // peers, but for pools, which bring them along). OUT_OF_MEMORY when the device's memory is used up.
  CuResult<Region> allocate(Region region, uint64_t alignment);
  // Takes out an allocated region; false when `begin` does not begin one of these kinds.
  bool release(uint64_t begin, std::initializer_list<RegionKind> kinds);

  // The three steps of release and allocate, for pools that keep freed memory: withdraw takes the region away from
  // everybody but leaves address and memory charged (it returns how many bytes they really are, 0 if none begins
  // there), place puts a region of at most that size there again, discard gives them back.
  uint64_t withdraw(uint64_t begin, RegionKind kind);
  void place(Region region);
  void discard(uint64_t begin, int device);

  // Puts the pages of the allocation (cuMemAlloc, or of a shareable pool) that begins there, with what is in them, into
  // a memory file, once; the address stays. Waits for kernels, copies and sets to end. INVALID_VALUE when no such
  // allocation begins there.
  CuResult<SharedPages> share(uint64_t begin);
  // Held, shared, by whatever writes device memory for a device, and alone by share(), which must miss no write. Those
  // who write come first: glibc lets them in even while somebody waits to be alone, so kernels that wait for each other
  // never wait for share().
  std::shared_mutex& writers() { return writers_; }

  // Host ranges and mappings: the memory is the caller's. False when it overlaps a present one.
  bool add(Region region);
  std::optional<Region> remove(uint64_t begin, RegionKind kind);

  // The region that contains the address.
  std::optional<Region> find(uint64_t address) const;
  // Changes the region that contains the address, under the lock; false if there is none. Changes of `readable` and
  // `writable` take effect for kernels.
  bool update(uint64_t address, const std::function<void(Region&)>& change);
  std::vector<Region> owned_by(uint64_t context) const;
  std::vector<Region> of_pool(uint64_t pool) const;
  // CUDA_SUCCESS when [begin, begin + size) lies within allocations, or wholly outside everything known and outside
  // the reserved stretch (then it is pageable host memory, and `allow_pageable` must be true). Else INVALID_VALUE.
  CUresult check_range(uint64_t begin, uint64_t size, bool allow_pageable) const;
  // Inside the reserved stretch: such an address is never pageable host memory.
  bool in_stretch(uint64_t address) const { return address - base_ < kStretchSize; }

  // Counting. charge is false when the device has not that much left.
  bool charge(int device, uint64_t bytes);
  void uncharge(int device, uint64_t bytes);
  uint64_t used(int device) const;
  // Bytes that the allocation beginning there counts for, or 0.
  uint64_t charged_for(uint64_t begin) const;

  // Reservations of virtual memory management: addresses without memory. 0 when there is no room.
  uint64_t reserve(uint64_t size, uint64_t alignment, uint64_t wanted);
  // False when that is no whole reservation, or something is still mapped in it.
  bool unreserve(uint64_t begin, uint64_t size);
  // Beginning and size of the reservation around an address.
  std::optional<std::pair<uint64_t, uint64_t>> find_reservation(uint64_t address) const;
  // Whether the range lies in one reservation.
  bool is_reserved(uint64_t begin, uint64_t size) const;
  // Gives the addresses back their inaccessible state after a mapping was taken out.
  void forget_mapping(uint64_t begin, uint64_t size);

  // Kernels of `from` see (or no longer see) the memory allocated on `to`.
  void set_peer_access(int from, int to, bool enabled);

#if defined(__SANITIZE_THREAD__)
  static constexpr uint64_t kStretchSize = uint64_t{128} << 30;  // what the thread sanitizer leaves free
#else
  static constexpr uint64_t kStretchSize = uint64_t{4} << 40;
#endif

 private:
  static constexpr uint64_t kManagedSize = kStretchSize / 8;
  static constexpr uint64_t kAllocationsSize = kStretchSize / 2 - kManagedSize;

  // Addresses that are given out from the lowest on.
  struct Arena {
    Arena(uint64_t base, uint64_t size) : ranges(base, size), limit(base + size), committed(base) {}
    bool commit(uint64_t end);
    RangeAllocator ranges;
    const uint64_t limit;
    uint64_t committed;  // what lies below is readable and writable
  };

  AddressSpace(std::vector<Device*> devices, uint64_t base);
  Arena& arena_of(uint64_t address) { return address < allocations_.limit ? allocations_ : managed_; }
  const Arena& arena_of(uint64_t address) const { return const_cast<AddressSpace*>(this)->arena_of(address); }
  void discard_locked(uint64_t begin, int device);
  struct Shared {
    vgpu::UniqueFd file;
    uint64_t object = 0;
  };
  CuResult<Shared> move_to_file(const Region& region);
  void end_sharing(const Region& region);
  void expose(const Region& region, DeviceMask readable, DeviceMask writable);
  void conceal(const Region& region);
  DeviceMask seen_by(int device) const { return peers_[static_cast<size_t>(device)]; }

  const std::vector<Device*> devices_;
  const uint64_t base_;

  std::shared_mutex writers_;        // taken before mutex_
  mutable std::shared_mutex mutex_;  // guards everything below
  std::map<uint64_t, Region> regions_;
  // Others may have pages of managed variables mapped, and keep them when the module is gone (a worker's guest does).
  // Memory that can be exported, whose pages may be exchanged, must never lie there.
  Arena allocations_, managed_;
  RangeAllocator reservations_;
  std::map<uint64_t, uint64_t> reserved_;  // begin -> size
  uint64_t next_buffer_id_ = 1;
  std::map<uint64_t, Shared> shared_;  // by the beginning of the region
  std::array<uint64_t, kMaxDevices> used_{};
  std::array<DeviceMask, kMaxDevices> peers_{};  // per device: who sees its memory
};

}  // namespace vgpu::soft
