// SPDX-License-Identifier: Apache-2.0
// Fuzzes what reads code images: fat binaries, object files, archives, compressed texts. The first byte says how the
// rest is dressed: 0 as it is; else as the payload of an entry, compressed or not, whose headers the next bytes change.
// Nothing that is found may lie outside of the image.
#include <lz4.h>
#include <zstd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "softgpu/ptx/image.h"

namespace {

using namespace vgpu;
using Bytes = std::vector<std::byte>;

constexpr size_t kHeaders = 16 + 64;
constexpr size_t kChanges = 3;  // of a byte of the headers, each by two bytes of the input

[[noreturn]] void broken(const char* rule) {
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

template <class T>
void put(Bytes& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

Bytes compress(const uint8_t* data, size_t size, int how) {
  const auto* const text = reinterpret_cast<const char*>(data);
  Bytes out(ZSTD_compressBound(size) + static_cast<size_t>(LZ4_compressBound(static_cast<int>(size))));
  size_t bytes = size;
  if (how == 1)
    bytes = static_cast<size_t>(LZ4_compress_default(text, reinterpret_cast<char*>(out.data()), static_cast<int>(size),
                                                     static_cast<int>(out.size())));
  else if (how == 2) bytes = ZSTD_compress(out.data(), out.size(), data, size, 1);
  else std::memcpy(out.data(), data, size);
  out.resize(bytes);
  return out;
}

// A container with one entry of PTX.
Bytes dress(const uint8_t* data, size_t size, int how) {
  constexpr uint64_t kFlags[] = {0, 0x2000, 0x8000};
  const uint8_t* const changes = data;
  data += 2 * kChanges, size -= 2 * kChanges;
  const Bytes payload = compress(data, size, how);
  Bytes image(kHeaders + (payload.size() + 7) / 8 * 8);
  put(image, 0, fatbin::kContainerMagic);
  put(image, 4, uint16_t{1});
  put(image, 6, uint16_t{16});
  put(image, 8, uint64_t{image.size() - 16});
  put(image, 16, uint16_t{1});
  put(image, 20, uint32_t{64});
  put(image, 24, uint64_t{image.size() - kHeaders});
  put(image, 32, static_cast<uint32_t>(payload.size()));
  put(image, 44, uint32_t{75});
  put(image, 56, kFlags[how]);
  put(image, 72, how == 0 ? uint64_t{0} : uint64_t{size});
  if (!payload.empty()) std::memcpy(image.data() + kHeaders, payload.data(), payload.size());
  for (size_t i = 0; i < kChanges; ++i) image[changes[2 * i] % kHeaders] ^= std::byte{changes[2 * i + 1]};
  return image;
}

void look_at(std::span<const std::byte> image) {
  const auto located = fatbin::locate_image(image);
  if (located && (located->bytes.data() != image.data() || located->bytes.size() > image.size()))
    broken("an image ends behind its bytes");
  const auto entries = soft::ptx::read_image(image);
  if (!entries.ok()) return;
  for (const auto& each : entries.value()) {
    const auto payload = each.entry.payload;
    if (!payload.empty() &&
        (payload.data() < image.data() || payload.data() + payload.size() > image.data() + image.size()))
      broken("an entry lies outside of its image");
  }
  static_cast<void>(soft::ptx::choose_ptx(entries.value(), {9, 0}, soft::ptx::LaterCode::runs));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const int how = data[0] % 4;
  if (how != 0 && size < 1 + 2 * kChanges) return 0;
  // A copy of exactly its size, so that a read behind it is seen.
  const auto raw = std::as_bytes(std::span(data + 1, size - 1));
  const Bytes image = how == 0 ? Bytes(raw.begin(), raw.end()) : dress(data + 1, size - 1, how - 1);
  look_at(image);
  return 0;
}
