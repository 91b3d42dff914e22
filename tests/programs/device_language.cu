// SPDX-License-Identifier: Apache-2.0
// C++ on the device: virtual calls on objects of the device's heap, recursion, tables of functions, a function pointer
// from the host, arrays in local memory, big parameters, jump tables.
#include "check.h"

#include <vector>

struct Shape {
  __device__ virtual ~Shape() {}
  __device__ virtual float area() const = 0;
};
struct Square : Shape {
  float side;
  __device__ explicit Square(float length) : side(length) {}
  __device__ float area() const override { return side * side; }
};
struct Strip : Shape {
  float length;
  __device__ explicit Strip(float size) : length(size) {}
  __device__ float area() const override { return 3 * length; }
};

__global__ void areas(float* out) {
  const float size = static_cast<float>(threadIdx.x);
  const Shape* shape = threadIdx.x % 2 ? static_cast<Shape*>(new Square(size)) : new Strip(size);
  out[threadIdx.x] = shape->area();
  delete shape;
}

__device__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
__device__ int ackermann(int m, int n) {
  if (m == 0) return n + 1;
  return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
__global__ void recursion(int* out) {
  out[threadIdx.x] = threadIdx.x % 2 ? fibonacci(threadIdx.x % 12) : ackermann(2, threadIdx.x % 4);
}

using Binary = float (*)(float, float);
__device__ float add(float a, float b) { return a + b; }
__device__ float multiply(float a, float b) { return a * b; }
__device__ float subtract(float a, float b) { return a - b; }
__device__ Binary table[3] = {add, multiply, subtract};
__device__ Binary chosen = multiply;
__global__ void pointers(float* out, Binary given) {
  out[threadIdx.x] = table[threadIdx.x % 3](static_cast<float>(threadIdx.x), 2) + given(1, 3);
}

__global__ void local_array(int* out) {
  int values[200];
  for (int i = 0; i < 200; ++i) values[i] = i * threadIdx.x;
  int sum = 0;
  for (int i = 0; i < 200; ++i) sum += values[(37 * i + threadIdx.x) % 200];
  out[threadIdx.x] = sum;
}

struct Many {
  int value[900];
};
__global__ void big_parameter(const __grid_constant__ Many many, int* out) {
  const int* values = many.value;
  out[threadIdx.x] = values[7 * threadIdx.x];
}

__global__ void cases(int* out) {
  const int i = threadIdx.x;
  int result = 0;
  switch (i % 9) {
    case 0: result = 10; break;
    case 1: result = 2 * i; break;
    case 2: result = i * i; break;
    case 3: result = -i;  // and the next
    case 4: result += 100; break;
    case 5: result = 7; break;
    case 6: result = i << 3; break;
    case 7: result = ~i; break;
    default: result = 1;
  }
  out[i] = result;
}

int host_case(int i) {
  const int results[] = {10, 2 * i, i * i, 100 - i, 100, 7, i << 3, ~i, 1};
  return results[i % 9];
}

void check_floats() {
  DeviceArray<float> out(64);
  float seen[64];
  areas<<<1, 64>>>(out.get());
  out.read(seen);
  for (int i = 0; i < 64; ++i) EXPECT(seen[i] == (i % 2 ? i * i : 3 * i), "area %d is %f", i, seen[i]);
  Binary given = nullptr;
  CHECK(cudaMemcpyFromSymbol(&given, chosen, sizeof given));
  pointers<<<1, 64>>>(out.get(), given);
  out.read(seen);
  for (int i = 0; i < 64; ++i) {
    const int expected = i % 3 == 0 ? i + 2 : i % 3 == 1 ? 2 * i : i - 2;
    EXPECT(seen[i] == static_cast<float>(expected + 3), "function %d gave %f", i, seen[i]);
  }
}

int main() {
  check_floats();
  DeviceArray<int> out(128);
  int seen[128];
  recursion<<<1, 128>>>(out.get());
  out.read(seen);
  EXPECT(seen[11] == 89 && seen[3] == 2, "Fibonacci's numbers: %d, %d", seen[11], seen[3]);
  EXPECT(seen[2] == 7 && seen[4] == 3, "Ackermann's: %d, %d", seen[2], seen[4]);
  local_array<<<1, 128>>>(out.get());
  out.read(seen);
  for (int i = 0; i < 128; ++i) EXPECT(seen[i] == 19900 * i, "sum %d is %d", i, seen[i]);
  Many many;
  for (int i = 0; i < 900; ++i) many.value[i] = i;
  big_parameter<<<1, 128>>>(many, out.get());
  out.read(seen);
  for (int i = 0; i < 128; ++i) EXPECT(seen[i] == 7 * i, "parameter %d is %d", i, seen[i]);
  cases<<<1, 128>>>(out.get());
  out.read(seen);
  for (int i = 0; i < 128; ++i) EXPECT(seen[i] == host_case(i), "case %d gave %d", i, seen[i]);
  return pass();
}
