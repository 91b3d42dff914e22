// SPDX-License-Identifier: Apache-2.0
// Catch2's main. Version 2 is header-only and compiles it here; version 3 brings its own library.
#if !__has_include(<catch2/catch_test_macros.hpp>)
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
#endif
