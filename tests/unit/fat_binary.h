// SPDX-License-Identifier: Apache-2.0
// Fat binaries made byte by byte, for tests of what reads them.
#pragma once

#include <lz4.h>
#include <zstd.h>

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "common/fatbin.h"

namespace vgpu::test {

inline constexpr uint16_t kPtx = 1, kCubin = 2, kIr = 8;
inline constexpr uint64_t kLz4 = 0x2000, kZstd = 0x8000, kOld = 0x1000, kSpecific = 0x100000, kFamily = 0x200000;

template <class T>
void put(std::string& bytes, size_t offset, T value) {
  if (bytes.size() < offset + sizeof(value)) bytes.resize(offset + sizeof(value));
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

struct EntrySpec {
  uint16_t kind = kPtx;
  uint32_t architecture = 75;
  uint64_t flags = 0;
  std::string text = ".version 8.0\n.target sm_75\n";
  size_t header_size = 64;
};

inline std::string compressed(const EntrySpec& spec) {
  std::string out(4096 + spec.text.size() * 2, '\0');
  if (spec.flags & kLz4) {
    const int size = LZ4_compress_default(spec.text.data(), out.data(), int(spec.text.size()), int(out.size()));
    out.resize(size_t(size));
  } else if (spec.flags & kZstd) {
    out.resize(ZSTD_compress(out.data(), out.size(), spec.text.data(), spec.text.size(), 3));
  } else {
    out = spec.text;
  }
  return out;
}

inline std::string entry(const EntrySpec& spec) {
  const std::string payload = compressed(spec);
  const bool packed = (spec.flags & (kLz4 | kZstd)) != 0;
  std::string bytes(spec.header_size, '\0');
  put<uint16_t>(bytes, 0, spec.kind);
  put<uint16_t>(bytes, 2, 0x0101);
  put<uint32_t>(bytes, 4, uint32_t(spec.header_size));
  put<uint64_t>(bytes, 8, (payload.size() + 7) / 8 * 8);
  put<uint32_t>(bytes, 16, packed ? uint32_t(payload.size()) : 0);
  put<uint16_t>(bytes, 24, 0);
  put<uint16_t>(bytes, 26, 8);
  put<uint32_t>(bytes, 28, spec.architecture);
  put<uint64_t>(bytes, 40, spec.flags);
  put<uint64_t>(bytes, 56, packed ? spec.text.size() : 0);
  bytes += payload;
  bytes.resize((bytes.size() + 7) / 8 * 8);
  return bytes;
}

inline std::string container(const std::vector<EntrySpec>& specs) {
  std::string bytes;
  put<uint32_t>(bytes, 0, fatbin::kContainerMagic);
  put<uint16_t>(bytes, 4, 1);
  put<uint16_t>(bytes, 6, 16);
  put<uint64_t>(bytes, 8, 0);
  for (const EntrySpec& spec : specs) bytes += entry(spec);
  put<uint64_t>(bytes, 8, bytes.size() - 16);
  return bytes;
}

inline std::span<const std::byte> span_of(const std::string& bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace vgpu::test
