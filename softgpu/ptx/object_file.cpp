// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/object_file.h"

#include <ar.h>
#include <elf.h>

#include <charconv>
#include <cstring>
#include <string_view>

#include "common/fatbin.h"
#include "common/read_at.h"

namespace vgpu::soft::ptx {
namespace {

using Bytes = std::span<const std::byte>;

std::optional<Bytes> part(Bytes bytes, uint64_t offset, uint64_t size) {
  if (offset > bytes.size() || size > bytes.size() - offset) return std::nullopt;
  return bytes.subspan(offset, size);
}

// The NUL-terminated string at an offset of a string table.
std::string_view string_at(Bytes table, uint64_t offset) {
  if (offset >= table.size()) return {};
  const auto* text = reinterpret_cast<const char*>(table.data() + offset);
  return {text, strnlen(text, table.size() - offset)};
}

// The containers of a section, each on its own: they come from different sources. The linker aligns them to 8.
bool add_containers(Bytes section, Containers& containers) {
  constexpr uint64_t kHeader = 16;
  for (uint64_t next = 0; next + kHeader <= section.size(); next = (next + 7) & ~uint64_t{7}) {
    const Bytes rest = section.subspan(next);
    if (fatbin::kind_of(rest) != fatbin::ImageKind::container) {
      next += 8;
      continue;
    }
    // Its header lies inside the section, so it may tell its size; whether that fits is for us to see.
    const auto image = fatbin::locate_image(rest.data());
    if (!image || image->bytes.size() > rest.size()) return false;
    containers.push_back(image->bytes);
    next += image->bytes.size();
  }
  return true;
}

}  // namespace

std::optional<Containers> containers_of_object(Bytes elf) {
  Elf64_Ehdr header;
  if (!read_at(elf, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return std::nullopt;
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr)) return std::nullopt;
  const auto section_at = [&](uint64_t i, Elf64_Shdr& section) {
    return header.e_shoff <= elf.size() && read_at(elf, header.e_shoff + i * sizeof(section), section);
  };
  Elf64_Shdr names;
  if (!section_at(header.e_shstrndx, names)) return std::nullopt;
  const auto table = part(elf, names.sh_offset, names.sh_size);
  if (!table) return std::nullopt;
  Containers containers;
  uint64_t left = elf.size();
  for (uint64_t i = 0; i < header.e_shnum; ++i) {
    Elf64_Shdr section;
    if (!section_at(i, section)) return std::nullopt;
    const std::string_view name = string_at(*table, section.sh_name);
    if (name != ".nv_fatbin" && name != "__nv_relfatbin") continue;
    const auto bytes = part(elf, section.sh_offset, section.sh_size);
    // Sections do not overlap: the same bytes in thousands of them would become thousands of times as much code.
    if (!bytes || bytes->size() > left || !add_containers(*bytes, containers)) return std::nullopt;
    left -= bytes->size();
  }
  return containers;
}

std::optional<Containers> containers_of_archive(Bytes archive) {
  if (archive.size() < SARMAG || std::memcmp(archive.data(), ARMAG, SARMAG) != 0) return std::nullopt;
  Containers containers;
  uint64_t next = SARMAG;
  while (next < archive.size()) {
    ar_hdr header;
    if (!read_at(archive, next, header) || std::memcmp(header.ar_fmag, ARFMAG, sizeof(header.ar_fmag)) != 0) {
      return std::nullopt;
    }
    uint64_t size = 0;
    const auto parsed = std::from_chars(header.ar_size, header.ar_size + sizeof(header.ar_size), size);
    const auto member = part(archive, next + sizeof(header), size);
    if (parsed.ec != std::errc() || !member) return std::nullopt;
    next += sizeof(header) + size + size % 2;
    if (fatbin::kind_of(*member) != fatbin::ImageKind::elf || fatbin::is_cubin(*member)) continue;
    const auto inside = containers_of_object(*member);
    if (!inside) return std::nullopt;
    containers.insert(containers.end(), inside->begin(), inside->end());
  }
  return containers;
}

}  // namespace vgpu::soft::ptx
