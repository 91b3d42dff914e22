// SPDX-License-Identifier: Apache-2.0
// GCC's OpenACC: gangs, workers and vectors as PTX, with GCC's own broadcasts and reductions in shared memory.
#include <math.h>
#include <openacc.h>
#include <stdbool.h>
#include <stdio.h>

enum { kRows = 64, kColumns = 64, kCount = kRows * kColumns };

static int good, bad;
static void check(const char* what, bool right) {
  if (right) ++good;
  else ++bad;
  if (!right) printf("FAIL  %s\n", what);
}

static float a[kCount], b[kCount], c[kCount];

static void queues(void) {
#pragma acc parallel loop copyin(a, b) copyout(c) async(1)
  for (int i = 0; i < kCount; ++i) c[i] = sinf(a[i]) * b[i] + powf(b[i], 0.3f);
#pragma acc wait(1)
  bool near = true;
  for (int i = 0; i < kCount; ++i) near &= fabsf(c[i] - (sinf(a[i]) * b[i] + powf(b[i], 0.3f))) < 1e-2f;
  check("a loop in a queue", near);
}

static void levels(void) {
  double sum = 0, expected = 0;
  float first[kRows];
  for (int row = 0; row < kRows; ++row) {
    first[row] = 0;
    for (int column = 0; column < kColumns; ++column) first[row] += b[row * kColumns + column];
  }
#pragma acc data copyin(a) copy(b)
  {
#pragma acc parallel loop gang vector vector_length(128) reduction(+ : sum)
    for (int i = 0; i < kCount; ++i) sum += a[i];
#pragma acc parallel loop gang worker num_workers(4)
    for (int row = 0; row < kRows; ++row) {
      float total = 0;
#pragma acc loop vector reduction(+ : total)
      for (int column = 0; column < kColumns; ++column) total += b[row * kColumns + column];
#pragma acc loop vector
      for (int column = 0; column < kColumns; ++column) b[row * kColumns + column] = total;
    }
  }
  for (int i = 0; i < kCount; ++i) expected += a[i];
  check("a sum over gangs and vectors", fabs(sum - expected) < 1e-3);
  bool equal = true;
  for (int i = 0; i < kCount; ++i) equal &= b[i] == first[i / kColumns];
  check("sums of rows by workers and vectors", equal);
}

int main(void) {
  for (int i = 0; i < kCount; ++i) a[i] = 0.5f * (float)i, b[i] = (float)(kCount - i);
  check("there is a device", acc_get_num_devices(acc_device_nvidia) >= 1);
  check("and it is the one that is used", acc_get_device_type() == acc_device_nvidia);
  queues();
  levels();
  printf("%d passed, %d failed\n", good, bad);
  return bad != 0;
}
