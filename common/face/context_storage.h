// SPDX-License-Identifier: Apache-2.0
// Context-local storage: what runtimes attach to a context under a key of their own. Every copy of cudart in a
// process keeps its per-context state here and asks for it on nearly every call, so a repeated read takes no lock.
// One store per process; every function may be called from any thread. Callers have checked that the context exists.
#pragma once

#include <optional>

#include "common/face/cuda_api.h"

namespace vgpu::face {

using StorageDestructor = void (*)(CUcontext context, void* key, void* value);

// False, and nothing changes, if the context has the key already. The destructor may be NULL.
bool put_storage(CUcontext context, void* key, void* value, StorageDestructor destructor);

// False if the context has no such key. The destructor is not called.
bool remove_storage(CUcontext context, void* key);

std::optional<void*> find_storage(CUcontext context, void* key);

// Takes the context's entries out, newest first, and calls their destructors without holding a lock. A destructor
// may use the store; what it puts into the dying context is dropped without a call.
void destroy_storage(CUcontext context);

}  // namespace vgpu::face
