// SPDX-License-Identifier: Apache-2.0
// A library that knows nothing of us: VkFFT writes a kernel for each size, compiles it by NVRTC and launches it by the
// driver API. What it transforms is compared with the sum that defines the transform, and with itself, there and back.
#define VKFFT_BACKEND 1
#include <cuda.h>
#include <cuda_runtime.h>
#include <nvrtc.h>

#include <vkFFT.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <vector>

namespace {

using Sizes = std::vector<uint64_t>;

uint64_t product(const Sizes& sizes) {
  uint64_t all = 1;
  for (const uint64_t size : sizes) all *= size;
  return all;
}

template <class T>
std::vector<std::complex<T>> signal(uint64_t count) {
  std::vector<std::complex<T>> values(count);
  for (uint64_t i = 0; i < count; ++i) {
    const auto at = static_cast<double>(i);
    values[i] = {static_cast<T>(std::sin(0.37 * at) + 0.01 * static_cast<double>(i % 17)),
                 static_cast<T>(std::cos(0.11 * at * at))};
  }
  return values;
}

// One value of the transform, by its definition.
template <class T>
std::complex<double> transformed(const std::vector<std::complex<T>>& values, const Sizes& sizes, uint64_t which) {
  std::complex<double> sum = 0;
  for (uint64_t i = 0; i < values.size(); ++i) {
    double turns = 0;
    uint64_t from = i, to = which;
    for (const uint64_t size : sizes) {
      turns += static_cast<double>((from % size) * (to % size) % size) / static_cast<double>(size);
      from /= size, to /= size;
    }
    sum += std::complex<double>(values[i]) * std::polar(1.0, -2 * M_PI * turns);
  }
  return sum;
}

template <class T>
class Transform {
 public:
  explicit Transform(const Sizes& sizes) : bytes_(product(sizes) * sizeof(std::complex<T>)) {
    VkFFTConfiguration configuration = {};
    configuration.FFTdim = sizes.size();
    std::copy(sizes.begin(), sizes.end(), configuration.size);
    configuration.device = &device_;
    configuration.doublePrecision = sizeof(T) == sizeof(double);
    configuration.bufferSize = &bytes_;
    good_ = cuDeviceGet(&device_, 0) == CUDA_SUCCESS && cudaMalloc(&memory_, bytes_) == cudaSuccess &&
            initializeVkFFT(&application_, configuration) == VKFFT_SUCCESS;
  }
  ~Transform() {
    deleteVkFFT(&application_);
    cudaFree(memory_);
  }
  Transform(const Transform&) = delete;
  Transform& operator=(const Transform&) = delete;

  // -1: forwards, 1: back.
  bool run(std::vector<std::complex<T>>& values, int direction) {
    VkFFTLaunchParams parameters = {};
    parameters.buffer = &memory_;
    return good_ && cudaMemcpy(memory_, values.data(), bytes_, cudaMemcpyHostToDevice) == cudaSuccess &&
           VkFFTAppend(&application_, direction, &parameters) == VKFFT_SUCCESS &&
           cudaMemcpy(values.data(), memory_, bytes_, cudaMemcpyDeviceToHost) == cudaSuccess;
  }

 private:
  CUdevice device_ = 0;
  uint64_t bytes_;
  void* memory_ = nullptr;
  VkFFTApplication application_ = {};
  bool good_ = false;
};

template <class T>
bool is_right(const Sizes& sizes) {
  constexpr uint64_t kLooks = 24, kStride = 7919;
  constexpr double kOften = 64;  // of the type's precision: roundings add up
  const auto before = signal<T>(product(sizes));
  auto values = before;
  Transform<T> transform(sizes);
  if (!transform.run(values, -1)) return false;
  double worst = 0, largest = 0, back = 0;
  for (uint64_t i = 0; i < kLooks; ++i) {
    const uint64_t which = i * kStride % values.size();
    const auto expected = transformed(before, sizes, which);
    worst = std::max(worst, std::abs(expected - std::complex<double>(values[which])));
    largest = std::max(largest, std::abs(expected));
  }
  if (!transform.run(values, 1)) return false;
  for (size_t i = 0; i < values.size(); ++i)
    back = std::max(back, static_cast<double>(std::abs(values[i] / static_cast<T>(values.size()) - before[i])));
  const double allowed = kOften * static_cast<double>(std::numeric_limits<T>::epsilon());
  return worst / largest < allowed && back < allowed;
}

}  // namespace

int main() {
  if (cuInit(0) != CUDA_SUCCESS || cudaFree(nullptr) != cudaSuccess) return 2;
  int good = 0, bad = 0;
  // Powers, other small factors, a prime (Bluestein's way), several launches, several dimensions.
  for (const Sizes& sizes :
       {Sizes{8}, {64}, {100}, {243}, {1000}, {4096}, {2310}, {1021}, {65536}, {64, 48}, {16, 20, 24}}) {
    for (const bool in_double : {false, true}) {
      if (in_double ? is_right<double>(sizes) : is_right<float>(sizes)) {
        ++good;
        continue;
      }
      ++bad;
      std::printf("FAIL  %s, %zu dimensions, %llu values\n", in_double ? "double" : "float", sizes.size(),
                  static_cast<unsigned long long>(product(sizes)));
    }
  }
  std::printf("%d passed, %d failed\n", good, bad);
  return bad != 0;
}
