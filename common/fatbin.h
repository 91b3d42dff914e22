// SPDX-License-Identifier: Apache-2.0
// Code images as programs hand them to CUDA (cuModuleLoadData, cuLibraryLoadData, cuLinkAddData): where they begin and
// end, and the entries of a fat binary, without decompressing or judging them. The guest library uses locate_image to
// learn which bytes to ship; the software GPU lists entries. Pure functions, safe from any thread. Results borrow the
// caller's bytes. Format: fat binary wrapper (.nvFatBinSegment), container (.nv_fatbin), ELF, ar archive, PTX text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vgpu::fatbin {

inline constexpr uint32_t kWrapperMagic = 0x466243B1;
inline constexpr uint32_t kContainerMagic = 0xBA55ED50;

enum class ImageKind : uint8_t { unknown, wrapper, container, elf, archive, ptx };

// What the first bytes say. PTX is any text: its first byte is printable or white space.
ImageKind kind_of(std::span<const std::byte> bytes);

// Whether an ELF file is for a GPU, a cubin. Others hold objects to link, with fat binaries inside.
bool is_cubin(std::span<const std::byte> elf);

struct Image {
  ImageKind kind = ImageKind::unknown;  // never wrapper: a wrapper is followed to its container
  std::span<const std::byte> bytes;     // a container with its header, an ELF file, or PTX with its NUL
  // Of a wrapper of version 2 (nvcc -rdc=true): the containers from before device linking. `bytes` holds only what
  // nvcc could link, cubins; for a program that carries nothing but PTX it is empty and the driver links these.
  std::vector<std::span<const std::byte>> prelinked;
};

// The extent of an image of unknown size in this process, from its own headers. Trusts the pointer as CUDA does.
// Nothing for NULL, bytes of no known kind, headers that make no sense, and archives, which do not tell their size.
std::optional<Image> locate_image(const void* image);

// The same for an image of at most bytes.size(): nothing when it is truncated, or a wrapper, whose pointer would lead
// out of the span. Bytes behind the image are left out, but containers back to back are one image.
std::optional<Image> locate_image(std::span<const std::byte> bytes);

enum class EntryKind : uint8_t { ptx, cubin, other };
enum class Compression : uint8_t { none, lz4, zstd, unsupported };

struct Entry {
  EntryKind kind = EntryKind::other;
  Compression compression = Compression::none;
  uint32_t architecture = 0;                      // 75 of sm_75
  char suffix = 0;                                // 'a' architecture-specific, 'f' family-specific, or 0
  uint16_t version_major = 0, version_minor = 0;  // PTX ISA of a ptx entry
  uint64_t flags = 0;
  std::span<const std::byte> payload;  // as stored, without padding where that is known
  uint64_t uncompressed_size = 0;      // of a compressed payload
};

// Every entry of a container or of several back to back, in order; nothing when anything is truncated or malformed.
std::optional<std::vector<Entry>> list_entries(std::span<const std::byte> containers);

}  // namespace vgpu::fatbin
