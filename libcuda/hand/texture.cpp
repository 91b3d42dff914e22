// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects. The object is the driver's own number, because kernels get it as an argument.
// CUDA driver API: Texture Object Management, Surface Object Management.
#include "common/bits.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

CUresult get_resource(uint16_t opcode, CUDA_RESOURCE_DESC* resource, uint64_t object) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (resource == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, opcode);
  remote.writer().put(object);
  VGPU_CHECK(remote.call());
  const auto answer = remote.reader().get<CUDA_RESOURCE_DESC>();
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  *resource = answer;
  return CUDA_SUCCESS;
}

CUresult get_object(Remote& remote, unsigned long long* object) {
  VGPU_CHECK(remote.call());
  const auto answer = remote.reader().get<uint64_t>();
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  *object = answer;
  return CUDA_SUCCESS;
}

CUresult destroy(uint16_t opcode, uint64_t object) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  Remote remote(admitted, opcode);
  remote.writer().put(object);
  return remote.call();
}

}  // namespace

namespace by_hand {

namespace op = api::opcode;

CUresult cuTexObjectCreate(CUtexObject* pTexObject, const CUDA_RESOURCE_DESC* pResDesc,
                           const CUDA_TEXTURE_DESC* pTexDesc, const CUDA_RESOURCE_VIEW_DESC* pResViewDesc) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (pTexObject == nullptr || pResDesc == nullptr || pTexDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, op::cuTexObjectCreate);
  remote.writer().put(*pResDesc);
  remote.writer().put(*pTexDesc);
  remote.writer().put(static_cast<uint32_t>(pResViewDesc != nullptr));
  if (pResViewDesc != nullptr) remote.writer().put(*pResViewDesc);
  return get_object(remote, pTexObject);
}

CUresult cuTexObjectDestroy(CUtexObject texObject) { return destroy(op::cuTexObjectDestroy, texObject); }

CUresult cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUtexObject texObject) {
  return get_resource(op::cuTexObjectGetResourceDesc, pResDesc, texObject);
}

CUresult cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC* pTexDesc, CUtexObject texObject) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return forward(admitted, api::spec::cuTexObjectGetTextureDesc, pTexDesc, texObject);
}

CUresult cuTexObjectGetResourceViewDesc(CUDA_RESOURCE_VIEW_DESC* pResViewDesc, CUtexObject texObject) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return forward(admitted, api::spec::cuTexObjectGetResourceViewDesc, pResViewDesc, texObject);
}

CUresult cuSurfObjectCreate(CUsurfObject* pSurfObject, const CUDA_RESOURCE_DESC* pResDesc) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (pSurfObject == nullptr || pResDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, op::cuSurfObjectCreate);
  remote.writer().put(*pResDesc);
  return get_object(remote, pSurfObject);
}

CUresult cuSurfObjectDestroy(CUsurfObject surfObject) { return destroy(op::cuSurfObjectDestroy, surfObject); }

CUresult cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUsurfObject surfObject) {
  return get_resource(op::cuSurfObjectGetResourceDesc, pResDesc, surfObject);
}

}  // namespace by_hand
}  // namespace vgpu::guest
