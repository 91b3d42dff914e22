// SPDX-License-Identifier: Apache-2.0
// What the two programs that try everything share: chance, and the sizes that the host expects. Each thread has a
// sequence of its own.
#ifndef TESTS_KMOD_CHANCE_H
#define TESTS_KMOD_CHANCE_H

#include <stdint.h>

#define PAGE 4096ULL
// The memory of a session as libcuda makes it (vgpu/ring.h). REAL_FORMAT comes from the makefile.
#define REAL_BYTES ((1 + 64 + 32 * 64 + 256) * PAGE)

static __thread uint64_t state;  // the seed, at first

static uint64_t any(void) {  // splitmix64
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}
static uint64_t below(uint64_t limit) { return any() % limit; }

#endif
