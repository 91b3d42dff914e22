// SPDX-License-Identifier: Apache-2.0
// Reference-counted objects and the table that turns the opaque handles of the CUDA API into them. Every handle an
// application passes is looked up here by kind: a stale, foreign or made-up value finds nothing, and the caller
// returns the documented error. Handles are not addresses: index and generation, so a reused slot is another handle.
// All functions are safe from any thread; an object found stays alive while a Ref to it is held.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace vgpu::soft {

enum class Kind : uint8_t {
  none,
  context,
  stream,
  event,
  module,
  library,
  function,  // CUfunction and CUkernel share one handle space: either is accepted for the other.
  link,
  graph,
  graph_node,
  graph_exec,
  user_object,
  condition,
  pool,
  physical_memory,  // CUmemGenericAllocationHandle
  external_memory,
  array,
  mipmapped_array,
  texture,
  surface,
  texture_reference,
  surface_reference,
};

// Base of everything that Ref can hold. Starts with no references; the last release deletes.
class RefCounted {
 public:
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;
  void retain() const noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const noexcept {
    // acq_rel: whoever deletes must see every other holder's writes.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  RefCounted() = default;
  virtual ~RefCounted() = default;

 private:
  mutable std::atomic<uint32_t> references_{0};
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->retain();
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  template <class U>
  requires std::is_convertible_v<U*, T*> Ref(const Ref<U>& other) : Ref(static_cast<T*>(other.get())) {}
  template <class U>
  requires std::is_convertible_v<U*, T*> Ref(Ref<U>&& other)
  noexcept : object_(other.leak()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->release();
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  // Gives up the reference without releasing it.
  T* leak() { return std::exchange(object_, nullptr); }
  // Takes over a reference that leak() gave up.
  static Ref adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  friend bool operator==(const Ref& a, const Ref& b) { return a.object_ == b.object_; }

 private:
  T* object_ = nullptr;
};

template <class T, class... Arguments>
Ref<T> make_ref(Arguments&&... arguments) {
  return Ref<T>(new T(std::forward<Arguments>(arguments)...));
}

// An object that applications know by a handle. publish() gives it one; retire() takes it back.
class Object : public RefCounted {
 public:
  Kind kind() const { return kind_; }
  // 0 before publish; keeps its value after retire.
  uint64_t handle_value() const { return handle_; }

 protected:
  explicit Object(Kind kind) : kind_(kind) {}

 private:
  friend uint64_t publish(const Ref<Object>& object);
  const Kind kind_;
  uint64_t handle_ = 0;
};

// Enters the object in the table, which then holds a reference. Never fails short of 16 million live handles, which
// returns 0.
uint64_t publish(const Ref<Object>& object);
// Removes the handle from the table; false when it was not there (somebody else retired it first).
bool retire(uint64_t handle, Kind kind);
// Empty when no live object of that kind has this handle.
Ref<Object> find_object(uint64_t handle, Kind kind);

// Typed look-ups. T has `using Handle = CUstream;` (or the like) and `static constexpr Kind kKind`.
template <class T>
Ref<T> find(typename T::Handle handle) {
  // SAFETY: CUDA's handles are opaque pointers that nobody dereferences; the table checks the value and the kind.
  Ref<Object> object = find_object((uint64_t)(handle), T::kKind);
  return Ref<T>::adopt(static_cast<T*>(object.leak()));
}
template <class T>
typename T::Handle handle_of(const T& object) {
  return (typename T::Handle)(object.handle_value());
}
template <class T>
bool retire(const Ref<T>& object) {
  return retire(object->handle_value(), T::kKind);
}

}  // namespace vgpu::soft
