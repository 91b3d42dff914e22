// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/release.h"

#include <cuda_runtime_api.h>

int runtime_test::runtime_release() { return CUDART_VERSION; }
