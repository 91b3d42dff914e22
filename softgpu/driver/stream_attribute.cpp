// SPDX-License-Identifier: Apache-2.0
// Stream attributes (cuda.h: CUstreamAttrID). All but the priority are hints to hardware that this device lacks: they
// are kept and given back.
#include "softgpu/driver/context.h"
#include "softgpu/driver/stream.h"

namespace vgpu::soft {

CUresult Stream::set_attribute(CUstreamAttrID attribute, const CUstreamAttrValue& value) {
  const std::lock_guard lock(mutex_);
  switch (attribute) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW: access_policy_ = value; return CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
      if (value.syncPolicy < CU_SYNC_POLICY_AUTO || value.syncPolicy > CU_SYNC_POLICY_BLOCKING_SYNC)
        return CUDA_ERROR_INVALID_VALUE;
      sync_policy_ = value.syncPolicy;
      return CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
      priority_.store(clamp_priority(value.priority), std::memory_order_relaxed);
      return CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP: sync_domain_map_ = value.memSyncDomainMap; return CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN: sync_domain_ = value.memSyncDomain; return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CuResult<CUstreamAttrValue> Stream::attribute(CUstreamAttrID attribute) const {
  const std::lock_guard lock(mutex_);
  CUstreamAttrValue value{};
  switch (attribute) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW: value = access_policy_; break;
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY: value.syncPolicy = sync_policy_; break;
    case CU_LAUNCH_ATTRIBUTE_PRIORITY: value.priority = priority(); break;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP: value.memSyncDomainMap = sync_domain_map_; break;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN: value.memSyncDomain = sync_domain_; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return value;
}

void Stream::copy_attributes(const Stream& from) {
  if (&from == this) return;
  for (const CUstreamAttrID id :
       {CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY,
        CU_LAUNCH_ATTRIBUTE_PRIORITY, CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP, CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN})
    if (const CuResult<CUstreamAttrValue> value = from.attribute(id)) set_attribute(id, value.value());
}

}  // namespace vgpu::soft
