// SPDX-License-Identifier: Apache-2.0
// MD2 (RFC 1319) and HMAC over it (RFC 2104). Broken as cryptography for decades; here only because CUDA's runtimes
// expect a reply that is computed with it (integrity.h). Pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace vgpu::face {

inline constexpr size_t kMd2Size = 16;  // Of a digest and of a block, in bytes.
using Md2Digest = std::array<uint8_t, kMd2Size>;

// Takes a message in pieces of any size.
class Md2 {
 public:
  void update(std::span<const uint8_t> bytes);
  Md2Digest finish();  // Ends the message; the object is used up.

 private:
  using Block = std::array<uint8_t, kMd2Size>;
  void add_to_checksum(const Block& block);
  void compress(const Block& block);

  Block state_{};
  Block checksum_{};
  Block pending_{};
  size_t pending_size_ = 0;
};

Md2Digest hmac_md2(std::span<const uint8_t> key, std::span<const uint8_t> message);

}  // namespace vgpu::face
