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

// Calls the destructors of the context's entries, newest first and without holding a lock; each entry is found until
// its destructor has returned. A destructor may use the store: what it removes is not called, what it puts is.
void destroy_storage(CUcontext context);

}  // namespace vgpu::face
