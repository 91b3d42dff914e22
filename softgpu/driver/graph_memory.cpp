// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph_memory.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "softgpu/driver/device.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/pool.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

struct Usage {
  cuuint64_t used = 0, used_high = 0;          // of allocations that a launch has mapped
  cuuint64_t reserved = 0, reserved_high = 0;  // of all allocations of graphs
};

struct Registry {
  std::mutex mutex;  // guards everything below
  std::unordered_map<CUdeviceptr, std::weak_ptr<GraphAllocation>> allocations;
  std::array<Usage, kMaxDevices> usage;
};

Registry& registry() {
  static Registry& instance = *new Registry;  // Graphs may end during the exit of the process.
  return instance;
}

Usage& usage_of(int device) { return registry().usage[static_cast<size_t>(device)]; }

}  // namespace

GraphAllocation::GraphAllocation(const CUDA_MEM_ALLOC_NODE_PARAMS& parameters)
    : parameters_(parameters), device_(parameters.poolProps.location.id) {}

GraphAllocationRef GraphAllocation::enter(const CUDA_MEM_ALLOC_NODE_PARAMS& parameters) {
  GraphAllocationRef allocation(new GraphAllocation(parameters));
  const std::lock_guard lock(registry().mutex);
  registry().allocations[allocation->address()] = allocation;
  Usage& usage = usage_of(allocation->device_);
  usage.reserved += allocation->bytes();
  usage.reserved_high = std::max(usage.reserved_high, usage.reserved);
  return allocation;
}

GraphAllocation::~GraphAllocation() {
  const bool was_live = live();
  set_live(false);
  {
    const std::lock_guard lock(registry().mutex);
    // A new allocation can only get this address after free_device_memory below.
    registry().allocations.erase(address());
    usage_of(device_).reserved -= bytes();
    unmap();
  }
  // What the program still uses is the program's to free (CUDA driver API, cuGraphAddMemAllocNode).
  if (!was_live) free_device_memory(address());
}

CuResult<GraphAllocationRef> GraphAllocation::create(const CUDA_MEM_ALLOC_NODE_PARAMS& parameters) {
  const CUmemPoolProps& wanted = parameters.poolProps;
  if (parameters.bytesize == 0 || wanted.allocType != CU_MEM_ALLOCATION_TYPE_PINNED ||
      wanted.handleTypes != CU_MEM_HANDLE_TYPE_NONE || wanted.location.type != CU_MEM_LOCATION_TYPE_DEVICE)
    return CUDA_ERROR_INVALID_VALUE;
  if (parameters.accessDescCount != 0 && parameters.accessDescs == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Device* const device = Process::get()->find_device(wanted.location.id);
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEM_ALLOC_NODE_PARAMS made = parameters;
  made.accessDescs = nullptr;  // the array is the caller's
  made.accessDescCount = 0;
  made.dptr = TRY(device->default_pool().allocate(parameters.bytesize));
  return enter(made);
}

CuResult<GraphAllocationRef> GraphAllocation::adopt(Pool& pool, CUdeviceptr address, size_t bytes) {
  CUDA_MEM_ALLOC_NODE_PARAMS made{};
  made.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  made.poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  made.poolProps.location.id = pool.device().ordinal();
  made.bytesize = bytes;
  made.dptr = address;
  return enter(made);
}

void GraphAllocation::set_live(bool live) {
  if (live_.exchange(live, std::memory_order_acq_rel) == live || !live) return;
  const std::lock_guard lock(registry().mutex);
  if (std::exchange(mapped_, true)) return;
  Usage& usage = usage_of(device_);
  usage.used += bytes();
  usage.used_high = std::max(usage.used_high, usage.used);
}

void GraphAllocation::unmap() {
  if (std::exchange(mapped_, false)) usage_of(device_).used -= bytes();
}

void GraphAllocation::trim(int device) {
  std::vector<GraphAllocationRef> held;  // let go without the lock, which the last one's end takes
  const std::lock_guard lock(registry().mutex);
  for (const auto& [address, weak] : registry().allocations) {
    GraphAllocationRef allocation = weak.lock();
    if (!allocation) continue;
    if (allocation->device_ == device && !allocation->live()) allocation->unmap();
    held.push_back(std::move(allocation));
  }
}

GraphAllocationRef find_graph_allocation(CUdeviceptr address) {
  const std::lock_guard lock(registry().mutex);
  const auto found = registry().allocations.find(address);
  return found == registry().allocations.end() ? nullptr : found->second.lock();
}

std::optional<CUresult> free_graph_allocation(CUdeviceptr address) {
  const GraphAllocationRef allocation = find_graph_allocation(address);
  if (!allocation) return std::nullopt;
  if (!allocation->live()) return CUDA_ERROR_INVALID_VALUE;
  allocation->set_live(false);
  return CUDA_SUCCESS;
}

}  // namespace vgpu::soft

using namespace vgpu::soft;

extern "C" {

CUresult CUDAAPI cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void* value) {
  TRY(get_device(device));
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(registry().mutex);
  const Usage& usage = usage_of(device);
  cuuint64_t& out = *static_cast<cuuint64_t*>(value);
  switch (static_cast<int>(attr)) {
    case CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT: out = usage.used; return CUDA_SUCCESS;
    case CU_GRAPH_MEM_ATTR_USED_MEM_HIGH: out = usage.used_high; return CUDA_SUCCESS;
    case CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT: out = usage.reserved; return CUDA_SUCCESS;
    case CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH: out = usage.reserved_high; return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult CUDAAPI cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void* value) {
  TRY(get_device(device));
  // Only the high marks can be set, and only to zero.
  if (value == nullptr || *static_cast<const cuuint64_t*>(value) != 0) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(registry().mutex);
  Usage& usage = usage_of(device);
  switch (static_cast<int>(attr)) {
    case CU_GRAPH_MEM_ATTR_USED_MEM_HIGH: usage.used_high = usage.used; return CUDA_SUCCESS;
    case CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH: usage.reserved_high = usage.reserved; return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

// The nodes keep their memory here, for its address must stay; what is not live no longer counts as used.
CUresult CUDAAPI cuDeviceGraphMemTrim(CUdevice device) {
  TRY(get_device(device));
  GraphAllocation::trim(device);
  return CUDA_SUCCESS;
}

}  // extern "C"
