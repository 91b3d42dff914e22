// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects: CUDA 13's descriptions have flags and room that CUDA 12's have not.
#include "libcuda/cudart/rows.h"
#include "libcuda/cudart12/declarations.h"

namespace vgpu::runtime::twelve {
namespace {

cudaResourceDesc newer(const ResourceDescriptor& from) {
  cudaResourceDesc to{};
  to.resType = from.type;
  switch (from.type) {
    case cudaResourceTypeArray: to.res.array.array = from.array; break;
    case cudaResourceTypeMipmappedArray: to.res.mipmap.mipmap = from.mipmap; break;
    case cudaResourceTypeLinear:
      to.res.linear.devPtr = from.linear.address;
      to.res.linear.desc = from.linear.format;
      to.res.linear.sizeInBytes = from.linear.bytes;
      break;
    case cudaResourceTypePitch2D:
      to.res.pitch2D.devPtr = from.pitched.address;
      to.res.pitch2D.desc = from.pitched.format;
      to.res.pitch2D.width = from.pitched.width;
      to.res.pitch2D.height = from.pitched.height;
      to.res.pitch2D.pitchInBytes = from.pitched.pitch;
      break;
    default: break;  // Refused by its type.
  }
  return to;
}

void older(const cudaResourceDesc& from, ResourceDescriptor* to) {
  *to = {};
  to->type = from.resType;
  switch (from.resType) {
    case cudaResourceTypeArray: to->array = from.res.array.array; break;
    case cudaResourceTypeMipmappedArray: to->mipmap = from.res.mipmap.mipmap; break;
    case cudaResourceTypeLinear:
      to->linear = {from.res.linear.devPtr, from.res.linear.desc, from.res.linear.sizeInBytes};
      break;
    case cudaResourceTypePitch2D:
      to->pitched = {from.res.pitch2D.devPtr, from.res.pitch2D.desc, from.res.pitch2D.width, from.res.pitch2D.height,
                     from.res.pitch2D.pitchInBytes};
      break;
    default: break;
  }
}

// Both calls that read one differ in the object's kind alone.
template <class Object>
cudaError_t read_resource(ResourceDescriptor* resource, Object object, cudaError_t (*get)(cudaResourceDesc*, Object)) {
  if (resource == nullptr) return get(nullptr, object);
  cudaResourceDesc found;
  VGPU_RETURN_ERROR(get(&found, object));
  older(found, resource);
  return cudaSuccess;
}

}  // namespace

cudaError_t cudaCreateTextureObject(cudaTextureObject_t* object, const ResourceDescriptor* resource,
                                    const cudaTextureDesc* texture, const ResourceView* view) {
  if (resource == nullptr) return cudaErrorInvalidValue;
  const cudaResourceDesc newer_resource = newer(*resource);
  cudaResourceViewDesc newer_view{};
  if (view != nullptr) std::memcpy(&newer_view, view, sizeof *view);
  return calls::cudaCreateTextureObject(object, &newer_resource, texture, view == nullptr ? nullptr : &newer_view);
}

cudaError_t cudaCreateSurfaceObject(cudaSurfaceObject_t* object, const ResourceDescriptor* resource) {
  if (resource == nullptr) return cudaErrorInvalidValue;
  const cudaResourceDesc newer_resource = newer(*resource);
  return calls::cudaCreateSurfaceObject(object, &newer_resource);
}

cudaError_t cudaGetTextureObjectResourceDesc(ResourceDescriptor* resource, cudaTextureObject_t object) {
  return read_resource(resource, object, calls::cudaGetTextureObjectResourceDesc);
}

cudaError_t cudaGetSurfaceObjectResourceDesc(ResourceDescriptor* resource, cudaSurfaceObject_t object) {
  return read_resource(resource, object, calls::cudaGetSurfaceObjectResourceDesc);
}

cudaError_t cudaGetTextureObjectResourceViewDesc(ResourceView* view, cudaTextureObject_t object) {
  if (view == nullptr) return cudaErrorInvalidValue;
  cudaResourceViewDesc found{};
  VGPU_RETURN_ERROR(calls::cudaGetTextureObjectResourceViewDesc(&found, object));
  std::memcpy(view, &found, sizeof *view);
  return cudaSuccess;
}

}  // namespace vgpu::runtime::twelve
