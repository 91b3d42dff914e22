// SPDX-License-Identifier: Apache-2.0
// Blobs: payloads too large for a command or a reply slot, collected and handed over in staging chunks. Bounded: a
// session that exceeds kMaxTotal or kMaxCount loses the blob, not the worker. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace vgpu::host {

class Blobs {
 public:
  static constexpr uint64_t kMaxTotal = uint64_t{2} << 30;
  // A guest thread needs one at a time. Without a bound, blobs that are announced and never sent would pile up.
  static constexpr size_t kMaxCount = 4096;

  // Adds bytes to the guest's blob `id`, which will have `total` bytes. False when that breaks a bound, when `total` is
  // 0, or when the id is one of ours.
  bool append(uint64_t id, uint64_t total, std::span<const std::byte> bytes);
  // Takes a complete blob out.
  std::optional<std::vector<std::byte>> take(uint64_t id);

  // Keeps a reply for the guest to fetch; returns its id, 0 when it does not fit.
  uint64_t keep(std::vector<std::byte> bytes);
  // Copies from a kept reply; false when there is no such part.
  bool read(uint64_t id, uint64_t offset, std::span<std::byte> out) const;
  void drop(uint64_t id);

 private:
  struct Blob {
    uint64_t total = 0;
    std::vector<std::byte> bytes;
  };
  mutable std::mutex mutex_;  // guards all below
  std::unordered_map<uint64_t, Blob> blobs_;
  uint64_t used_ = 0;
  static constexpr uint64_t kFirstReply = uint64_t{1} << 63;  // apart from the guest's own ids
  uint64_t next_reply_ = kFirstReply;
};

}  // namespace vgpu::host
