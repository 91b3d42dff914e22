// SPDX-License-Identifier: Apache-2.0
// The smallest useful program: c = a + b, for sizes around block boundaries.
#include "check.h"

#include <vector>

__global__ void add(const float* a, const float* b, float* c, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}

static void run(int n) {
  std::vector<float> a(n), b(n), c(n, -1.0f);
  for (int i = 0; i < n; ++i) {
    a[i] = 0.5f * i;
    b[i] = 1.0f - i;
  }
  DeviceArray<float> da(n), db(n), dc(n);
  da.set(a.data());
  db.set(b.data());
  add<<<(n + 255) / 256, 256>>>(da.get(), db.get(), dc.get(), n);
  CHECK_LAUNCH();
  dc.read(c.data());
  for (int i = 0; i < n; ++i) EXPECT(c[i] == a[i] + b[i], "n %d: c[%d] = %g, expected %g", n, i, c[i], a[i] + b[i]);
  std::printf("added %d numbers\n", n);
}

int main() {
  for (int n : {1, 31, 256, 257, 100000}) run(n);
  // A grid of no blocks is a mistake of the caller, seen at the launch and not sticky.
  add<<<0, 256>>>(nullptr, nullptr, nullptr, 0);
  const cudaError_t refused = cudaGetLastError();
  EXPECT(refused == cudaErrorInvalidConfiguration || refused == cudaErrorInvalidValue, "an empty grid: %s",
         cudaGetErrorName(refused));
  run(1000);
  return pass();
}
