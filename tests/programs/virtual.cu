// SPDX-License-Identifier: Apache-2.0
// Calls that the compiler cannot resolve: virtual functions, function pointers, recursion, templates over functors.
#include "check.h"

#include <vector>

struct Shape {
  __device__ virtual ~Shape() {}
  __device__ virtual float area() const = 0;
};
struct Square : Shape {
  float side;
  __device__ explicit Square(float s) : side(s) {}
  __device__ float area() const override { return side * side; }
};
struct Rectangle : Shape {
  float width, height;
  __device__ Rectangle(float w, float h) : width(w), height(h) {}
  __device__ float area() const override { return width * height; }
};

// Neighbouring threads hold different shapes, so one call diverges within the warp.
__global__ void areas(float* result, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Square square(static_cast<float>(i));
  Rectangle rectangle(static_cast<float>(i), 2.0f);
  Shape* shapes[2] = {&square, &rectangle};
  result[i] = shapes[i % 2]->area();
}

// Objects made on the device's heap by one kernel and used by another.
__global__ void make(Shape** shapes) {
  if (threadIdx.x % 2) {
    shapes[threadIdx.x] = new Rectangle(3.0f, static_cast<float>(threadIdx.x));
  } else {
    shapes[threadIdx.x] = new Square(static_cast<float>(threadIdx.x));
  }
}
__global__ void use(Shape** shapes, float* result) {
  result[threadIdx.x] = shapes[threadIdx.x]->area();
  delete shapes[threadIdx.x];
}

__device__ __noinline__ unsigned fibonacci(unsigned n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
__global__ void recurse(unsigned* result) { result[threadIdx.x] = fibonacci(threadIdx.x % 12); }

using Operation = int (*)(int, int);
__device__ __noinline__ int plus(int a, int b) { return a + b; }
__device__ __noinline__ int minus(int a, int b) { return a - b; }
__device__ __noinline__ int times(int a, int b) { return a * b; }
__device__ Operation operations[3] = {plus, minus, times};
__global__ void call(const int* which, int* result) {
  result[threadIdx.x] = operations[which[threadIdx.x]](threadIdx.x, 7);
}

template <class F>
__global__ void apply(F f, int* values) {
  values[threadIdx.x] = f(values[threadIdx.x]);
}
struct AddAndScale {
  int term, factor;
  __device__ int operator()(int x) const { return (x + term) * factor; }
};

int main() {
  constexpr int n = 100;
  std::vector<float> area(n);
  DeviceArray<float> dareas(n);
  areas<<<2, 64>>>(dareas.get(), n);
  CHECK_LAUNCH();
  dareas.read(area.data());
  for (int i = 0; i < n; ++i) {
    const float expected = static_cast<float>(i % 2 ? 2 * i : i * i);
    EXPECT(area[i] == expected, "area %d is %g, expected %g", i, area[i], expected);
  }
  DeviceArray<Shape*> shapes(48);
  make<<<1, 48>>>(shapes.get());
  use<<<1, 48>>>(shapes.get(), dareas.get());
  CHECK_LAUNCH();
  dareas.read(area.data());
  for (int i = 0; i < 48; ++i) EXPECT(area[i] == (i % 2 ? 3.0f * i : 1.0f * i * i), "heap area %d is %g", i, area[i]);
  std::printf("virtual calls on local and heap objects\n");

  unsigned fib[64], numbers[12] = {0, 1};
  for (int i = 2; i < 12; ++i) numbers[i] = numbers[i - 1] + numbers[i - 2];
  DeviceArray<unsigned> dfib(64);
  recurse<<<1, 64>>>(dfib.get());
  CHECK_LAUNCH();
  dfib.read(fib);
  for (int i = 0; i < 64; ++i) EXPECT(fib[i] == numbers[i % 12], "fibonacci(%d) = %u", i % 12, fib[i]);
  std::printf("recursion: fibonacci(11) = %u\n", fib[11]);

  int which[40], result[40];
  for (int i = 0; i < 40; ++i) which[i] = i % 3;
  DeviceArray<int> dwhich(40), dresult(40);
  dwhich.set(which);
  call<<<1, 40>>>(dwhich.get(), dresult.get());
  CHECK_LAUNCH();
  dresult.read(result);
  for (int i = 0; i < 40; ++i) {
    const int expected = i % 3 == 0 ? i + 7 : i % 3 == 1 ? i - 7 : i * 7;
    EXPECT(result[i] == expected, "operation %d gave %d, expected %d", i, result[i], expected);
  }
  dresult.set(which);
  apply<<<1, 40>>>(AddAndScale{3, 4}, dresult.get());
  CHECK_LAUNCH();
  dresult.read(result);
  for (int i = 0; i < 40; ++i) EXPECT(result[i] == (i % 3 + 3) * 4, "functor %d gave %d", i, result[i]);
  std::printf("function pointers and functors\n");
  return pass();
}
