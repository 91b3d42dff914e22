// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects. The object itself goes to kernels and stays the driver's number; the resource that it
// reads is named by a handle, or by a device address that the driver must know.
#include "common/bits.h"
#include "host/worker/hand/copy_box.h"
#include "host/worker/hand/known_values.h"

namespace vgpu::host::hand {
namespace {

// One session per process, so these are the session's.
KnownValues& textures() {
  static KnownValues values;
  return values;
}
KnownValues& surfaces() {
  static KnownValues values;
  return values;
}

template <class T>
CUresult real_handle(Invocation& invocation, Kind kind, T& handle) {
  const uint64_t wire = bits_of(handle);
  return wire != 0 && invocation.real(kind, wire, handle) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// Replaces the guest's handle by the driver's. Unknown kinds of resource are refused: they may hold pointers.
CUresult to_driver(Invocation& invocation, CUDA_RESOURCE_DESC& resource) {
  const Session& session = invocation.session;
  uint64_t bytes = 0;
  switch (resource.resType) {
    case CU_RESOURCE_TYPE_ARRAY: return real_handle(invocation, Kind::array, resource.res.array.hArray);
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY:
      return real_handle(invocation, Kind::mipmapped_array, resource.res.mipmap.hMipmappedArray);
    case CU_RESOURCE_TYPE_LINEAR:
      return is_known(session, resource.res.linear.devPtr, resource.res.linear.sizeInBytes) ? CUDA_SUCCESS
                                                                                            : CUDA_ERROR_INVALID_VALUE;
    case CU_RESOURCE_TYPE_PITCH2D:
      if (resource.res.pitch2D.height == 0 ||
          __builtin_mul_overflow(resource.res.pitch2D.height - 1, resource.res.pitch2D.pitchInBytes, &bytes))
        return CUDA_ERROR_INVALID_VALUE;
      return is_known(session, resource.res.pitch2D.devPtr, bytes + 1) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

void to_guest(Invocation& invocation, CUDA_RESOURCE_DESC& resource) {
  if (resource.resType == CU_RESOURCE_TYPE_ARRAY)
    resource.res.array.hArray =
        from_bits<CUarray>(invocation.find_or_add(Kind::array, bits_of(resource.res.array.hArray)));
  if (resource.resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY)
    resource.res.mipmap.hMipmappedArray = from_bits<CUmipmappedArray>(
        invocation.find_or_add(Kind::mipmapped_array, bits_of(resource.res.mipmap.hMipmappedArray)));
}

// The u64 object that a request consists of.
CUresult read_object(Invocation& invocation, const KnownValues& known, uint64_t& object) {
  object = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  return known.contains(object) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

template <class Destroy>
CUresult destroy(Invocation& invocation, KnownValues& known, Destroy driver_destroy) {
  uint64_t object = 0;
  if (const CUresult status = read_object(invocation, known, object); status != CUDA_SUCCESS) return status;
  const CUresult status = driver_destroy(object);
  if (status == CUDA_SUCCESS) known.drop(object);
  return status;
}

template <class Ask>
CUresult ask_resource(Invocation& invocation, const KnownValues& known, Ask driver_ask) {
  uint64_t object = 0;
  if (const CUresult status = read_object(invocation, known, object); status != CUDA_SUCCESS) return status;
  CUDA_RESOURCE_DESC resource = {};
  const CUresult status = driver_ask(&resource, object);
  if (status != CUDA_SUCCESS) return status;
  to_guest(invocation, resource);
  invocation.reply.put(resource);
  return status;
}

}  // namespace

// CUDA_RESOURCE_DESC, CUDA_TEXTURE_DESC, u32 has view, [CUDA_RESOURCE_VIEW_DESC] -> u64 object.
CUresult texture_create(Invocation& invocation) {
  auto resource = invocation.request.get<CUDA_RESOURCE_DESC>();
  const auto texture = invocation.request.get<CUDA_TEXTURE_DESC>();
  const bool has_view = invocation.request.get<uint32_t>() != 0;
  CUDA_RESOURCE_VIEW_DESC view = {};
  if (has_view) view = invocation.request.get<CUDA_RESOURCE_VIEW_DESC>();
  if (!invocation.request.complete()) return invocation.bad_message();
  if (const CUresult status = to_driver(invocation, resource); status != CUDA_SUCCESS) return status;
  CUtexObject object = 0;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuTexObjectCreate)(
      &object, &resource, &texture, has_view ? &view : static_cast<const CUDA_RESOURCE_VIEW_DESC*>(nullptr));
  if (status != CUDA_SUCCESS) return status;
  textures().add(object);
  invocation.reply.put(static_cast<uint64_t>(object));
  return status;
}

CUresult texture_destroy(Invocation& invocation) {
  return destroy(invocation, textures(), VGPU_DRIVER(invocation.session.driver, cuTexObjectDestroy));
}

CUresult texture_resource(Invocation& invocation) {
  return ask_resource(invocation, textures(), VGPU_DRIVER(invocation.session.driver, cuTexObjectGetResourceDesc));
}

// cuTexObjectGetTextureDesc, cuTexObjectGetResourceViewDesc: (descriptor, object).
CUresult texture_row(Invocation& invocation) {
  RowCall row{*api::find_row(invocation.command.opcode), {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  if (!textures().contains(row.argument<CUtexObject>(1))) return CUDA_ERROR_INVALID_VALUE;
  return call_row(invocation, row);
}

// CUDA_RESOURCE_DESC -> u64 object.
CUresult surface_create(Invocation& invocation) {
  auto resource = invocation.request.get<CUDA_RESOURCE_DESC>();
  if (!invocation.request.complete()) return invocation.bad_message();
  if (const CUresult status = to_driver(invocation, resource); status != CUDA_SUCCESS) return status;
  CUsurfObject object = 0;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuSurfObjectCreate)(&object, &resource);
  if (status != CUDA_SUCCESS) return status;
  surfaces().add(object);
  invocation.reply.put(static_cast<uint64_t>(object));
  return status;
}

CUresult surface_destroy(Invocation& invocation) {
  return destroy(invocation, surfaces(), VGPU_DRIVER(invocation.session.driver, cuSurfObjectDestroy));
}

CUresult surface_resource(Invocation& invocation) {
  return ask_resource(invocation, surfaces(), VGPU_DRIVER(invocation.session.driver, cuSurfObjectGetResourceDesc));
}

}  // namespace vgpu::host::hand
