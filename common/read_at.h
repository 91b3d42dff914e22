// SPDX-License-Identifier: Apache-2.0
// Structs out of the bytes of a file that others wrote: those carry no alignment, and end where they like.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace vgpu {

// Copies a struct out of the bytes. False, and `out` as it was, when they are too few.
template <class T>
[[nodiscard]] bool read_at(std::span<const std::byte> bytes, uint64_t offset, T& out) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return false;
  std::memcpy(&out, bytes.data() + offset, sizeof(T));
  return true;
}

}  // namespace vgpu
