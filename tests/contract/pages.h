// SPDX-License-Identifier: Apache-2.0
// Pages of the program's own that nothing else uses: what is registered, or shared with the worker, keeps its address
// there, and an allocator's memory may lie where the worker's own does when both are instrumented.
#pragma once

#include <sys/mman.h>

#include <cstring>

#include "tests/support/test.h"

class Pages {
 public:
  explicit Pages(size_t count)
      : size(count * 4096),
        data(static_cast<unsigned char*>(
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    REQUIRE(static_cast<void*>(data) != MAP_FAILED);
    std::memset(data, 0, size);
  }
  ~Pages() { munmap(data, size); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }

  size_t size;
  unsigned char* data;
};
