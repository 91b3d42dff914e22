// SPDX-License-Identifier: Apache-2.0
// As common/precompiled.h, for tools.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "common/precompiled.h"
