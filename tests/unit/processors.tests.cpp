// SPDX-License-Identifier: Apache-2.0
#include "common/processors.h"

#include "tests/support/test.h"

TEST_CASE("processors are counted that the thread may use", "[unit][processors]") {
  const unsigned all = vgpu::allowed_processors();
  CHECK(all >= 1);
  unsigned confined = 0;
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    if (::sched_setaffinity(0, sizeof one, &one) == 0) confined = vgpu::allowed_processors();
  }).join();
  CHECK(confined == 1);
  CHECK(vgpu::allowed_processors() == all);
}

// Of tests/support/many_processors.cpp.
TEST_CASE("a machine that has processors to spare is made believe", "[.][many-processors]") {
  CHECK(std::thread::hardware_concurrency() == 16);
  CHECK(vgpu::allowed_processors() == 16);
}
