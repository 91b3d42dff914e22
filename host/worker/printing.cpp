// SPDX-License-Identifier: Apache-2.0
#include "host/worker/printing.h"

#include <algorithm>
#include <string_view>

#include "common/code/entry_text.h"

namespace vgpu::host {
namespace {

// To look into more than this would be felt when a library is loaded.
constexpr uint64_t kMostBytes = 32 << 20;

// A kernel that launches graphs launches what others may have compiled.
bool names_printing(std::string_view code) {
  return code.find("vprintf") != std::string_view::npos || code.find("GraphLaunch") != std::string_view::npos;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool entry_may_print(const fatbin::Entry& entry) {
  if (entry.kind == fatbin::EntryKind::other) return true;
  if (entry.compression == fatbin::Compression::none) return names_printing(as_text(entry.payload));
  const auto text = fatbin::entry_text(entry);
  return !text || names_printing(text.value());
}

bool container_may_print(std::span<const std::byte> containers) {
  const auto entries = fatbin::list_entries(containers);
  if (!entries || entries->empty()) return true;
  uint64_t bytes = 0;
  for (const fatbin::Entry& entry : *entries)
    bytes += std::max<uint64_t>(std::min(entry.uncompressed_size, kMostBytes), entry.payload.size());
  return bytes > kMostBytes || std::any_of(entries->begin(), entries->end(), entry_may_print);
}

}  // namespace

bool may_print(std::span<const std::byte> image) {
  if (image.size() > kMostBytes) return true;
  const auto located = fatbin::locate_image(image);
  if (!located) return true;
  switch (located->kind) {
    case fatbin::ImageKind::ptx: return names_printing(as_text(located->bytes));
    case fatbin::ImageKind::elf: return !fatbin::is_cubin(located->bytes) || names_printing(as_text(located->bytes));
    case fatbin::ImageKind::container: return container_may_print(located->bytes);
    case fatbin::ImageKind::archive:
    case fatbin::ImageKind::wrapper:
    case fatbin::ImageKind::unknown: return true;
  }
  return true;
}

}  // namespace vgpu::host
