// SPDX-License-Identifier: Apache-2.0
// Heat flow on a plate: rows with a pitch, 2D copies in both directions and on the device, 2D set.
#include "check.h"

#include <utility>
#include <vector>

constexpr int kWidth = 101, kHeight = 67, kSteps = 10;

__global__ void diffuse(const float* input, float* output, size_t pitch) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= kWidth || y >= kHeight) return;
  const size_t stride = pitch / sizeof(float), at = y * stride + x;
  const bool edge = x == 0 || y == 0 || x == kWidth - 1 || y == kHeight - 1;
  output[at] = edge ? input[at] : 0.25f * (input[at - 1] + input[at + 1] + input[at - stride] + input[at + stride]);
}

static std::vector<float> diffuse_on_cpu(std::vector<float> plate) {
  for (int step = 0; step < kSteps; ++step) {
    std::vector<float> next = plate;
    for (int y = 1; y < kHeight - 1; ++y)
      for (int x = 1; x < kWidth - 1; ++x) {
        const int at = y * kWidth + x;
        next[at] = 0.25f * (plate[at - 1] + plate[at + 1] + plate[at - kWidth] + plate[at + kWidth]);
      }
    plate = next;
  }
  return plate;
}

int main() {
  constexpr size_t row = kWidth * sizeof(float);
  std::vector<float> plate(kWidth * kHeight, 0.0f), result(kWidth * kHeight, -1.0f);
  for (int x = 0; x < kWidth; ++x) plate[x] = static_cast<float>(x);
  float *a = nullptr, *b = nullptr;
  size_t pitch = 0, pitch_b = 0;
  CHECK(cudaMallocPitch(&a, &pitch, row, kHeight));
  CHECK(cudaMallocPitch(&b, &pitch_b, row, kHeight));
  EXPECT(pitch >= row && pitch == pitch_b, "pitches %zu and %zu for rows of %zu bytes", pitch, pitch_b, row);
  CHECK(cudaMemset2D(b, pitch, 0xff, row, kHeight));
  CHECK(cudaMemcpy2D(a, pitch, plate.data(), row, row, kHeight, cudaMemcpyHostToDevice));
  for (int step = 0; step < kSteps; ++step) {
    diffuse<<<dim3((kWidth + 15) / 16, (kHeight + 7) / 8), dim3(16, 8)>>>(a, b, pitch);
    CHECK_LAUNCH();
    std::swap(a, b);
  }
  // Through the other buffer, so that a copy with a pitch on both sides is seen too.
  CHECK(cudaMemcpy2D(b, pitch, a, pitch, row, kHeight, cudaMemcpyDeviceToDevice));
  CHECK(cudaMemcpy2D(result.data(), row, b, pitch, row, kHeight, cudaMemcpyDeviceToHost));
  const std::vector<float> expected = diffuse_on_cpu(plate);
  for (int i = 0; i < kWidth * kHeight; ++i)
    EXPECT(result[i] == expected[i], "cell %d,%d is %g, expected %g", i % kWidth, i / kWidth, result[i], expected[i]);
  std::printf("%d x %d cells, pitch %zu, %d steps, centre %g\n", kWidth, kHeight, pitch, kSteps,
              result[kHeight / 8 * kWidth + kWidth / 2]);
  CHECK_ERROR(cudaMemcpy2D(result.data(), row - 4, b, pitch, row, kHeight, cudaMemcpyDeviceToHost),
              cudaErrorInvalidPitchValue);
  (void)cudaGetLastError();
  CHECK(cudaFree(a));
  CHECK(cudaFree(b));
  return pass();
}
