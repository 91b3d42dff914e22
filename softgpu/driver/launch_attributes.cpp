// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "softgpu/driver/launch.h"

namespace vgpu::soft {
namespace {

// Which attributes of cuda.h a launch and a kernel node have (cuda.h, CUlaunchAttributeID).
bool is_of_launch(int id) {
  switch (id) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
    case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    case CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING: return true;
    default: return false;
  }
}

bool is_of_node(int id) {
  switch (id) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
    case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: return true;
    default: return false;
  }
}

CUlaunchAttributeValue default_value(int id) {
  CUlaunchAttributeValue value{};
  if (id == CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP) value.memSyncDomainMap = {0, 1};
  return value;
}

}  // namespace

const CUlaunchAttributeValue* LaunchAttributes::find(CUlaunchAttributeID id) const {
  for (const Entry& entry : entries_)
    if (entry.id == id) return &entry.value;
  return nullptr;
}

void LaunchAttributes::set(CUlaunchAttributeID id, const CUlaunchAttributeValue& value) {
  for (Entry& entry : entries_) {
    if (entry.id != id) continue;
    entry.value = value;
    return;
  }
  entries_.push_back({id, value});
}

CuResult<LaunchAttributes> LaunchAttributes::of_launch(std::span<const CUlaunchAttribute> list) {
  LaunchAttributes result;
  for (const CUlaunchAttribute& attribute : list) {
    if (!is_of_launch(attribute.id)) return CUDA_ERROR_INVALID_VALUE;
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_IGNORE) continue;
    // Device-side updates of graph nodes do not exist here.
    if (attribute.id == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE) return CUDA_ERROR_NOT_SUPPORTED;
    result.set(attribute.id, attribute.value);
  }
  const bool has_preferred = result.find(CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION) != nullptr;
  if (has_preferred && !result.cluster()) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  return result;
}

CUresult LaunchAttributes::set_of_node(CUlaunchAttributeID id, const CUlaunchAttributeValue& value) {
  if (!is_of_node(id)) return CUDA_ERROR_INVALID_VALUE;
  if (id == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE && value.deviceUpdatableKernelNode.deviceUpdatable != 0)
    return CUDA_ERROR_NOT_SUPPORTED;
  set(id, value);
  return CUDA_SUCCESS;
}

CuResult<CUlaunchAttributeValue> LaunchAttributes::get_of_node(CUlaunchAttributeID id) const {
  if (!is_of_node(id)) return CUDA_ERROR_INVALID_VALUE;
  const CUlaunchAttributeValue* const value = find(id);
  return value != nullptr ? *value : default_value(id);
}

bool LaunchAttributes::cooperative() const {
  const CUlaunchAttributeValue* const value = find(CU_LAUNCH_ATTRIBUTE_COOPERATIVE);
  return value != nullptr && value->cooperative != 0;
}

std::optional<Dim3> LaunchAttributes::cluster() const {
  const CUlaunchAttributeValue* const value = find(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
  if (value == nullptr) return std::nullopt;
  return Dim3{value->clusterDim.x, value->clusterDim.y, value->clusterDim.z};
}

}  // namespace vgpu::soft
