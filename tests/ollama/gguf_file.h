// SPDX-License-Identifier: Apache-2.0
// GgufFile: collects the keys and tensors of a GGUF file (version 3, little-endian) and writes it. Called by
// tiny_gguf.cpp; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "tests/ollama/quantise.h"

namespace vgpu::ollama {

class GgufFile {
 public:
  void add_key(std::string_view name, uint32_t value);
  void add_key(std::string_view name, float value);
  void add_key(std::string_view name, bool value);
  void add_key(std::string_view name, std::string_view value);
  void add_key(std::string_view name, const char* value) { add_key(name, std::string_view(value)); }
  void add_key(std::string_view name, std::span<const std::string> values);
  void add_key(std::string_view name, std::span<const int32_t> values);

  // Dimensions innermost first, and the first is a multiple of the type's block, as is values.size(). Where the product
  // of the dimensions is more than that, the values repeat.
  void add_tensor(std::string_view name, std::span<const uint64_t> dimensions, WeightType type,
                  std::span<const float> values);

  Result<void> write(const std::string& path) const;

 private:
  void begin_key(std::string_view name, uint32_t type);

  std::vector<std::byte> keys_, tensors_, data_;
  uint64_t key_count_ = 0, tensor_count_ = 0;
};

}  // namespace vgpu::ollama
