// SPDX-License-Identifier: Apache-2.0
// Conjugate gradients on a sparse matrix in rows: eight lanes share a row, sums go through shuffles, shared memory and
// an atomic. The solution is checked against the matrix on the host.
#include "check.h"

#include <cmath>
#include <utility>
#include <vector>

constexpr int kSize = 1000, kThreads = 256, kBlocks = (kSize + kThreads - 1) / kThreads, kLanes = 8;

struct Sparse {
  std::vector<int> rows{0}, columns;
  std::vector<double> values;
};

// A five-point stencil on a strip, diagonally dominant.
Sparse make_matrix() {
  Sparse matrix;
  for (int i = 0; i < kSize; ++i) {
    for (int distance : {-25, -1, 0, 1, 25}) {
      if (i + distance < 0 || i + distance >= kSize) continue;
      matrix.columns.push_back(i + distance);
      matrix.values.push_back(distance == 0 ? 4.5 : -1);
    }
    matrix.rows.push_back(static_cast<int>(matrix.columns.size()));
  }
  return matrix;
}

__global__ void multiply(const int* rows, const int* columns, const double* values, const double* x, double* y) {
  const int row = (blockIdx.x * blockDim.x + threadIdx.x) / kLanes, lane = threadIdx.x % kLanes;
  double sum = 0;
  if (row < kSize)
    for (int i = rows[row] + lane; i < rows[row + 1]; i += kLanes) sum += values[i] * x[columns[i]];
  for (int distance = kLanes / 2; distance > 0; distance /= 2)
    sum += __shfl_down_sync(0xffffffffu, sum, distance, kLanes);
  if (row < kSize && lane == 0) y[row] = sum;
}

__global__ void dot(const double* a, const double* b, double* result) {
  __shared__ double sums[kThreads / 32];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  double sum = i < kSize ? a[i] * b[i] : 0;
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x != 0) return;
  for (int warp = 1; warp < kThreads / 32; ++warp) sum += sums[warp];
  atomicAdd(result, sum);
}

// y = a * x + b * y
__global__ void combine(double a, const double* x, double b, double* y) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < kSize) y[i] = a * x[i] + b * y[i];
}

double product(const DeviceArray<double>& a, const DeviceArray<double>& b, DeviceArray<double>& scratch) {
  scratch.clear();
  dot<<<kBlocks, kThreads>>>(a.get(), b.get(), scratch.get());
  CHECK_LAUNCH();
  double result = 0;
  scratch.read(&result);
  return result;
}

int main() {
  const Sparse matrix = make_matrix();
  DeviceArray<int> rows(matrix.rows.size()), columns(matrix.columns.size());
  DeviceArray<double> values(matrix.values.size()), x(kSize), r(kSize), p(kSize), q(kSize), scratch(1);
  rows.set(matrix.rows.data());
  columns.set(matrix.columns.data());
  values.set(matrix.values.data());
  const std::vector<double> ones(kSize, 1);
  x.clear();
  r.set(ones.data());
  p.set(ones.data());

  double error = product(r, r, scratch);
  int steps = 0;
  for (; error > 1e-20 && steps < 200; ++steps) {
    multiply<<<(kSize * kLanes + kThreads - 1) / kThreads, kThreads>>>(rows.get(), columns.get(), values.get(), p.get(),
                                                                       q.get());
    const double step = error / product(p, q, scratch);
    combine<<<kBlocks, kThreads>>>(step, p.get(), 1, x.get());
    combine<<<kBlocks, kThreads>>>(-step, q.get(), 1, r.get());
    const double next = product(r, r, scratch);
    combine<<<kBlocks, kThreads>>>(1, r.get(), next / error, p.get());
    error = next;
  }
  EXPECT(steps < 200, "no solution after %d steps, error %g", steps, error);

  std::vector<double> solution(kSize);
  x.read(solution.data());
  for (int row = 0; row < kSize; ++row) {
    double sum = 0;
    for (int i = matrix.rows[row]; i < matrix.rows[row + 1]; ++i) sum += matrix.values[i] * solution[matrix.columns[i]];
    EXPECT(std::fabs(sum - 1) < 1e-8, "row %d is off by %g", row, sum - 1);
  }
  return pass();
}
