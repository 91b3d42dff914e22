// SPDX-License-Identifier: Apache-2.0
// Handles and addresses as numbers, and back: the wire carries 64 bits, CUDA's types are pointers of many names.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace vgpu {

// The bits of a pointer, a handle or a function, widened to 64.
template <class T>
uint64_t bits_of(T value) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof value <= sizeof(uint64_t));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

template <class T>
T from_bits(uint64_t bits) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(uint64_t));
  T value{};
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace vgpu
