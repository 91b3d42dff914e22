// SPDX-License-Identifier: Apache-2.0
// As common/precompiled.h, for tests.
#pragma once

#include "common/precompiled.h"
#include "tests/support/test.h"
