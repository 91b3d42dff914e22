// SPDX-License-Identifier: Apache-2.0
// Builds a Call from a function's own type and the marks of one API line, at compile time.
//
//   API(cuStreamCreate, sync, make(phStream))
//
// A by-value parameter is a value or, by its type, a handle. A pointer without a mark, a mark on a parameter of the
// wrong shape and a parameter name that does not exist are compile errors. Included only by common/api_rows.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <tuple>

#include "vgpu/api/kinds.h"

namespace vgpu::api {

// The position of a named parameter; build/gen/cuda_args.inc defines one per parameter of each call.
struct Argument {
  uint8_t index;
};

struct Mark {
  uint8_t index;
  Role role;
  uint8_t count_arg = kNoCount;
  bool count_is_pointer = false;
  Kind kind = Kind::none;
  uint32_t (*size_of)(int64_t) = nullptr;
  uint8_t elements = 1;
};

// "n points to the count": reads(p, at(n)).
struct At {
  uint8_t index;
};
constexpr At at(Argument n) { return {n.index}; }

constexpr Mark out(Argument p) { return {p.index, Role::out}; }
// A fixed number of values, as a colour has: they travel as one.
constexpr Mark out(Argument p, uint8_t elements) {
  return {p.index, Role::out, kNoCount, false, Kind::none, nullptr, elements};
}
constexpr Mark inout(Argument p) { return {p.index, Role::inout}; }
constexpr Mark copies(Argument p) { return {p.index, Role::copies}; }
constexpr Mark copies(Argument p, uint8_t elements) {
  return {p.index, Role::copies, kNoCount, false, Kind::none, nullptr, elements};
}
constexpr Mark cstr(Argument p) { return {p.index, Role::cstr}; }
constexpr Mark make(Argument p) { return {p.index, Role::make}; }
constexpr Mark make(Argument p, Kind kind) { return {p.index, Role::make, kNoCount, false, kind}; }
constexpr Mark borrow(Argument p) { return {p.index, Role::borrow}; }
constexpr Mark borrow(Argument p, Kind kind) { return {p.index, Role::borrow, kNoCount, false, kind}; }
constexpr Mark drop(Argument p) { return {p.index, Role::drop}; }
constexpr Mark drop(Argument p, Kind kind) { return {p.index, Role::drop, kNoCount, false, kind}; }
constexpr Mark is(Argument p, Kind kind) { return {p.index, Role::handle, kNoCount, false, kind}; }
constexpr Mark unused(Argument p) { return {p.index, Role::unused}; }
// A pointer that only the driver understands, such as a device address typed void*: it travels as a number.
constexpr Mark address(Argument p) { return {p.index, Role::value}; }
constexpr Mark hand(Argument p) { return {p.index, Role::hand}; }
constexpr Mark reads(Argument p, Argument n) { return {p.index, Role::reads, n.index}; }
constexpr Mark reads(Argument p, At n) { return {p.index, Role::reads, n.index, true}; }
constexpr Mark writes(Argument p, Argument n) { return {p.index, Role::writes, n.index}; }
constexpr Mark writes(Argument p, At n) { return {p.index, Role::writes, n.index, true}; }

// A value whose size depends on `selector` (an enum): `size_of` is the table, at most kMaxSized bytes.
constexpr uint32_t kMaxSized = 64;
constexpr Mark sized_out(Argument p, Argument selector, uint32_t (*size_of)(int64_t)) {
  return {p.index, Role::sized_out, selector.index, false, Kind::none, size_of};
}
constexpr Mark sized_in(Argument p, Argument selector, uint32_t (*size_of)(int64_t)) {
  return {p.index, Role::sized_in, selector.index, false, Kind::none, size_of};
}

namespace detail {

// Bytes of what a pointer parameter points to; void counts as bytes.
template <class T>
constexpr uint32_t pointee_size() {
  using Pointee = std::remove_cv_t<std::remove_pointer_t<T>>;
  if constexpr (std::is_void_v<Pointee>) return 1;
  else if constexpr (requires { sizeof(Pointee); } && !std::is_function_v<Pointee>) return sizeof(Pointee);
  else return 0;
}

// Throwing in a constant expression is how a mistake in a row becomes a compile error that names itself.
template <class T>
constexpr Param pointer_param(const Mark& mark) {
  using Pointee = std::remove_pointer_t<T>;
  using Bare = std::remove_cv_t<Pointee>;
  if (mark.role == Role::value) return {Role::value, Kind::none, kNoCount, false, 0, nullptr, sizeof(T)};
  Param param{
      mark.role, Kind::none, mark.count_arg, mark.count_is_pointer, 0, mark.size_of, pointee_size<T>() * mark.elements};
  if (mark.role == Role::sized_in || mark.role == Role::sized_out) param.size = kMaxSized;
  const bool is_output = mark.role == Role::out || mark.role == Role::inout || mark.role == Role::writes ||
                         mark.role == Role::make || mark.role == Role::borrow;
  if (is_output && std::is_const_v<Pointee>) throw "an output must be a pointer to non-const";
  if constexpr (!std::is_void_v<Bare> && !std::is_function_v<Bare>) {
    param.kind = mark.kind != Kind::none ? mark.kind : kind_of<Bare>;
    if (mark.role == Role::copies && !is_flat<Bare>) throw "copies() needs a type that kinds.h declares flat";
    if ((mark.role == Role::make || mark.role == Role::borrow) && param.kind == Kind::none)
      throw "make() and borrow() need a pointer to a handle";
    if (mark.role == Role::inout && !is_flat<Bare>) throw "inout() needs a flat type";
  }
  return param;
}

template <class T>
constexpr Param value_param(const Mark* mark) {
  Param param{Role::value, kind_of<T>, kNoCount, false, 0, nullptr, sizeof(T)};
  if (param.kind != Kind::none) param.role = Role::handle;
  if (mark == nullptr) return param;
  if (mark->role == Role::hand) return {Role::hand};
  if (mark->role != Role::drop && mark->role != Role::handle) throw "this mark is for pointers";
  if (mark->kind != Kind::none) param.kind = mark->kind;
  if (param.kind == Kind::none) throw "drop() needs a handle";
  param.role = mark->role;
  return param;
}

template <class T>
constexpr Param param_of(const Mark* mark) {
  // Handles are pointers to incomplete structs and are values here.
  if constexpr (std::is_pointer_v<T> && kind_of<T> == Kind::none) {
    if (mark == nullptr) throw "a pointer parameter has no role";
    if (mark->role == Role::hand) return {Role::hand};
    return pointer_param<T>(*mark);
  } else {
    return value_param<T>(mark);
  }
}

template <class T>
constexpr uint8_t count_size_of() {
  if constexpr (std::is_pointer_v<T>) return static_cast<uint8_t>(pointee_size<T>());
  else return sizeof(T);
}

template <class Function>
struct Signature;
template <class... A>
struct Signature<CUresult(A...)> {
  static constexpr size_t kCount = sizeof...(A);
  static_assert(kCount <= kMaxArguments);

  template <size_t... I>
  static constexpr void fill(Call& call, const Mark* const* by_index, std::index_sequence<I...>) {
    constexpr std::array<uint8_t, kCount + 1> sizes{count_size_of<A>()..., 0};
    ((call.param[I] = param_of<A>(by_index[I])), ...);
    for (size_t i = 0; i < kCount; ++i)
      if (call.param[i].count_arg != kNoCount) call.param[i].count_size = sizes[call.param[i].count_arg];
  }
};

}  // namespace detail

template <class Function, size_t N>
constexpr Call build_call(const char* name, uint16_t opcode, Path path, const std::array<Mark, N>& marks) {
  using S = detail::Signature<Function>;
  Call call{name, opcode, path, static_cast<uint8_t>(S::kCount), {}};
  const Mark* by_index[kMaxArguments] = {};
  for (const Mark& mark : marks) by_index[mark.index] = &mark;
  // A call that never crosses needs no roles: everything is hand.
  if (path == Path::local || path == Path::refuse) {
    for (size_t i = 0; i < S::kCount; ++i) call.param[i].role = Role::hand;
    return call;
  }
  S::fill(call, by_index, std::make_index_sequence<S::kCount>());
  return call;
}

}  // namespace vgpu::api
