// SPDX-License-Identifier: Apache-2.0
// Launches from before CUDA 4, whose block size and parameters are kept in the function. CUDA driver API: Execution
// Control [DEPRECATED].
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace {

// fill(out, value, count)
void set_fill(CUfunction fill, CUdeviceptr out, unsigned value, unsigned count) {
  REQUIRE_CUDA(cuFuncSetBlockShape(fill, 32, 1, 1));
  REQUIRE_CUDA(cuParamSetSize(fill, 16));
  REQUIRE_CUDA(cuParamSetv(fill, 0, &out, sizeof out));
  REQUIRE_CUDA(cuParamSeti(fill, 8, value));
  REQUIRE_CUDA(cuParamSeti(fill, 12, count));
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a function keeps block size and parameters for cuLaunchGrid", "[contract][launch]") {
  Module module(kBasicPtx);
  DeviceBuffer memory(100 * 4);
  const CUfunction fill = module.function("fill");
  set_fill(fill, memory.address, 7, 100);
  REQUIRE_CUDA(cuMemsetD32(memory, 0, 100));
  REQUIRE_CUDA(cuLaunchGrid(fill, 4, 1));
  CHECK(read_words(memory, 100) == std::vector<unsigned>(100, 7));
  // What was set stays set.
  REQUIRE_CUDA(cuParamSeti(fill, 8, 9));
  REQUIRE_CUDA(cuFuncSetSharedSize(fill, 64));
  CUstream stream = nullptr;
  REQUIRE_CUDA(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  REQUIRE_CUDA(cuLaunchGridAsync(fill, 4, 1, stream));
  REQUIRE_CUDA(cuStreamSynchronize(stream));
  CHECK(read_words(memory, 100) == std::vector<unsigned>(100, 9));
  CHECK_CUDA(cuStreamDestroy(stream));
  REQUIRE_CUDA(cuMemsetD32(memory, 0, 100));
  REQUIRE_CUDA(cuLaunch(fill));
  CHECK(read_words(memory, 33)[31] == 9);
  CHECK(read_words(memory, 33)[32] == 0);
}

TEST_CASE_METHOD(Gpu, "what no launch can have is refused when it is kept in a function", "[contract][launch]") {
  Module module(kBasicPtx);
  const CUfunction fill = module.function("fill");
  CHECK_REFUSED(cuFuncSetBlockShape(fill, 0, 1, 1));
  CHECK_REFUSED(cuFuncSetBlockShape(fill, 1025, 1, 1));
  CHECK_REFUSED(cuParamSetSize(fill, 1 << 20));
  CHECK_REFUSED(cuLaunchGrid(fill, 0, 1));
}
