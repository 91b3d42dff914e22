// SPDX-License-Identifier: Apache-2.0
#include "common/fatbin.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "common/read_at.h"

namespace vgpu::fatbin {
namespace {

using Bytes = std::span<const std::byte>;

struct Wrapper {
  uint32_t magic;
  uint32_t version;
  const void* data;
  const void* extra;  // version 1: a file name; version 2: a NULL-terminated array of containers from before linking
};
static_assert(sizeof(Wrapper) == 24);

struct ContainerHeader {
  uint32_t magic;
  uint16_t version;
  uint16_t header_size;
  uint64_t size;  // of all entries
};
static_assert(sizeof(ContainerHeader) == 16);

struct EntryHeader {
  uint16_t kind;
  uint16_t version;
  uint32_t header_size;
  uint64_t payload_size;
  uint32_t compressed_size;
  uint32_t options_offset;
  uint16_t minor, major;
  uint32_t architecture;
  uint32_t name_offset, name_size;
  uint64_t flags;
  uint64_t reserved;
  uint64_t uncompressed_size;
};
static_assert(sizeof(EntryHeader) == 64);

enum : uint16_t { kKindPtx = 1, kKindCubin = 2 };
enum : uint64_t {
  kFlagOldCompression = 0x1000,
  kFlagLz4 = 0x2000,
  kFlagZstd = 0x8000,
  kFlagArchitectureSpecific = 0x100000,
  kFlagFamilySpecific = 0x200000,
};

// An image larger than this is a corrupt header.
constexpr uint64_t kMaxImage = uint64_t{1} << 40;

// Bytes of a container including its header, or 0 when the header makes no sense.
uint64_t container_size(const ContainerHeader& header) {
  const bool sane = header.magic == kContainerMagic && header.version == 1 &&
                    header.header_size >= sizeof(ContainerHeader) && header.size <= kMaxImage;
  return sane ? header.header_size + header.size : 0;
}

// Raises end to cover count table rows at offset; false when that is out of reason.
bool cover(uint64_t offset, uint64_t size, uint64_t& end) {
  if (offset > kMaxImage || size > kMaxImage) return false;
  end = std::max(end, offset + size);
  return true;
}

// Bytes of a 64-bit ELF file: the farthest of its tables, sections and segments. 0 when malformed or beyond limit.
uint64_t elf_size(Bytes bytes) {
  Elf64_Ehdr header;
  if (!read_at(bytes, 0, header) || header.e_ident[EI_CLASS] != ELFCLASS64) return 0;
  uint64_t end = sizeof(header);
  const uint64_t sections = header.e_shoff == 0 ? 0 : header.e_shnum;
  if (sections != 0 && header.e_shentsize != sizeof(Elf64_Shdr)) return 0;
  if (header.e_phnum != 0 && header.e_phentsize != sizeof(Elf64_Phdr)) return 0;
  if (!cover(header.e_shoff, sections * sizeof(Elf64_Shdr), end)) return 0;
  if (!cover(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr), end)) return 0;
  for (uint64_t i = 0; i < sections; ++i) {
    Elf64_Shdr section;
    if (!read_at(bytes, header.e_shoff + i * sizeof(section), section)) return 0;
    const bool in_file = section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL;
    if (in_file && !cover(section.sh_offset, section.sh_size, end)) return 0;
  }
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    if (!read_at(bytes, header.e_phoff + i * sizeof(segment), segment)) return 0;
    if (!cover(segment.p_offset, segment.p_filesz, end)) return 0;
  }
  return end <= bytes.size() ? end : 0;
}

// Containers back to back, each starting at the next multiple of 8: their bytes, or 0 when one is truncated.
uint64_t containers_size(Bytes bytes) {
  uint64_t end = 0, next = 0;
  ContainerHeader header;
  while (read_at(bytes, next, header) && header.magic == kContainerMagic) {
    const uint64_t size = container_size(header);
    if (size == 0 || size > bytes.size() - next) return 0;
    end = next + size;
    next = (end + 7) & ~uint64_t{7};
  }
  return end;
}

}  // namespace

ImageKind kind_of(Bytes bytes) {
  if (bytes.empty()) return ImageKind::unknown;
  uint32_t magic = 0;
  if (read_at(bytes, 0, magic)) {
    if (magic == kWrapperMagic) return ImageKind::wrapper;
    if (magic == kContainerMagic) return ImageKind::container;
    if (std::memcmp(&magic, ELFMAG, SELFMAG) == 0) return ImageKind::elf;
  }
  constexpr std::string_view kArchive = "!<arch>\n";
  if (bytes.size() >= kArchive.size() && std::memcmp(bytes.data(), kArchive.data(), kArchive.size()) == 0) {
    return ImageKind::archive;
  }
  const auto first = static_cast<unsigned char>(bytes[0]);
  const bool text = (first >= 0x20 && first < 0x7F) || (first >= '\t' && first <= '\r');
  return text ? ImageKind::ptx : ImageKind::unknown;
}

bool is_cubin(Bytes elf) {
  constexpr uint16_t kMachineCuda = 190;  // EM_CUDA
  Elf64_Ehdr header;
  return read_at(elf, 0, header) && header.e_machine == kMachineCuda;
}

namespace {

// A container of this process, sized by its own header; empty when the header makes no sense.
Bytes locate_container(const void* container) {
  ContainerHeader header;
  std::memcpy(&header, container, sizeof(header));
  return {static_cast<const std::byte*>(container), container_size(header)};
}

std::optional<Image> follow_wrapper(const void* image) {
  constexpr size_t kMaxPrelinked = 1 << 16;
  Wrapper wrapper;
  std::memcpy(&wrapper, image, sizeof(wrapper));
  if (wrapper.data == nullptr || (wrapper.version != 1 && wrapper.version != 2)) return std::nullopt;
  Image found{ImageKind::container, locate_container(wrapper.data), {}};
  if (found.bytes.empty()) return std::nullopt;
  if (wrapper.version == 1 || wrapper.extra == nullptr) return found;
  const auto* containers = static_cast<const void* const*>(wrapper.extra);
  for (; *containers != nullptr; ++containers) {
    const Bytes bytes = locate_container(*containers);
    if (bytes.empty() || found.prelinked.size() == kMaxPrelinked) return std::nullopt;
    found.prelinked.push_back(bytes);
  }
  return found;
}

}  // namespace

std::optional<Image> locate_image(const void* image) {
  if (image == nullptr) return std::nullopt;
  const auto* begin = static_cast<const std::byte*>(image);
  const auto* text = static_cast<const char*>(image);
  // Every magic number has its bytes before a NUL, so nothing behind the end of a short text is looked at.
  const Bytes start{begin, strnlen(text, 8)};
  Image found{kind_of(start), {}, {}};
  switch (found.kind) {
    case ImageKind::wrapper: return follow_wrapper(image);
    case ImageKind::container: found.bytes = locate_container(image); break;
    case ImageKind::elf: found.bytes = {begin, elf_size({begin, kMaxImage})}; break;
    case ImageKind::ptx: found.bytes = {begin, std::strlen(text) + 1}; break;
    case ImageKind::archive:
    case ImageKind::unknown: break;
  }
  if (found.bytes.empty()) return std::nullopt;
  return found;
}

std::optional<Image> locate_image(Bytes bytes) {
  const ImageKind kind = kind_of(bytes);
  uint64_t size = 0;
  switch (kind) {
    case ImageKind::container: size = containers_size(bytes); break;
    case ImageKind::elf: size = elf_size(bytes); break;
    case ImageKind::archive: size = bytes.size(); break;
    case ImageKind::ptx: {
      // Callers of cuLinkAddData count the NUL or do not.
      const size_t length = strnlen(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      size = std::min(length + 1, bytes.size());
      break;
    }
    case ImageKind::wrapper:
    case ImageKind::unknown: break;
  }
  if (size == 0) return std::nullopt;
  return Image{kind, bytes.first(size), {}};
}

namespace {

Compression compression_of(const EntryHeader& header) {
  if ((header.flags & kFlagOldCompression) != 0) return Compression::unsupported;
  if ((header.flags & kFlagLz4) != 0) return Compression::lz4;
  if ((header.flags & kFlagZstd) != 0) return Compression::zstd;
  return header.uncompressed_size == 0 ? Compression::none : Compression::unsupported;
}

// The entry at the front of bytes, and the bytes it takes in advance; false when it does not fit.
bool read_entry(Bytes bytes, Entry& entry, uint64_t& advance) {
  EntryHeader header;
  if (!read_at(bytes, 0, header)) return false;
  if (header.header_size < sizeof(header) || header.header_size > bytes.size()) return false;
  const Bytes behind = bytes.subspan(header.header_size);
  if (header.payload_size > behind.size() || header.compressed_size > header.payload_size) return false;
  if (header.kind == kKindPtx) entry.kind = EntryKind::ptx;
  if (header.kind == kKindCubin) entry.kind = EntryKind::cubin;
  entry.compression = compression_of(header);
  entry.architecture = header.architecture;
  if ((header.flags & kFlagFamilySpecific) != 0) entry.suffix = 'f';
  if ((header.flags & kFlagArchitectureSpecific) != 0) entry.suffix = 'a';
  entry.version_major = header.major;
  entry.version_minor = header.minor;
  entry.flags = header.flags;
  entry.payload = behind.first(header.compressed_size != 0 ? header.compressed_size : header.payload_size);
  entry.uncompressed_size = header.uncompressed_size;
  advance = header.header_size + header.payload_size;
  return true;
}

}  // namespace

std::optional<std::vector<Entry>> list_entries(Bytes containers) {
  std::vector<Entry> entries;
  uint64_t next = 0;
  ContainerHeader header;
  if (containers_size(containers) == 0) return std::nullopt;
  while (read_at(containers, next, header) && header.magic == kContainerMagic) {
    Bytes rest = containers.subspan(next + header.header_size, header.size);
    next = (next + container_size(header) + 7) & ~uint64_t{7};
    while (!rest.empty()) {
      uint64_t advance = 0;
      if (!read_entry(rest, entries.emplace_back(), advance)) return std::nullopt;
      rest = rest.subspan(advance);
    }
  }
  return entries;
}

}  // namespace vgpu::fatbin
