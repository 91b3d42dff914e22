// SPDX-License-Identifier: Apache-2.0
#include "common/face/integrity.h"

#include <bit>
#include <cstring>
#include <vector>

namespace vgpu::face {
namespace {

static_assert(std::endian::native == std::endian::little, "the message and the constants are little endian");

constexpr std::array<uint8_t, kMd2Size> kKey = {0x14, 0x6A, 0xDD, 0xAE, 0x53, 0xA9, 0xA7, 0x52,
                                                0xAA, 0x08, 0x41, 0x36, 0x0B, 0xF5, 0x5A, 0x9F};
constexpr std::array<uint64_t, 2> kReplyTo0 = {0x3341181C03CB675C, 0x8ED383AA1F4CD1E8};
constexpr std::array<uint64_t, 2> kReplyTo1 = {0x1841181C03CB675C, 0x8ED383AA1F4CD1E8};

static_assert(sizeof(IntegrityFacts) == 48 && sizeof(IntegrityDevice) == 28, "both are hashed as they lie in memory");

template <class T>
void append(std::vector<uint8_t>& message, const T& part) {
  const auto bytes = std::bit_cast<std::array<uint8_t, sizeof(T)>>(part);
  message.insert(message.end(), bytes.begin(), bytes.end());
}

}  // namespace

Md2Digest integrity_reply(const IntegrityFacts& facts, std::span<const IntegrityDevice> devices) {
  if (facts.runtime_version % 10 == 0) return std::bit_cast<Md2Digest>(kReplyTo0);
  if (facts.runtime_version % 10 == 1) return std::bit_cast<Md2Digest>(kReplyTo1);
  std::vector<uint8_t> message;
  append(message, facts);
  for (const IntegrityDevice& device : devices) append(message, device);
  return hmac_md2(kKey, message);
}

}  // namespace vgpu::face
