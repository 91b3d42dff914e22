// SPDX-License-Identifier: Apache-2.0
#include "host/worker/blobs.h"

#include <algorithm>

namespace vgpu::host {

bool Blobs::append(uint64_t id, uint64_t total, std::span<const std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  if (id >= kFirstReply || total == 0) return false;
  auto found = blobs_.find(id);
  if (found == blobs_.end()) {
    if (blobs_.size() >= kMaxCount || total > kMaxTotal - used_) return false;
    used_ += total;
    found = blobs_.emplace(id, Blob{total, {}}).first;
    found->second.bytes.reserve(static_cast<size_t>(total));
  }
  Blob& blob = found->second;
  if (blob.total != total || bytes.size() > total - blob.bytes.size()) return false;
  blob.bytes.insert(blob.bytes.end(), bytes.begin(), bytes.end());
  return true;
}

std::optional<std::vector<std::byte>> Blobs::take(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = blobs_.find(id);
  if (found == blobs_.end() || found->second.bytes.size() != found->second.total) return std::nullopt;
  std::vector<std::byte> bytes = std::move(found->second.bytes);
  used_ -= found->second.total;
  blobs_.erase(found);
  return bytes;
}

uint64_t Blobs::keep(std::vector<std::byte> bytes) {
  const std::lock_guard lock(mutex_);
  const uint64_t total = bytes.size();
  if (blobs_.size() >= kMaxCount || total > kMaxTotal - used_) return 0;
  used_ += total;
  const uint64_t id = next_reply_++;
  blobs_.emplace(id, Blob{total, std::move(bytes)});
  return id;
}

bool Blobs::read(uint64_t id, uint64_t offset, std::span<std::byte> out) const {
  const std::lock_guard lock(mutex_);
  const auto found = blobs_.find(id);
  if (found == blobs_.end()) return false;
  const std::vector<std::byte>& bytes = found->second.bytes;
  if (offset > bytes.size() || out.size() > bytes.size() - offset) return false;
  std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(offset), out.size(), out.begin());
  return true;
}

void Blobs::drop(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = blobs_.find(id);
  if (found == blobs_.end()) return;
  used_ -= found->second.total;
  blobs_.erase(found);
}

}  // namespace vgpu::host
