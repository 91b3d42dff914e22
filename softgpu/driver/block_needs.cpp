// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/occupancy.h"

namespace vgpu::soft {

CuResult<BlockNeeds> block_needs(ContextFunction& function) {
  const Kernel* const kernel = TRY(function.kernel());
  BlockNeeds needs;
  needs.registers = static_cast<int>(kernel->attributes().registers);
  needs.static_shared = kernel->attributes().static_shared_bytes;
  needs.max_dynamic_shared =
      static_cast<size_t>(TRY(function.attribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)));
  const bool may_be_larger = TRY(function.attribute(CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED)) != 0;
  const DeviceLimits& limits = function.context().device().limits();
  needs.max_cluster_size = may_be_larger ? limits.max_cluster_size_optin : limits.max_cluster_size;
  return needs;
}

}  // namespace vgpu::soft
