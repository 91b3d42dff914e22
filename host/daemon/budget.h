// SPDX-License-Identifier: Apache-2.0
// MemoryLimit: device memory that workers hold, against the limit for all of them. The daemon's thread only.
// MemoryShare is what one worker holds; it goes back as a whole when the share is destroyed, because a worker that died
// gives nothing back itself.
#pragma once

#include <cstdint>

namespace vgpu::host {

class MemoryLimit {
 public:
  // Bytes; 0 means no limit.
  explicit MemoryLimit(uint64_t limit) : limit_(limit) {}
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  uint64_t limit() const { return limit_; }
  uint64_t used() const { return used_; }
  uint64_t peak() const { return peak_; }

 private:
  friend class MemoryShare;
  bool take(uint64_t bytes);
  void give(uint64_t bytes) { used_ -= bytes; }

  const uint64_t limit_;
  uint64_t used_ = 0;
  uint64_t peak_ = 0;
};

class MemoryShare {
 public:
  explicit MemoryShare(MemoryLimit& limit) : limit_(limit) {}
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;
  ~MemoryShare() { limit_.give(held_); }

  uint64_t held() const { return held_; }
  // False when the limit would be passed; then nothing changes.
  bool reserve(uint64_t bytes);
  // False when the worker gives back more than it holds; then everything it held is given back.
  bool release(uint64_t bytes);

 private:
  MemoryLimit& limit_;
  uint64_t held_ = 0;
};

}  // namespace vgpu::host
