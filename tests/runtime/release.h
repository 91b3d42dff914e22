// SPDX-License-Identifier: Apache-2.0
// Which release of the runtime the tests are linked for: it differs where CUDA 13's tests run on a libcudart.so.12.
#pragma once

namespace runtime_test {

// As cudaRuntimeGetVersion says it, but for the minor version.
int runtime_release();

}  // namespace runtime_test
