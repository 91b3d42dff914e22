// SPDX-License-Identifier: Apache-2.0
// cuTexRef* and cuSurfRef*. The first ABI's forms stay unimplemented.
#include <algorithm>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/array.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/texture_reference.h"
#include "softgpu/machine/texture_map.h"

using namespace vgpu::soft;

namespace {

using State = TextureReference::State;

CuResult<Ref<TextureReference>> find_live(CUtexref handle) {
  TRY(current_context());
  Ref<TextureReference> reference = find<TextureReference>(handle);
  if (!reference) return CUDA_ERROR_INVALID_VALUE;
  return reference;
}

template <class How>
CUresult change(CUtexref handle, How how) {
  TRY(find_live(handle))->change(how);
  return CUDA_SUCCESS;
}

template <class T, class What>
CUresult get(T* out, CUtexref handle, What what) {
  const Ref<TextureReference> reference = TRY(find_live(handle));
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *out = what(reference->state());
  return CUDA_SUCCESS;
}

bool is_filter(CUfilter_mode mode) { return mode == CU_TR_FILTER_MODE_POINT || mode == CU_TR_FILTER_MODE_LINEAR; }

CUresult set_address_2d(CUtexref handle, const CUDA_ARRAY_DESCRIPTOR* shape, CUdeviceptr address, size_t pitch) {
  const Ref<TextureReference> reference = TRY(find_live(handle));
  if (shape == nullptr) return CUDA_ERROR_INVALID_VALUE;
  TRY(element_format(shape->Format, shape->NumChannels));
  reference->change([&](State& state) {
    state.bound = true;
    state.resource = {};
    state.resource.resType = CU_RESOURCE_TYPE_PITCH2D;
    state.resource.res.pitch2D = {address, shape->Format, shape->NumChannels, shape->Width, shape->Height, pitch};
  });
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuTexRefCreate(CUtexref* pTexRef) {
  Context* const context = TRY(current_context());
  if (pTexRef == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<TextureReference> reference = make_ref<TextureReference>(*context);
  publish(reference);
  *pTexRef = handle_of(*reference);
  return CUDA_SUCCESS;
}
CUresult cuTexRefDestroy(CUtexref hTexRef) {
  const Ref<TextureReference> reference = TRY(find_live(hTexRef));
  if (!retire(reference)) return CUDA_ERROR_INVALID_VALUE;
  reference->context().device().textures().remove(reference->handle_value());
  return CUDA_SUCCESS;
}

CUresult cuTexRefSetArray(CUtexref hTexRef, CUarray hArray, unsigned int Flags) {
  const Ref<TextureReference> reference = TRY(find_live(hTexRef));
  if (Flags != CU_TRSA_OVERRIDE_FORMAT) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Array> array = TRY(find_array(hArray));
  reference->change([&](State& state) {
    state.bound = true;
    state.resource = {};
    state.resource.resType = CU_RESOURCE_TYPE_ARRAY;
    state.resource.res.array.hArray = hArray;
    state.format = array->descriptor().Format;
    state.channels = array->descriptor().NumChannels;
  });
  return CUDA_SUCCESS;
}
CUresult cuTexRefSetMipmappedArray(CUtexref hTexRef, CUmipmappedArray hMipmappedArray, unsigned int Flags) {
  const Ref<TextureReference> reference = TRY(find_live(hTexRef));
  if (Flags != CU_TRSA_OVERRIDE_FORMAT) return CUDA_ERROR_INVALID_VALUE;
  const Ref<MipmappedArray> array = TRY(find_mipmapped_array(hMipmappedArray));
  reference->change([&](State& state) {
    state.bound = true;
    state.resource = {};
    state.resource.resType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
    state.resource.res.mipmap.hMipmappedArray = hMipmappedArray;
    state.format = array->descriptor().Format;
    state.channels = array->descriptor().NumChannels;
  });
  return CUDA_SUCCESS;
}
// Memory that does not begin where textures do: the offset is given back, for the program to add to its indices.
CUresult cuTexRefSetAddress_v2(size_t* ByteOffset, CUtexref hTexRef, CUdeviceptr dptr, size_t bytes) {
  const Ref<TextureReference> reference = TRY(find_live(hTexRef));
  const auto alignment =
      static_cast<CUdeviceptr>(reference->context().device().attribute(CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT).value());
  const CUdeviceptr offset = dptr % alignment;
  if (offset != 0 && ByteOffset == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(Process::get()->memory().check_range(dptr - offset, bytes + offset, false));
  if (ByteOffset != nullptr) *ByteOffset = offset;
  reference->change([&](State& state) {
    state.bound = true;
    state.resource = {};
    state.resource.resType = CU_RESOURCE_TYPE_LINEAR;
    state.resource.res.linear.devPtr = dptr - offset;
    state.resource.res.linear.sizeInBytes = bytes + offset;
  });
  return CUDA_SUCCESS;
}
CUresult cuTexRefSetAddress2D_v2(CUtexref hTexRef, const CUDA_ARRAY_DESCRIPTOR* desc, CUdeviceptr dptr, size_t Pitch) {
  return set_address_2d(hTexRef, desc, dptr, Pitch);
}
CUresult cuTexRefSetAddress2D_v3(CUtexref hTexRef, const CUDA_ARRAY_DESCRIPTOR* desc, CUdeviceptr dptr, size_t Pitch) {
  return set_address_2d(hTexRef, desc, dptr, Pitch);
}

CUresult cuTexRefSetFormat(CUtexref hTexRef, CUarray_format fmt, int NumPackedComponents) {
  const Ref<TextureReference> reference = TRY(find_live(hTexRef));
  const auto channels = static_cast<unsigned>(NumPackedComponents);
  TRY(element_format(fmt, channels));
  reference->change([&](State& state) {
    state.format = fmt;
    state.channels = channels;
  });
  return CUDA_SUCCESS;
}
CUresult cuTexRefSetAddressMode(CUtexref hTexRef, int dim, CUaddress_mode am) {
  if (dim < 0 || dim > 2 || am < CU_TR_ADDRESS_MODE_WRAP || am > CU_TR_ADDRESS_MODE_BORDER)
    return CUDA_ERROR_INVALID_VALUE;
  return change(hTexRef, [&](State& state) { state.sampling.addressMode[dim] = am; });
}
CUresult cuTexRefSetFilterMode(CUtexref hTexRef, CUfilter_mode fm) {
  if (!is_filter(fm)) return CUDA_ERROR_INVALID_VALUE;
  return change(hTexRef, [&](State& state) { state.sampling.filterMode = fm; });
}
CUresult cuTexRefSetMipmapFilterMode(CUtexref hTexRef, CUfilter_mode fm) {
  if (!is_filter(fm)) return CUDA_ERROR_INVALID_VALUE;
  return change(hTexRef, [&](State& state) { state.sampling.mipmapFilterMode = fm; });
}
CUresult cuTexRefSetMipmapLevelBias(CUtexref hTexRef, float bias) {
  return change(hTexRef, [&](State& state) { state.sampling.mipmapLevelBias = bias; });
}
CUresult cuTexRefSetMipmapLevelClamp(CUtexref hTexRef, float minMipmapLevelClamp, float maxMipmapLevelClamp) {
  return change(hTexRef, [&](State& state) {
    state.sampling.minMipmapLevelClamp = minMipmapLevelClamp;
    state.sampling.maxMipmapLevelClamp = maxMipmapLevelClamp;
  });
}
CUresult cuTexRefSetMaxAnisotropy(CUtexref hTexRef, unsigned int maxAniso) {
  return change(hTexRef, [&](State& state) { state.sampling.maxAnisotropy = maxAniso; });
}
CUresult cuTexRefSetBorderColor(CUtexref hTexRef, float* pBorderColor) {
  if (pBorderColor == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return change(hTexRef, [&](State& state) { std::copy_n(pBorderColor, 4, state.sampling.borderColor); });
}
CUresult cuTexRefSetFlags(CUtexref hTexRef, unsigned int Flags) {
  return change(hTexRef, [&](State& state) { state.sampling.flags = Flags; });
}

CUresult cuTexRefGetAddress_v2(CUdeviceptr* pdptr, CUtexref hTexRef) {
  const Ref<TextureReference> reference = TRY(find_live(hTexRef));
  if (pdptr == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const State state = reference->state();
  const CUresourcetype type = state.resource.resType;
  if (!state.bound || (type != CU_RESOURCE_TYPE_LINEAR && type != CU_RESOURCE_TYPE_PITCH2D))
    return CUDA_ERROR_INVALID_VALUE;
  *pdptr = type == CU_RESOURCE_TYPE_LINEAR ? state.resource.res.linear.devPtr : state.resource.res.pitch2D.devPtr;
  return CUDA_SUCCESS;
}
CUresult cuTexRefGetArray(CUarray* phArray, CUtexref hTexRef) {
  const Ref<TextureReference> reference = TRY(find_live(hTexRef));
  const State state = reference->state();
  if (phArray == nullptr || !state.bound || state.resource.resType != CU_RESOURCE_TYPE_ARRAY)
    return CUDA_ERROR_INVALID_VALUE;
  *phArray = state.resource.res.array.hArray;
  return CUDA_SUCCESS;
}
CUresult cuTexRefGetMipmappedArray(CUmipmappedArray* phMipmappedArray, CUtexref hTexRef) {
  const Ref<TextureReference> reference = TRY(find_live(hTexRef));
  const State state = reference->state();
  if (phMipmappedArray == nullptr || !state.bound || state.resource.resType != CU_RESOURCE_TYPE_MIPMAPPED_ARRAY)
    return CUDA_ERROR_INVALID_VALUE;
  *phMipmappedArray = state.resource.res.mipmap.hMipmappedArray;
  return CUDA_SUCCESS;
}
CUresult cuTexRefGetAddressMode(CUaddress_mode* pam, CUtexref hTexRef, int dim) {
  if (dim < 0 || dim > 2) return CUDA_ERROR_INVALID_VALUE;
  return get(pam, hTexRef, [&](const State& state) { return state.sampling.addressMode[dim]; });
}
CUresult cuTexRefGetFilterMode(CUfilter_mode* pfm, CUtexref hTexRef) {
  return get(pfm, hTexRef, [](const State& state) { return state.sampling.filterMode; });
}
CUresult cuTexRefGetFormat(CUarray_format* pFormat, int* pNumChannels, CUtexref hTexRef) {
  if (pNumChannels == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(get(pFormat, hTexRef, [](const State& state) { return state.format; }));
  return get(pNumChannels, hTexRef, [](const State& state) { return static_cast<int>(state.channels); });
}
CUresult cuTexRefGetMipmapFilterMode(CUfilter_mode* pfm, CUtexref hTexRef) {
  return get(pfm, hTexRef, [](const State& state) { return state.sampling.mipmapFilterMode; });
}
CUresult cuTexRefGetMipmapLevelBias(float* pbias, CUtexref hTexRef) {
  return get(pbias, hTexRef, [](const State& state) { return state.sampling.mipmapLevelBias; });
}
CUresult cuTexRefGetMipmapLevelClamp(float* pminMipmapLevelClamp, float* pmaxMipmapLevelClamp, CUtexref hTexRef) {
  VGPU_CHECK(get(pminMipmapLevelClamp, hTexRef, [](const State& state) { return state.sampling.minMipmapLevelClamp; }));
  return get(pmaxMipmapLevelClamp, hTexRef, [](const State& state) { return state.sampling.maxMipmapLevelClamp; });
}
CUresult cuTexRefGetMaxAnisotropy(int* pmaxAniso, CUtexref hTexRef) {
  return get(pmaxAniso, hTexRef, [](const State& state) { return static_cast<int>(state.sampling.maxAnisotropy); });
}
CUresult cuTexRefGetBorderColor(float* pBorderColor, CUtexref hTexRef) {
  const Ref<TextureReference> reference = TRY(find_live(hTexRef));
  if (pBorderColor == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::copy_n(reference->state().sampling.borderColor, 4, pBorderColor);
  return CUDA_SUCCESS;
}
CUresult cuTexRefGetFlags(unsigned int* pFlags, CUtexref hTexRef) {
  return get(pFlags, hTexRef, [](const State& state) { return state.sampling.flags; });
}

CUresult cuSurfRefSetArray(CUsurfref hSurfRef, CUarray hArray, unsigned int Flags) {
  TRY(current_context());
  const Ref<SurfaceReference> reference = find<SurfaceReference>(hSurfRef);
  if (!reference || Flags != 0) return CUDA_ERROR_INVALID_VALUE;
  return reference->set_array(hArray);
}
CUresult cuSurfRefGetArray(CUarray* phArray, CUsurfref hSurfRef) {
  TRY(current_context());
  const Ref<SurfaceReference> reference = find<SurfaceReference>(hSurfRef);
  if (!reference || phArray == nullptr || reference->array() == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *phArray = reference->array();
  return CUDA_SUCCESS;
}

}  // extern "C"
