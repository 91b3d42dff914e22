// SPDX-License-Identifier: Apache-2.0
// The seam between common/face and the CUDA driver that it is linked into (the guest library or the software GPU).
// The face answers cuGetProcAddress, cuGetExportTable, cuGetErrorName and cuGetErrorString from the public functions
// of that same driver and from the hooks below, which the driver implements. In return the face wants to hear of one
// thing: the death of a context (context_destroyed). Every function may be called from any thread; the hooks hold no
// lock when they return and never call back into the face.
#pragma once

#include <cstdint>
#include <vector>

#include "common/face/cuda_api.h"

namespace vgpu::face {

// --- Implemented by the driver.

// Whether cuInit has succeeded in this process (and no fork has come between).
bool initialised() noexcept;

// The handle of the device's primary context: the one that cuDevicePrimaryCtxRetain hands out later, the same for
// the life of the process, valid for cuCtxSetCurrent before any retain. Retains and activates nothing. NULL if there
// is no such device.
CUcontext primary_context_handle(CUdevice device) noexcept;

// The calling thread's current context or NULL: a plain thread-local read, because runtimes ask on every call.
CUcontext current_context() noexcept;

// Whether the handle names a living context or a primary context, retained or not.
bool is_context(CUcontext context) noexcept;

// The device's primary context if `context` was made from a green context, else NULL.
CUcontext wrapped_context(CUcontext context) noexcept;

// For each of the current context's TPCs (pairs of multiprocessors), which GPC it belongs to and its place in there, as
// the driver of a card tells in its table R. NOT_SUPPORTED where there are none.
struct TpcPlaces {
  std::vector<uint8_t> gpc, place;
};
CUresult tpc_places(TpcPlaces& out) noexcept;
// Whether a card's driver answers that.
bool has_tpc_places() noexcept;

// --- Implemented by the face, called by the driver.

// Runs the destructors of what runtimes have attached to the context, newest first. Call it once when a context
// really dies (cuCtxDestroy, the last release of a primary context, cuDevicePrimaryCtxReset), with the context
// current and no lock held: the destructors call back into the driver, where cuCtxGetDevice still succeeds and
// anything that needs the context's resources gives CUDA_ERROR_CONTEXT_IS_DESTROYED.
void context_destroyed(CUcontext context) noexcept;

}  // namespace vgpu::face
