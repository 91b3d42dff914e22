// SPDX-License-Identifier: Apache-2.0
// The one header through which tests include Catch2: hides that Debian 12 packages version 2, which has no SKIP.
#pragma once

#if __has_include(<catch2/catch_test_macros.hpp>)
#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
// Catch2 2.x: say why, and leave the test.
#define SKIP(reason)                      \
  do {                                    \
    SUCCEED("skipped: " << (reason));     \
    std::printf("skipped: %s\n", reason); \
    return;                               \
  } while (false)
#endif
