// SPDX-License-Identifier: Apache-2.0
// cuTexObject* and cuSurfObject*.
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/texture_object.h"
#include "softgpu/machine/texture_map.h"

namespace vgpu::soft {

TextureObject::TextureObject(Context& context_, const CUDA_RESOURCE_DESC& resource_, const CUDA_TEXTURE_DESC& sampling_,
                             const CUDA_RESOURCE_VIEW_DESC* view_)
    : Object(Kind::texture),
      context(&context_),
      resource(resource_),
      sampling(sampling_),
      view(view_ != nullptr ? std::optional(*view_) : std::nullopt) {}

SurfaceObject::SurfaceObject(Context& context_, const CUDA_RESOURCE_DESC& resource_)
    : Object(Kind::surface), context(&context_), resource(resource_) {}

}  // namespace vgpu::soft

using namespace vgpu::soft;

namespace {

template <class T>
CuResult<Ref<T>> find_live(typename T::Handle handle) {
  TRY(current_context());
  Ref<T> object = find<T>(handle);
  if (!object) return CUDA_ERROR_INVALID_VALUE;
  return object;
}

// Publishes the object and shows its texture to the device's kernels.
template <class T>
typename T::Handle enter(const Ref<T>& object, const Texture& texture) {
  const uint64_t handle = publish(object);
  object->context->device().textures().put(handle, texture);
  return handle;
}

template <class T>
CUresult destroy(typename T::Handle handle) {
  const Ref<T> object = TRY(find_live<T>(handle));
  if (!retire(object)) return CUDA_ERROR_INVALID_VALUE;
  // What has been launched may sample it still. The handle will never be another object's.
  Device& device = object->context->device();
  const auto remove = [&device, handle] { device.textures().remove(handle); };
  if (!object->context->mark()->subscribe(remove)) remove();
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuTexObjectCreate(CUtexObject* pTexObject, const CUDA_RESOURCE_DESC* pResDesc,
                           const CUDA_TEXTURE_DESC* pTexDesc, const CUDA_RESOURCE_VIEW_DESC* pResViewDesc) {
  Context* const context = TRY(current_context());
  if (pTexObject == nullptr || pResDesc == nullptr || pTexDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Texture texture = TRY(describe_texture(context->device(), *pResDesc, *pTexDesc, pResViewDesc));
  *pTexObject = enter(make_ref<TextureObject>(*context, *pResDesc, *pTexDesc, pResViewDesc), texture);
  return CUDA_SUCCESS;
}
CUresult cuTexObjectDestroy(CUtexObject texObject) { return destroy<TextureObject>(texObject); }

CUresult cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUtexObject texObject) {
  const Ref<TextureObject> object = TRY(find_live<TextureObject>(texObject));
  if (pResDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pResDesc = object->resource;
  return CUDA_SUCCESS;
}
CUresult cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC* pTexDesc, CUtexObject texObject) {
  const Ref<TextureObject> object = TRY(find_live<TextureObject>(texObject));
  if (pTexDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pTexDesc = object->sampling;
  return CUDA_SUCCESS;
}
CUresult cuTexObjectGetResourceViewDesc(CUDA_RESOURCE_VIEW_DESC* pResViewDesc, CUtexObject texObject) {
  const Ref<TextureObject> object = TRY(find_live<TextureObject>(texObject));
  if (pResViewDesc == nullptr || !object->view) return CUDA_ERROR_INVALID_VALUE;
  *pResViewDesc = *object->view;
  return CUDA_SUCCESS;
}

CUresult cuSurfObjectCreate(CUsurfObject* pSurfObject, const CUDA_RESOURCE_DESC* pResDesc) {
  Context* const context = TRY(current_context());
  if (pSurfObject == nullptr || pResDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Texture texture = TRY(describe_surface(*pResDesc));
  *pSurfObject = enter(make_ref<SurfaceObject>(*context, *pResDesc), texture);
  return CUDA_SUCCESS;
}
CUresult cuSurfObjectDestroy(CUsurfObject surfObject) { return destroy<SurfaceObject>(surfObject); }

CUresult cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUsurfObject surfObject) {
  const Ref<SurfaceObject> object = TRY(find_live<SurfaceObject>(surfObject));
  if (pResDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pResDesc = object->resource;
  return CUDA_SUCCESS;
}

}  // extern "C"
