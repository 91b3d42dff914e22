// SPDX-License-Identifier: Apache-2.0
// Every atomic operation on every type it has, on global and on shared memory, with all threads on one address.
#include "check.h"

#include <cstring>

constexpr int kThreads = 256, kBlocks = 4, kTotal = kThreads * kBlocks;

struct Results {
  int add, sub, min, max, and_, or_, xor_, cas, exchanged;
  unsigned increment, decrement, unsigned_max;
  unsigned long long long_add, long_max, long_cas;
  long long signed_min;
  float float_add;
  double double_add;
  int shared_sum;
  unsigned shared_or;
};

__global__ void run(Results* r) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(&r->add, i);
  atomicSub(&r->sub, i);
  atomicMin(&r->min, i - 500);
  atomicMax(&r->max, i - 500);
  atomicAnd(&r->and_, ~(1 << i % 8));
  atomicOr(&r->or_, 1 << i % 20);
  atomicXor(&r->xor_, i);
  atomicInc(&r->increment, 99u);
  atomicDec(&r->decrement, 99u);
  atomicMax(&r->unsigned_max, 0x80000000u + i);
  atomicAdd(&r->long_add, 1ull << 33);
  atomicMax(&r->long_max, (1ull << 40) + i);
  atomicMin(&r->signed_min, -(1ll << 40) - i);
  atomicAdd(&r->float_add, 0.5f);
  atomicAdd(&r->double_add, 0.25);
  // A compare-and-swap loop is an addition that others can interrupt.
  int old = r->cas, seen;
  while ((seen = atomicCAS(&r->cas, old, old + 2)) != old) old = seen;
  unsigned long long long_old = r->long_cas, long_seen;
  while ((long_seen = atomicCAS(&r->long_cas, long_old, long_old + (1ull << 32))) != long_old) long_old = long_seen;
  if (i == 77) r->exchanged = atomicExch(&r->exchanged, 5) + 1000;
  __shared__ int sum;
  __shared__ unsigned bits;
  if (threadIdx.x == 0) sum = 0, bits = 0;
  __syncthreads();
  atomicAdd(&sum, static_cast<int>(threadIdx.x));
  atomicOr(&bits, 1u << threadIdx.x % 32);
  __syncthreads();
  if (threadIdx.x == 0) atomicAdd(&r->shared_sum, sum), atomicAnd(&r->shared_or, bits);
}

#define SAME(field, expected) \
  EXPECT(r.field == (expected), #field " is %g, expected %g", double(r.field), double(expected))

int main() {
  Results r;
  std::memset(&r, 0, sizeof r);
  r.and_ = -1;
  r.exchanged = 7;
  r.shared_or = ~0u;
  DeviceArray<Results> device(1);
  device.set(&r);
  run<<<kBlocks, kThreads>>>(device.get());
  CHECK_LAUNCH();
  device.read(&r);
  const int sum = kTotal * (kTotal - 1) / 2;
  SAME(add, sum);
  SAME(sub, -sum);
  SAME(min, -500);
  SAME(max, kTotal - 501);
  SAME(and_, ~0xff);
  SAME(or_, 0xfffff);
  SAME(xor_, 0);  // The exclusive or of 0 to 1023 is 0.
  SAME(cas, 2 * kTotal);
  SAME(exchanged, 1007);
  SAME(increment, kTotal % 100u);                  // Counts 0 to 99 and begins again.
  SAME(decrement, (100u - kTotal % 100u) % 100u);  // The same backwards.
  SAME(unsigned_max, 0x80000000u + kTotal - 1);
  SAME(long_add, static_cast<unsigned long long>(kTotal) << 33);
  SAME(long_max, (1ull << 40) + kTotal - 1);
  SAME(signed_min, -(1ll << 40) - kTotal + 1);
  SAME(long_cas, static_cast<unsigned long long>(kTotal) << 32);
  SAME(float_add, 0.5f * kTotal);
  SAME(double_add, 0.25 * kTotal);
  SAME(shared_sum, kBlocks * kThreads * (kThreads - 1) / 2);
  SAME(shared_or, ~0u);
  std::printf("%d threads, 17 kinds of atomic operation\n", kTotal);
  return pass();
}
