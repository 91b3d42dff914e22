// SPDX-License-Identifier: Apache-2.0
// Result<T, E>: a value or the reason why there is none. Used inside C++ code; the C boundary turns it into a
// CUresult, the wire into a transport status (see CONTRIBUTING.md, "Errors"). Not thread-safe by itself: a Result
// is a value and belongs to whoever holds it.
#pragma once

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace vgpu {

// An error that a person reads: what failed, why, and where it helps, what to do next.
struct Error {
  std::string message;

  // "what: strerror(errno)".
  static Error from_errno(std::string what, int error = errno) {
    return {std::move(what) + ": " + std::strerror(error)};
  }
};

// Returned by functions that have nothing to say but success.
struct Nothing {};

template <class T, class E = Error>
class [[nodiscard]] Result {
  static_assert(!std::is_same_v<T, E>, "a Result's value and error must be different types");

 public:
  using Value = std::conditional_t<std::is_void_v<T>, Nothing, T>;

  Result() requires std::is_void_v<T> : state_(std::in_place_index<0>) {}
  template <class U = Value>
  requires(std::is_constructible_v<Value, U&&> && !std::is_same_v<std::remove_cvref_t<U>, Result> &&
           !std::is_same_v<std::remove_cvref_t<U>, E>) Result(U&& value)
      : state_(std::in_place_index<0>, std::forward<U>(value)) {}
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  Value& value() & { return *std::get_if<0>(&state_); }
  const Value& value() const& { return *std::get_if<0>(&state_); }
  Value&& value() && { return std::move(*std::get_if<0>(&state_)); }
  E& error() & { return *std::get_if<1>(&state_); }
  const E& error() const& { return *std::get_if<1>(&state_); }

  Value* operator->() { return &value(); }
  Value& operator*() & { return value(); }
  Value&& operator*() && { return std::move(*this).value(); }

 private:
  std::variant<Value, E> state_;
};

}  // namespace vgpu

// TRY(expression): the value of a Result, or return its error from the calling function.
#define TRY(...)                                         \
  ({                                                     \
    auto vgpu_result_ = (__VA_ARGS__);                   \
    if (!vgpu_result_.ok()) return vgpu_result_.error(); \
    std::move(vgpu_result_).value();                     \
  })
