// SPDX-License-Identifier: Apache-2.0
// Writer and Reader of message payloads: native-endian scalars and byte runs, packed. A Reader never reads outside
// its span; the first violation makes it fail for good and yield zeros, so callers check once, at the end.
// One owner each, not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace vgpu::codec {

class Writer {
 public:
  explicit Writer(std::vector<std::byte>& buffer) : buffer_(buffer) {}

  template <class T>
  requires std::is_trivially_copyable_v<T>
  void put(const T& value) { bytes(&value, sizeof value); }

  void bytes(const void* data, size_t size) {
    if (size == 0) return;
    const size_t at = buffer_.size();
    buffer_.resize(at + size);
    std::memcpy(buffer_.data() + at, data, size);
  }

  // Room for `size` bytes to be filled in by the caller before the next put.
  std::byte* room(size_t size) {
    const size_t at = buffer_.size();
    buffer_.resize(at + size);
    return buffer_.data() + at;
  }

  void string(std::string_view text) {
    put(static_cast<uint64_t>(text.size()));
    bytes(text.data(), text.size());
  }

  size_t size() const { return buffer_.size(); }

 private:
  std::vector<std::byte>& buffer_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> data) : data_(data) {}

  template <class T>
  requires std::is_trivially_copyable_v<T> T get() {
    T value{};
    const std::byte* from = take(sizeof value);
    if (from != nullptr) std::memcpy(&value, from, sizeof value);
    return value;
  }

  // `size` bytes inside the message, or null (and failure) when they are not there.
  const std::byte* take(uint64_t size) {
    if (failed_ || size > data_.size() - at_) {
      failed_ = true;
      return nullptr;
    }
    const std::byte* from = data_.data() + at_;
    at_ += static_cast<size_t>(size);
    return from;
  }

  std::string_view string() {
    const uint64_t size = get<uint64_t>();
    const std::byte* from = take(size);
    // SAFETY: the bytes lie inside the message; char may alias anything.
    return from == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(from), size);
  }

  size_t left() const { return data_.size() - at_; }
  bool failed() const { return failed_; }
  void fail() { failed_ = true; }
  // The whole message was understood: nothing failed and nothing is left over.
  bool complete() const { return !failed_ && left() == 0; }

 private:
  std::span<const std::byte> data_;
  size_t at_ = 0;
  bool failed_ = false;
};

}  // namespace vgpu::codec
