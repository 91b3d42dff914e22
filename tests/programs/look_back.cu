// SPDX-License-Identifier: Apache-2.0
// CUB's scan in one pass: a block looks back at the states of those before it, which may be changing. A state and its
// sum are one vector, and must be of one moment.
#include "check.h"

#include <cub/device/device_scan.cuh>

#include <vector>

int main() {
  constexpr int n = 200000, rounds = 300;
  std::vector<int> input(n), output(n), expected(n);
  Random random;
  for (int i = 0, sum = 0; i < n; ++i) {
    input[i] = static_cast<int>(random.next() % 1000);
    expected[i] = sum += input[i];
  }
  DeviceArray<int> from(n), to(n);
  from.set(input.data());
  size_t bytes = 0;
  CHECK(cub::DeviceScan::InclusiveSum(nullptr, bytes, from.get(), to.get(), n));
  DeviceArray<char> scratch(bytes);
  for (int round = 0; round < rounds; ++round) {
    CHECK(cub::DeviceScan::InclusiveSum(scratch.get(), bytes, from.get(), to.get(), n));
    to.read(output.data());
    EXPECT(output == expected, "the sums of round %d are wrong", round);
  }
  return pass();
}
