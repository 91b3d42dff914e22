// SPDX-License-Identifier: Apache-2.0
// Random: the same numbers everywhere, from a fixed seed. Called by tiny_gguf.cpp and product.cpp. A value type.
#pragma once

#include <cstdint>

namespace vgpu::ollama {

// Gaussian enough: the sum of twelve uniform numbers less six has variance 1, and adding is exact everywhere.
class Random {
 public:
  float gaussian() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(next() >> 40) * 0x1p-24;
    return static_cast<float>(sum);
  }

 private:
  // Steele, Lea, Flood: splitmix64.
  uint64_t next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  uint64_t state_ = 20260101;
};

}  // namespace vgpu::ollama
