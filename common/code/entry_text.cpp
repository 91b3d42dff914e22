// SPDX-License-Identifier: Apache-2.0
#include "common/code/entry_text.h"

#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <limits>

namespace vgpu::fatbin {
namespace {

// An LZ4 block grows at most 255 times; zstd could grow more, but PTX does not.
constexpr uint64_t kMaxGrowth = 4096;

bool decompress(const Entry& entry, std::string& text) {
  const auto* source = reinterpret_cast<const char*>(entry.payload.data());
  const size_t size = entry.payload.size();
  if (entry.compression == Compression::lz4) {
    if (size > static_cast<size_t>(std::numeric_limits<int>::max())) return false;
    const int written = LZ4_decompress_safe(source, text.data(), static_cast<int>(size), static_cast<int>(text.size()));
    return written >= 0 && static_cast<size_t>(written) == text.size();
  }
  const size_t written = ZSTD_decompress(text.data(), text.size(), source, size);
  return ZSTD_isError(written) == 0 && written == text.size();
}

}  // namespace

Result<std::string, CUresult> entry_text(const Entry& entry) {
  std::string text;
  switch (entry.compression) {
    case Compression::none:
      text.assign(reinterpret_cast<const char*>(entry.payload.data()), entry.payload.size());
      break;
    case Compression::lz4:
    case Compression::zstd:
      if (entry.uncompressed_size > std::min(kMaxText, (entry.payload.size() + 1) * kMaxGrowth)) {
        return CUDA_ERROR_INVALID_IMAGE;
      }
      text.resize(entry.uncompressed_size);
      if (!decompress(entry, text)) return CUDA_ERROR_INVALID_IMAGE;
      break;
    case Compression::unsupported: return CUDA_ERROR_NOT_SUPPORTED;
  }
  if (entry.kind == EntryKind::ptx) text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

}  // namespace vgpu::fatbin
