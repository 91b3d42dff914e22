// SPDX-License-Identifier: Apache-2.0
// UserObject, and CUDA driver API, "Graph Management": user objects.
#include "softgpu/driver/user_object.h"

#include "softgpu/driver/executor.h"
#include "softgpu/driver/graph.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/thread_state.h"

namespace vgpu::soft {

void UserObject::take(unsigned count) {
  const std::lock_guard lock(mutex_);
  references_ += count;
}

CUresult UserObject::give_back(unsigned count) {
  {
    const std::lock_guard lock(mutex_);
    if (count > references_) return CUDA_ERROR_INVALID_VALUE;
    references_ -= count;
    if (references_ != 0) return CUDA_SUCCESS;
  }
  retire(handle_value(), Kind::user_object);
  // The destructor may not call CUDA, and no CUDA call waits for it (CU_USER_OBJECT_NO_DESTRUCTOR_SYNC).
  Process::get()->executor().submit([destroy = destroy_, data = data_] {
    const HostFunctionScope scope;
    destroy(data);
  });
  return CUDA_SUCCESS;
}

void UserObjectReferences::copy_from(const UserObjectReferences& other) {
  for (const Entry& entry : other.entries_) {
    entry.object->take(entry.count);
    add(entry.object, entry.count);
  }
}

UserObjectReferences::~UserObjectReferences() {
  for (const Entry& entry : entries_) {
    [[maybe_unused]] const CUresult given = entry.object->give_back(entry.count);
  }
}

void UserObjectReferences::add(Ref<UserObject> object, unsigned count) {
  for (Entry& entry : entries_) {
    if (!(entry.object == object)) continue;
    entry.count += count;
    return;
  }
  entries_.push_back({std::move(object), count});
}

CUresult UserObjectReferences::remove(UserObject& object, unsigned count) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].object.get() != &object) continue;
    if (count > entries_[i].count) return CUDA_ERROR_INVALID_VALUE;
    entries_[i].count -= count;
    if (entries_[i].count == 0) entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(i));
    return object.give_back(count);
  }
  return CUDA_ERROR_INVALID_VALUE;
}

}  // namespace vgpu::soft

using namespace vgpu::soft;

namespace {

CuResult<Ref<UserObject>> find_user_object(CUuserObject handle, unsigned count) {
  TRY(current_process());
  Ref<UserObject> object = find<UserObject>(handle);
  // A count above INT_MAX is refused so that a negative one is not taken for a large one.
  if (!object || count == 0 || count > INT32_MAX) return CUDA_ERROR_INVALID_VALUE;
  return object;
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuUserObjectCreate(CUuserObject* object_out, void* ptr, CUhostFn destroy, unsigned int initialRefcount,
                                    unsigned int flags) {
  TRY(current_process());
  if (object_out == nullptr || destroy == nullptr || initialRefcount == 0 || initialRefcount > INT32_MAX ||
      flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC)
    return CUDA_ERROR_INVALID_VALUE;
  const Ref<UserObject> object = make_ref<UserObject>(ptr, destroy, initialRefcount);
  if (publish(object) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *object_out = handle_of(*object);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuUserObjectRetain(CUuserObject object, unsigned int count) {
  const Ref<UserObject> found = TRY(find_user_object(object, count));
  found->take(count);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuUserObjectRelease(CUuserObject object, unsigned int count) {
  const Ref<UserObject> found = TRY(find_user_object(object, count));
  return found->give_back(count);
}

CUresult CUDAAPI cuGraphRetainUserObject(CUgraph graph, CUuserObject object, unsigned int count, unsigned int flags) {
  const Ref<UserObject> found = TRY(find_user_object(object, count));
  const Ref<Graph> holder = TRY(find_graph(graph));
  if ((flags & ~unsigned{CU_GRAPH_USER_OBJECT_MOVE}) != 0) return CUDA_ERROR_INVALID_VALUE;
  if ((flags & CU_GRAPH_USER_OBJECT_MOVE) == 0) found->take(count);
  const GraphLock lock;
  holder->user_objects.add(found, count);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphReleaseUserObject(CUgraph graph, CUuserObject object, unsigned int count) {
  const Ref<UserObject> found = TRY(find_user_object(object, count));
  const Ref<Graph> holder = TRY(find_graph(graph));
  const GraphLock lock;
  return holder->user_objects.remove(*found, count);
}

}  // extern "C"
