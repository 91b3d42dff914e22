// SPDX-License-Identifier: Apache-2.0
// Symbols: constant memory, initialised and plain global variables, copies to and from them, their address and size.
#include "check.h"

#include <string>
#include <vector>

__constant__ float coefficients[4] = {1, 2, 3, 4};
__device__ int initialised[3] = {10, 20, 30};
__device__ double accumulated;
__device__ const char* message = "device text";

__global__ void polynomial(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = ((coefficients[3] * x[i] + coefficients[2]) * x[i] + coefficients[1]) * x[i] + coefficients[0];
}

__global__ void accumulate() { accumulated += initialised[threadIdx.x % 3] * 0 + 1.5; }

__global__ void read_message(char* out) {
  int i = 0;
  do out[i] = message[i];
  while (message[i++]);
}

static void evaluate(const float* c) {
  constexpr int n = 200;
  std::vector<float> x(n), y(n);
  for (int i = 0; i < n; ++i) x[i] = static_cast<float>(i % 20 - 10);
  DeviceArray<float> dx(n), dy(n);
  dx.set(x.data());
  polynomial<<<2, 128>>>(dx.get(), dy.get(), n);
  CHECK_LAUNCH();
  dy.read(y.data());
  for (int i = 0; i < n; ++i) {
    const float expected = ((c[3] * x[i] + c[2]) * x[i] + c[1]) * x[i] + c[0];
    EXPECT(y[i] == expected, "p(%g) = %g, expected %g", x[i], y[i], expected);
  }
  std::printf("p(x) = %g + %g x + %g x^2 + %g x^3\n", c[0], c[1], c[2], c[3]);
}

int main() {
  const float first[4] = {1, 2, 3, 4}, second[4] = {-4, 0, 5, 1};
  evaluate(first);
  CHECK(cudaMemcpyToSymbol(coefficients, second, sizeof second));
  evaluate(second);
  const float one = 9;
  CHECK(cudaMemcpyToSymbol(coefficients, &one, sizeof one, 2 * sizeof(float)));
  const float third[4] = {-4, 0, 9, 1};
  evaluate(third);

  int values[3];
  CHECK(cudaMemcpyFromSymbol(values, initialised, sizeof values));
  EXPECT(values[0] == 10 && values[1] == 20 && values[2] == 30, "%d %d %d", values[0], values[1], values[2]);
  void* address = nullptr;
  size_t size = 0;
  CHECK(cudaGetSymbolAddress(&address, initialised));
  CHECK(cudaGetSymbolSize(&size, initialised));
  EXPECT(address && size == 12, "address %p, size %zu", address, size);
  for (int i = 0; i < 4; ++i) accumulate<<<1, 1>>>();
  CHECK_LAUNCH();
  double total = 0;
  CHECK(cudaMemcpyFromSymbol(&total, accumulated, sizeof total));
  EXPECT(total == 6.0, "accumulated %g", total);
  DeviceArray<char> text(32);
  read_message<<<1, 1>>>(text.get());
  CHECK_LAUNCH();
  char copy[32];
  text.read(copy);
  EXPECT(std::string(copy) == "device text", "the text is '%s'", copy);
  std::printf("globals: %d %d %d, %g, %s\n", values[0], values[1], values[2], total, copy);
  return pass();
}
