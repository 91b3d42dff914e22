// SPDX-License-Identifier: Apache-2.0
#include "tests/ollama/gguf_file.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>

namespace vgpu::ollama {
namespace {

constexpr size_t kAlignment = 32;  // of the data and of each tensor in it: GGUF's default
constexpr uint32_t kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kString = 8, kArray = 9;

template <class T>
void put(std::vector<std::byte>& bytes, T value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof value);
}

void put_string(std::vector<std::byte>& bytes, std::string_view text) {
  put<uint64_t>(bytes, text.size());
  const auto* from = reinterpret_cast<const std::byte*>(text.data());
  bytes.insert(bytes.end(), from, from + text.size());
}

void pad(std::vector<std::byte>& bytes) {
  bytes.resize((bytes.size() + kAlignment - 1) / kAlignment * kAlignment, std::byte{0});
}

}  // namespace

void GgufFile::begin_key(std::string_view name, uint32_t type) {
  ++key_count_;
  put_string(keys_, name);
  put(keys_, type);
}

void GgufFile::add_key(std::string_view name, uint32_t value) {
  begin_key(name, kU32);
  put(keys_, value);
}

void GgufFile::add_key(std::string_view name, float value) {
  begin_key(name, kF32);
  put(keys_, value);
}

void GgufFile::add_key(std::string_view name, bool value) {
  begin_key(name, kBool);
  put<uint8_t>(keys_, value ? 1 : 0);
}

void GgufFile::add_key(std::string_view name, std::string_view value) {
  begin_key(name, kString);
  put_string(keys_, value);
}

void GgufFile::add_key(std::string_view name, std::span<const std::string> values) {
  begin_key(name, kArray);
  put(keys_, kString);
  put<uint64_t>(keys_, values.size());
  for (const std::string& value : values) put_string(keys_, value);
}

void GgufFile::add_key(std::string_view name, std::span<const int32_t> values) {
  begin_key(name, kArray);
  put(keys_, kI32);
  put<uint64_t>(keys_, values.size());
  for (const int32_t value : values) put(keys_, value);
}

void GgufFile::add_tensor(std::string_view name, std::span<const uint64_t> dimensions, WeightType type,
                          std::span<const float> values) {
  ++tensor_count_;
  put_string(tensors_, name);
  put(tensors_, static_cast<uint32_t>(dimensions.size()));
  for (const uint64_t dimension : dimensions) put(tensors_, dimension);
  put(tensors_, static_cast<uint32_t>(type));
  put<uint64_t>(tensors_, data_.size());
  std::vector<std::byte> encoded;
  append_values(encoded, values, type);
  uint64_t count = 1;
  for (const uint64_t dimension : dimensions) count *= dimension;
  // Whole blocks, so that any part of the encoded values is that part of the numbers.
  const uint64_t size = encoded.size() * count / values.size();
  for (uint64_t at = 0; at < size; at += encoded.size()) {
    const auto end = encoded.begin() + static_cast<std::ptrdiff_t>(std::min<uint64_t>(encoded.size(), size - at));
    data_.insert(data_.end(), encoded.begin(), end);
  }
  pad(data_);
}

Result<void> GgufFile::write(const std::string& path) const {
  std::vector<std::byte> head;
  put(head, std::array{'G', 'G', 'U', 'F'});
  put<uint32_t>(head, 3);
  put(head, tensor_count_);
  put(head, key_count_);
  head.insert(head.end(), keys_.begin(), keys_.end());
  head.insert(head.end(), tensors_.begin(), tensors_.end());
  pad(head);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(head.data()), static_cast<std::streamsize>(head.size()));
  file.write(reinterpret_cast<const char*>(data_.data()), static_cast<std::streamsize>(data_.size()));
  file.close();
  if (!file) return Error::from_errno("cannot write " + path);
  return {};
}

}  // namespace vgpu::ollama
