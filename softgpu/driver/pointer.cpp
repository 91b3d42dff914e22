// SPDX-License-Identifier: Apache-2.0
// cuPointerGetAttribute, cuPointerGetAttributes, cuPointerSetAttribute: what an address is.
#include <cstring>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/physical_memory.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

template <class T>
CUresult give(void* out, T value) {
  std::memcpy(out, &value, sizeof value);
  return CUDA_SUCCESS;
}

bool is_host_pointer_known(const Region& region) { return region.is_host() || region.kind == RegionKind::managed; }

// The context an address belongs to. Pools and mappings belong to none; CUDA answers NULL for them.
CUcontext owner_of(const Region& region) { return reinterpret_cast<CUcontext>(region.context); }

// Beginning and size of the range of addresses around a region: for a mapping, the whole reservation.
std::pair<uint64_t, uint64_t> range_of(const Region& region) {
  if (region.kind == RegionKind::imported || region.kind == RegionKind::external) return {region.begin, region.size};
  const auto reservation = Process::get()->memory().find_reservation(region.begin);
  return reservation ? *reservation : std::pair{region.begin, region.size};
}

// As what it can be exported, by cuMemExportToShareableHandle.
unsigned long long handle_types_of(const Region& region) {
  const Ref<PhysicalMemory> physical = find<PhysicalMemory>(region.physical);
  return physical ? physical->properties().requestedHandleTypes : CU_MEM_HANDLE_TYPE_NONE;
}

CUresult give_access(void* out, const Region& region) {
  // Access of the current context's device.
  const Context* const context = TRY(current_context_unchecked());
  const DeviceMask bit = DeviceMask{1} << context->device().ordinal();
  int flags = CU_POINTER_ATTRIBUTE_ACCESS_FLAG_NONE;
  if ((region.readable & bit) != 0) flags = CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READ;
  if ((region.writable & bit) != 0) flags = CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READWRITE;
  return give(out, flags);
}

CUresult give_kind(void* out, CUpointer_attribute attribute, const Region& region, uint64_t address) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: return give(out, owner_of(region));
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      return give(out, static_cast<unsigned>(region.is_host() ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE));
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: return give(out, address);
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      return is_host_pointer_known(region) ? give(out, address) : CUDA_ERROR_INVALID_VALUE;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: return give(out, static_cast<unsigned>(region.kind == RegionKind::managed));
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return give(out, region.device);
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE: return give(out, reinterpret_cast<CUmemoryPool>(region.pool));
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS: return give_access(out, region);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult give_attribute(void* out, CUpointer_attribute attribute, const Region& region, uint64_t address) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS: return give(out, static_cast<unsigned>(region.sync_memops));
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID: return give(out, static_cast<unsigned long long>(region.buffer_id));
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: return give(out, range_of(region).first);
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: return give(out, static_cast<size_t>(range_of(region).second));
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR: return give(out, region.begin);
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE: return give(out, static_cast<size_t>(region.size));
    case CU_POINTER_ATTRIBUTE_MAPPED: return give(out, 1u);
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES: return give(out, handle_types_of(region));
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
      return give(out, static_cast<unsigned>(region.kind == RegionKind::device));
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
    case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE: return give(out, 0u);
    default: return give_kind(out, attribute, region, address);
  }
}

// Bytes of an attribute's value; 0 for what this is no attribute of.
size_t size_of(CUpointer_attribute attribute) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
    case CU_POINTER_ATTRIBUTE_MAPPED:
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
    case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE: return 4;
    case CU_POINTER_ATTRIBUTE_CONTEXT:
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE:
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR:
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID: return 8;
    default: return 0;
  }
}

// What an attribute of an address that CUDA does not know is, or one that the region lacks.
// `on_host`: where the program finds the memory, 0 when it does not.
void give_nothing(void* out, CUpointer_attribute attribute, CUdeviceptr on_host) {
  std::memset(out, 0, size_of(attribute));
  if (attribute == CU_POINTER_ATTRIBUTE_HOST_POINTER) give(out, on_host);
  if (attribute == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL) give(out, int{CU_DEVICE_INVALID});
}

}  // namespace

extern "C" {

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  TRY(current_context());
  if (data == nullptr || size_of(attribute) == 0) return CUDA_ERROR_INVALID_VALUE;
  const std::optional<Region> region = Process::get()->memory().find(ptr);
  if (!region) return CUDA_ERROR_INVALID_VALUE;
  return give_attribute(data, attribute, *region, ptr);
}

CUresult cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute* attributes, void** data,
                                CUdeviceptr ptr) {
  TRY(current_context());
  if (numAttributes == 0 || attributes == nullptr || data == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < numAttributes; ++i)
    if (data[i] == nullptr || size_of(attributes[i]) == 0) return CUDA_ERROR_INVALID_VALUE;
  const std::optional<Region> region = Process::get()->memory().find(ptr);
  for (unsigned i = 0; i < numAttributes; ++i)
    if (!region || give_attribute(data[i], attributes[i], *region, ptr) != CUDA_SUCCESS)
      give_nothing(data[i], attributes[i], region ? 0 : ptr);
  return CUDA_SUCCESS;
}

CUresult cuPointerSetAttribute(const void* value, CUpointer_attribute attribute, CUdeviceptr ptr) {
  TRY(current_context());
  if (value == nullptr || attribute != CU_POINTER_ATTRIBUTE_SYNC_MEMOPS) return CUDA_ERROR_INVALID_VALUE;
  unsigned wanted = 0;
  std::memcpy(&wanted, value, sizeof wanted);
  if (wanted > 1) return CUDA_ERROR_INVALID_VALUE;
  bool applies = false;
  Process::get()->memory().update(ptr, [&](Region& region) {
    applies = region.kind == RegionKind::device;
    if (applies) region.sync_memops = wanted != 0;
  });
  return applies ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // extern "C"
