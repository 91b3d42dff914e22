// SPDX-License-Identifier: Apache-2.0
// UniqueFd owns a file descriptor; Mapping owns a range of mmapped memory. Both are values of one owner and not
// thread-safe.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "common/result.h"

namespace vgpu {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1);
  Result<UniqueFd> duplicate() const;

 private:
  int fd_ = -1;
};

class Mapping {
 public:
  Mapping() = default;
  // Takes over a range that came from mmap.
  Mapping(void* address, size_t size) : address_(address), size_(size) {}
  Mapping(Mapping&& other) noexcept
      : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  // Maps `size` bytes of `fd` from `offset`, shared, readable and writable.
  static Result<Mapping> shared(int fd, size_t size, size_t offset = 0);

  std::byte* data() const { return static_cast<std::byte*>(address_); }
  size_t size() const { return size_; }
  std::span<std::byte> bytes() const { return {data(), size_}; }
  explicit operator bool() const { return address_ != nullptr; }

 private:
  void* address_ = nullptr;
  size_t size_ = 0;
};

// An anonymous memory file of `size` bytes, named `name` in /proc, sealed against shrinking and growing.
Result<UniqueFd> create_memory_file(const char* name, size_t size);

}  // namespace vgpu
