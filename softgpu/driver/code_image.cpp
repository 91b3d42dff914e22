// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/code_image.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

namespace vgpu::soft {
namespace {

const char* explain(CUresult code) {
  switch (static_cast<int>(code)) {
    case CUDA_ERROR_INVALID_IMAGE: return "this is no device code, or it is corrupt";
    case CUDA_ERROR_NO_BINARY_FOR_GPU: return "no PTX, and machine code (cubins) cannot run here";
    case CUDA_ERROR_INVALID_PTX: return "PTX for a device of later compute capability";
    case CUDA_ERROR_NOT_SUPPORTED: return "compressed as by an old nvcc";
    default: return "the image cannot be read";
  }
}

// Marks the entries of link_image(). The format leaves this bit alone, and no other loader shall run such an image.
constexpr uint64_t kLinkedTogether = uint64_t{1} << 62;
constexpr uint64_t kPtxOfLinux64 = 0x1 | 0x4 | 0x10;

struct ContainerHeader {
  uint32_t magic = fatbin::kContainerMagic;
  uint16_t version = 1, header_size = 16;
  uint64_t size = 0;  // of all entries
};
static_assert(sizeof(ContainerHeader) == 16);

struct EntryHeader {
  uint16_t kind = 1, unnamed = 0x0101;
  uint32_t header_size = 64;
  uint64_t payload_size = 0;  // a multiple of 8
  uint32_t compressed_size = 0, options_offset = 0;
  uint16_t ptx_minor = 0, ptx_major = 7;
  uint32_t architecture = 0;
  uint32_t name_offset = 0, name_size = 0;
  uint64_t flags = kPtxOfLinux64 | kLinkedTogether;
  uint64_t reserved = 0, uncompressed_size = 0;
};
static_assert(sizeof(EntryHeader) == 64);

bool is_linked(const ptx::ImageEntries& entries) {
  const auto marked = [](const ptx::ImageEntry& each) {
    return !each.bare && (each.entry.flags & kLinkedTogether) != 0;
  };
  return !entries.empty() && std::all_of(entries.begin(), entries.end(), marked);
}

Result<std::vector<std::string>, CUresult> all_texts(const ptx::ImageEntries& entries) {
  std::vector<std::string> texts;
  for (const ptx::ImageEntry& each : entries) texts.push_back(TRY(ptx::entry_text(each.entry)));
  return texts;
}

// Text without a version directive is no PTX at all, which NVIDIA's driver tells from PTX with mistakes.
bool is_mere_text(const ptx::ImageEntries& entries, const std::vector<std::string>& texts) {
  return entries.size() == 1 && entries.front().bare && texts.front().find(".version") == std::string::npos;
}

// What to do about code that is all for later devices.
std::string explain_missing(const ptx::ImageEntries& entries, int capability) {
  uint32_t oldest = UINT32_MAX;
  for (const ptx::ImageEntry& each : entries)
    if (each.entry.kind == fatbin::EntryKind::ptx) oldest = std::min(oldest, each.entry.architecture);
  if (oldest == UINT32_MAX) return explain(CUDA_ERROR_NO_BINARY_FOR_GPU);
  const auto name = [](uint32_t number) { return std::to_string(number / 10) + "." + std::to_string(number % 10); };
  return "its PTX is for compute capability " + name(oldest) + ", this device has " +
         name(static_cast<uint32_t>(capability)) + " (VGPU_SOFT_COMPUTE_CAPABILITY)";
}

Result<Ref<CodeImage>, CompileError> choose(const Result<ptx::ImageEntries, CUresult>& entries, CodeTarget target) {
  if (!entries) return CompileError{entries.error(), explain(entries.error())};
  const auto number = static_cast<uint32_t>(target.capability);
  auto texts = is_linked(entries.value()) ? all_texts(entries.value())
                                          : ptx::choose_ptx(entries.value(), {number / 10, number % 10}, target.later);
  if (texts && is_mere_text(entries.value(), *texts)) texts = CUDA_ERROR_INVALID_IMAGE;
  if (!texts && texts.error() == CUDA_ERROR_NO_BINARY_FOR_GPU)
    return CompileError{texts.error(), explain_missing(entries.value(), target.capability)};
  if (!texts) return CompileError{texts.error(), explain(texts.error())};
  return CodeImage::of_texts(*std::move(texts));
}

}  // namespace

CodeImage::CodeImage(std::vector<std::string> texts) : texts_(std::move(texts)) {
  for (const std::string& text : texts_) views_.emplace_back(text);
}

Ref<CodeImage> CodeImage::of_texts(std::vector<std::string> texts) {
  return Ref<CodeImage>(new CodeImage(std::move(texts)));
}

std::vector<std::byte> CodeImage::link_image(std::span<const std::string> texts, int architecture) {
  std::vector<std::byte> image;
  const auto append = [&](const void* bytes, size_t size) {
    const auto* const begin = static_cast<const std::byte*>(bytes);
    image.insert(image.end(), begin, begin + size);
  };
  ContainerHeader container;
  append(&container, sizeof container);
  for (const std::string& text : texts) {
    EntryHeader entry;
    entry.architecture = static_cast<uint32_t>(architecture);
    entry.payload_size = (text.size() + 1 + 7) / 8 * 8;
    append(&entry, sizeof entry);
    append(text.data(), text.size());
    image.resize(image.size() + entry.payload_size - text.size());
  }
  container.size = image.size() - sizeof container;
  std::memcpy(image.data(), &container, sizeof container);
  return image;
}

Result<Ref<CodeImage>, CompileError> CodeImage::read(const void* code, CodeTarget target) {
  return choose(ptx::read_image(code), target);
}

Result<Ref<CodeImage>, CompileError> CodeImage::read(std::span<const std::byte> code, CodeTarget target) {
  return choose(ptx::read_image(code), target);
}

Result<Ref<CodeImage>, CompileError> CodeImage::read_file(const char* path, CodeTarget target) {
  auto bytes = read_code_file(path);
  if (!bytes) return CompileError{bytes.error(), std::string(path) + " cannot be read"};
  return read(std::span<const std::byte>(*bytes), target);
}

CuResult<std::vector<std::byte>> read_code_file(const char* path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "rb"), &std::fclose);
  if (!file) return CUDA_ERROR_FILE_NOT_FOUND;
  std::vector<std::byte> bytes;
  std::byte piece[65536];
  while (const size_t count = std::fread(piece, 1, sizeof piece, file.get()))
    bytes.insert(bytes.end(), piece, piece + count);
  if (std::ferror(file.get()) != 0) return CUDA_ERROR_FILE_NOT_FOUND;
  return bytes;
}

}  // namespace vgpu::soft
