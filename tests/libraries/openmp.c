// SPDX-License-Identifier: Apache-2.0
// A compiler that knows nothing of us: GCC's OpenMP offloading. Its run-time library links the PTX that GCC wrote with
// cuLink*, has a stack, a heap and a scheduler of its own on the device, and prints by vprintf.
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { kCount = 20000 };

static int good, bad;
static void check(const char* what, bool right) {
  if (right) ++good;
  else ++bad;
  if (!right) printf("FAIL  %s\n", what);
}

#pragma omp declare target
static int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
static int squares[16];
struct link {
  int value;
  struct link* next;
};
#pragma omp end declare target

static void runs_there(void) {
  int here = 1;
#pragma omp target map(from : here)
  here = omp_is_initial_device();
  check("a region runs on the device", omp_get_num_devices() >= 1 && here == 0);
}

static void loops(void) {
  static double a[kCount], b[kCount], c[kCount];
  for (int i = 0; i < kCount; ++i) a[i] = i, b[i] = 2 * i;
  double sum = 0;
#pragma omp target teams distribute parallel for map(to : a, b) map(from : c) reduction(+ : sum)
  for (int i = 0; i < kCount; ++i) {
    c[i] = a[i] + sqrt(b[i]);
    sum += a[i];
  }
  bool equal = true;
  for (int i = 0; i < kCount; ++i) equal &= fabs(c[i] - (a[i] + sqrt(b[i]))) < 1e-9;
  check("a loop over teams and threads", equal);
  check("its sum", sum == (double)kCount * (kCount - 1) / 2);
}

static void threads(void) {
  int largest = 0, count = 0, sum = 0;
#pragma omp target parallel for reduction(max : largest) map(tofrom : largest)
  for (int i = 0; i < 1000; ++i) {
    const int value = i * 7919 % 1009;
    if (value > largest) largest = value;
  }
  check("the largest of a loop", largest == 1008);
#pragma omp target teams map(tofrom : count) num_teams(4)
  {
#pragma omp parallel num_threads(8)
    {
#pragma omp atomic
      count++;
    }
  }
  check("four teams of eight threads", count == 32);
#pragma omp target map(tofrom : sum)
#pragma omp parallel num_threads(8) reduction(+ : sum)
  {
#pragma omp for schedule(dynamic)
    for (int i = 0; i < 100; ++i) sum += i;
#pragma omp barrier
#pragma omp single
    sum += 1000;
  }
  check("a dynamic schedule, a barrier and one thread's work", sum == 5950);
}

static void code_and_data(void) {
  int value = 0, sum = 0;
#pragma omp target map(from : value)
  value = fibonacci(15);
  check("recursion", value == 610);
#pragma omp target
  {
    for (int i = 0; i < 16; ++i) squares[i] = i * i;
    printf("from the device: %d\n", omp_is_initial_device());
  }
#pragma omp target update from(squares)
  check("a variable of the device", squares[15] == 225);
#pragma omp target map(tofrom : sum)
  {
    struct link* first = NULL;
    for (int i = 0; i < 100; ++i) {
      struct link* const made = malloc(sizeof *made);
      made->value = i;
      made->next = first;
      first = made;
    }
    while (first != NULL) {
      struct link* const next = first->next;
      sum += first->value;
      free(first);
      first = next;
    }
  }
  check("a list on the device's heap", sum == 4950);
}

static void memory_and_tasks(void) {
  enum { kWords = 1000 };
  const int host = omp_get_initial_device();
  int words[kWords], x = 0;
  for (int i = 0; i < kWords; ++i) words[i] = i;
  int* const there = omp_target_alloc(sizeof words, 0);
  omp_target_memcpy(there, words, sizeof words, 0, 0, 0, host);
#pragma omp target is_device_ptr(there)
#pragma omp teams distribute parallel for simd
  for (int i = 0; i < kWords; ++i) there[i] *= 3;
  omp_target_memcpy(words, there, sizeof words, 0, 0, host, 0);
  omp_target_free(there, 0);
  bool equal = true;
  for (int i = 0; i < kWords; ++i) equal &= words[i] == 3 * i;
  check("memory of the device's own", equal);
#pragma omp target nowait map(tofrom : x) depend(out : x)
  x = 1;
#pragma omp target nowait map(tofrom : x) depend(inout : x)
  x += 41;
#pragma omp taskwait
  check("tasks that depend on each other", x == 42);
}

int main(void) {
  runs_there();
  loops();
  threads();
  code_and_data();
  memory_and_tasks();
  printf("%d passed, %d failed\n", good, bad);
  return bad != 0;
}
