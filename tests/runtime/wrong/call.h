// SPDX-License-Identifier: Apache-2.0
// One function of the runtime API, and how wrong arguments for it are made: every parameter is nothing, some room, or
// garbage, by its type alone. Nothing here knows what a call does.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "tests/runtime/kernels.h"
#include "tests/runtime/wrong/live.h"

namespace wrong_calls {

// What stands for a parameter.
enum class Value : char {
  nothing = '0',  // NULL, zero, a struct of zeros
  room = 'r',     // a pointer to zeros; what is no pointer: 1
  live = 'l',     // an object that lives, where it is a handle; otherwise as room
  garbage = 'g',  // a number that nothing has; a pointer to an object that is none
};

// As many bytes as any struct of the API has, per parameter.
constexpr size_t kRoomBytes = 8192;
constexpr size_t kMostParameters = 12;
struct Rooms {
  alignas(64) unsigned char bytes[kMostParameters][kRoomBytes];
};

template <class T, class = void>
inline constexpr bool is_complete = false;
template <class T>
inline constexpr bool is_complete<T, std::void_t<decltype(sizeof(T))>> = true;

// Kernels are passed by this type, and memory that is read.
template <class T>
inline constexpr bool may_be_kernel = std::is_same_v<T, const void*>;

template <class Function>
struct NoOperation;
template <class Result, class... Parameters>
struct NoOperation<Result (*)(Parameters...)> {
  static Result call(Parameters...) { return Result(); }
};

// Room begins with zeros, so text in it is empty; text that is garbage names nothing.
template <class T>
T make(Value value, unsigned char* room) {
  if constexpr (std::is_pointer_v<T>) {
    using Target = std::remove_cv_t<std::remove_pointer_t<T>>;
    if (value == Value::nothing) return nullptr;
    if constexpr (std::is_function_v<Target>) {
      return NoOperation<T>::call;
    } else if constexpr (std::is_void_v<Target> || is_complete<Target>) {
      if (value == Value::garbage) std::memcpy(room, "nonsense", 9);
      if (may_be_kernel<T> && value == Value::live)
        return reinterpret_cast<T>(reinterpret_cast<uintptr_t>(runtime_test::add_kernel()));
      return reinterpret_cast<T>(room);
    } else {  // A handle.
      return value == Value::room ? nullptr : value == Value::live ? new_object<T>() : reinterpret_cast<T>(room);
    }
  } else if constexpr (std::is_class_v<T>) {
    T made{};
    if (value == Value::garbage) std::memset(static_cast<void*>(&made), 0x5a, sizeof made);
    return made;
  } else if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(value == Value::nothing ? 0 : value == Value::room ? 1 : -1e30);
  } else {
    if (value == Value::garbage) return static_cast<T>(sizeof(T) == 8 ? int64_t{1} << 60 : 0x5a5a);
    return static_cast<T>(value == Value::nothing ? 0 : 1);
  }
}

template <class T>
inline constexpr bool is_room = std::is_pointer_v<T> &&
                                (std::is_void_v<std::remove_pointer_t<T>> || is_complete<std::remove_pointer_t<T>>);

template <class T>
inline constexpr bool is_handle = std::is_pointer_v<T> && !is_room<T> && !std::is_function_v<std::remove_pointer_t<T>>;

// A parameter of the calls for GL, EGL and VDPAU, which the toolkit declares only beside headers of those.
struct Foreign;

struct Parameter {
  bool room;    // it points to something of the caller's
  bool handle;  // an object that the library gave out, or perhaps a kernel
};

struct Call {
  const char* name;
  std::vector<Parameter> parameters;
  cudaError_t (*run)(void (*function)(), const Value* values, Rooms& rooms);
  void (*function)();
};

template <class Function>
struct Shape;
template <class... Parameters>
struct Shape<cudaError_t (*)(Parameters...)> {
  static_assert(sizeof...(Parameters) <= kMostParameters);

  template <size_t... index>
  static cudaError_t apply(cudaError_t (*function)(Parameters...), const Value* values, Rooms& rooms,
                           std::index_sequence<index...>) {
    return function(make<Parameters>(values[index], rooms.bytes[index])...);
  }
  static cudaError_t run(void (*function)(), const Value* values, Rooms& rooms) {
    return apply(reinterpret_cast<cudaError_t (*)(Parameters...)>(function), values, rooms,
                 std::index_sequence_for<Parameters...>());
  }
  static Call describe(const char* name, cudaError_t (*function)(Parameters...)) {
    return {name,
            {Parameter{is_room<Parameters>, is_handle<Parameters> || may_be_kernel<Parameters>}...},
            run,
            reinterpret_cast<void (*)()>(function)};
  }
};

template <class Function>
Call describe(const char* name, Function* function) {
  return Shape<Function*>::describe(name, function);
}

// Every call that the library under test exports and that returns an error: calls13.cpp or calls12.cpp.
std::vector<Call> all_calls();

}  // namespace wrong_calls
