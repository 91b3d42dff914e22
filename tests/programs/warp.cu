// SPDX-License-Identifier: Apache-2.0
// What lanes of a warp do together: shuffles, votes, ballots, match, active masks, divergence, and a spin lock that
// needs lanes to make progress on their own (compute capability 7.0 and later).
#include "check.h"

#include <vector>

constexpr unsigned kAll = 0xffffffffu;

__global__ void shuffles(int* out) {
  const int lane = threadIdx.x, value = lane * lane;
  out[lane] = __shfl_sync(kAll, value, 5);
  out[32 + lane] = __shfl_up_sync(kAll, value, 3);
  out[64 + lane] = __shfl_down_sync(kAll, value, 4);
  out[96 + lane] = __shfl_xor_sync(kAll, value, 1);
  out[128 + lane] = __shfl_sync(kAll, value, 2, 8);
}

__global__ void votes(unsigned* out) {
  const int lane = threadIdx.x;
  out[lane] = __ballot_sync(kAll, lane % 3 == 0);
  out[32 + lane] = (__any_sync(kAll, lane == 31) ? 1u : 0u) | (__all_sync(kAll, lane < 31) ? 2u : 0u);
  out[64 + lane] = __match_any_sync(kAll, lane / 5);
  int same = 0;
  out[96 + lane] = __match_all_sync(kAll, 17, &same) & (same ? kAll : 0);
  if (lane % 2) {
    out[128 + lane] = __activemask();
  } else {
    out[128 + lane] = __ballot_sync(0x55555555u, lane < 16);
  }
  __syncwarp();
}

// Every lane leaves the loop after another number of turns; then all meet again.
__global__ void diverge(int* out) {
  const int lane = threadIdx.x;
  int n = lane * 7 + 1, turns = 0;
  while (n != 1) {
    n = n % 2 ? 3 * n + 1 : n / 2;
    ++turns;
  }
  __syncwarp();
  out[lane] = __shfl_xor_sync(kAll, turns, 31);
}

__global__ void locked(int* lock, int* counter) {
  while (atomicCAS(lock, 0, 1) != 0) {
  }
  __threadfence();
  *reinterpret_cast<volatile int*>(counter) = *reinterpret_cast<volatile int*>(counter) + 1;
  __threadfence();
  atomicExch(lock, 0);
}

static void expect(const char* what, int lane, unsigned got, unsigned expected) {
  EXPECT(got == expected, "%s, lane %d: %#x, expected %#x", what, lane, got, expected);
}

static int collatz(int n) {
  int turns = 0;
  for (; n != 1; ++turns) n = n % 2 ? 3 * n + 1 : n / 2;
  return turns;
}

int main() {
  std::vector<int> out(160);
  DeviceArray<int> dout(160);
  shuffles<<<1, 32>>>(dout.get());
  CHECK_LAUNCH();
  dout.read(out.data());
  for (int i = 0; i < 32; ++i) {
    expect("shfl", i, out[i], 25);
    expect("shfl_up", i, out[32 + i], i < 3 ? i * i : (i - 3) * (i - 3));
    expect("shfl_down", i, out[64 + i], i > 27 ? i * i : (i + 4) * (i + 4));
    expect("shfl_xor", i, out[96 + i], (i ^ 1) * (i ^ 1));
    expect("shfl in eights", i, out[128 + i], (i / 8 * 8 + 2) * (i / 8 * 8 + 2));
  }
  std::vector<unsigned> masks(160);
  votes<<<1, 32>>>(reinterpret_cast<unsigned*>(dout.get()));
  CHECK_LAUNCH();
  dout.read(reinterpret_cast<int*>(masks.data()));
  unsigned thirds = 0;
  for (int i = 0; i < 32; i += 3) thirds |= 1u << i;
  for (int i = 0; i < 32; ++i) {
    expect("ballot", i, masks[i], thirds);
    expect("any and all", i, masks[32 + i], 1);
    expect("match_any", i, masks[64 + i], i / 5 == 6 ? 0xc0000000u : 0x1fu << (i / 5 * 5));
    expect("match_all", i, masks[96 + i], kAll);
    if (i % 2 == 0) expect("ballot of even lanes", i, masks[128 + i], 0x5555u);
    // Which lanes happen to run together is not promised, but the lane itself runs, and no even lane is with it.
    if (i % 2) EXPECT((masks[128 + i] & 1u << i) && !(masks[128 + i] & 0x55555555u), "active mask %#x", masks[128 + i]);
  }
  diverge<<<1, 32>>>(dout.get());
  CHECK_LAUNCH();
  dout.read(out.data());
  for (int i = 0; i < 32; ++i) expect("turns", i, out[i], collatz((31 - i) * 7 + 1));
  DeviceArray<int> lock(2);
  lock.clear();
  locked<<<4, 64>>>(lock.get(), lock.get() + 1);
  CHECK_LAUNCH();
  int state[2];
  lock.read(state);
  EXPECT(state[0] == 0 && state[1] == 256, "lock %d, counter %d", state[0], state[1]);
  std::printf("shuffles, votes, divergence; %d turns at the lock\n", state[1]);
  return pass();
}
