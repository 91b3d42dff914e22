// SPDX-License-Identifier: Apache-2.0
// CUDA user objects: counted references to something of the application's, which graphs hold, and whose destructor runs
// on a thread of ours when the last reference goes. Any thread.
#pragma once

#include <mutex>
#include <vector>

#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class UserObject final : public Object {
 public:
  using Handle = CUuserObject;
  static constexpr Kind kKind = Kind::user_object;

  UserObject(void* data, CUhostFn destroy, unsigned references)
      : Object(Kind::user_object), data_(data), destroy_(destroy), references_(references) {}

  void take(unsigned count);
  // INVALID_VALUE when there are not that many.
  CUresult give_back(unsigned count);

 private:
  void* const data_;
  const CUhostFn destroy_;
  std::mutex mutex_;  // guards references_
  uint64_t references_;
};

// The references that a graph holds; a clone takes its own. Guarded by the graphs' mutex, like its graph.
class UserObjectReferences {
 public:
  UserObjectReferences() = default;
  UserObjectReferences(const UserObjectReferences&) = delete;
  UserObjectReferences& operator=(const UserObjectReferences&) = delete;
  ~UserObjectReferences();

  // Takes as many references as the other has.
  void copy_from(const UserObjectReferences& other);
  // Takes over references that were taken for it.
  void add(Ref<UserObject> object, unsigned count);
  CUresult remove(UserObject& object, unsigned count);

 private:
  struct Entry {
    Ref<UserObject> object;
    unsigned count;
  };
  std::vector<Entry> entries_;
};

}  // namespace vgpu::soft
