// SPDX-License-Identifier: Apache-2.0
#include "host/worker/managed_pages.h"

#include "tests/support/test.h"
#include "vgpu/ring.h"

using vgpu::host::ManagedPages;

TEST_CASE("managed pages are the pages around the variables", "[unit][managed_pages]") {
  constexpr uint64_t kPage = vgpu::ring::kPage;
  ManagedPages pages;
  CHECK_FALSE(pages.contains(10 * kPage, 1));
  pages.add(10 * kPage + 8, 4);
  CHECK(pages.contains(10 * kPage, kPage));
  CHECK_FALSE(pages.contains(10 * kPage, kPage + 1));
  CHECK_FALSE(pages.contains(10 * kPage - 1, 2));
  CHECK_FALSE(pages.contains(10 * kPage, 0));
  CHECK_FALSE(pages.contains(10 * kPage + 1, ~uint64_t{0}));
}

TEST_CASE("managed pages of variables that meet or overlap are one range", "[unit][managed_pages]") {
  constexpr uint64_t kPage = vgpu::ring::kPage;
  ManagedPages pages;
  pages.add(15 * kPage, 4);
  pages.add(10 * kPage, 20 * kPage);
  CHECK(pages.contains(10 * kPage, 20 * kPage));
  CHECK(pages.contains(16 * kPage, 14 * kPage));
  pages.add(30 * kPage, 4);
  pages.add(5 * kPage, 5 * kPage);
  CHECK(pages.contains(5 * kPage, 26 * kPage));
  CHECK_FALSE(pages.contains(5 * kPage, 27 * kPage));
  pages.add(6 * kPage, 1);
  CHECK(pages.contains(5 * kPage, 26 * kPage));
}
