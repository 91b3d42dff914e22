// SPDX-License-Identifier: Apache-2.0
// What is known of a function: attributes, parameters, cache preference, occupancy. CUDA driver API: Execution control,
// Occupancy.
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

int attribute_of(CUfunction function, CUfunction_attribute which) {
  int value = -1;
  REQUIRE_CUDA(cuFuncGetAttribute(&value, which, function));
  return value;
}

int active_blocks(CUfunction function, int threads, size_t shared) {
  int blocks = -1;
  REQUIRE_CUDA(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, threads, shared));
  return blocks;
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a plain function has the limits of the device", "[contract][function]") {
  Module module(kBasicPtx);
  const CUfunction fill = module.function("fill");
  CHECK(attribute_of(fill, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK) == 1024);
  CHECK(attribute_of(fill, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES) == 0);
  CHECK(attribute_of(fill, CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES) >= 0);
  CHECK(attribute_of(fill, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES) >= 0);
  const int registers = attribute_of(fill, CU_FUNC_ATTRIBUTE_NUM_REGS);
  CHECK(registers >= 1);
  CHECK(registers <= 255);
  CHECK(attribute_of(fill, CU_FUNC_ATTRIBUTE_PTX_VERSION) == 52);
  CHECK(attribute_of(fill, CU_FUNC_ATTRIBUTE_BINARY_VERSION) >= 50);
}

TEST_CASE_METHOD(Gpu, "bounds and static shared memory are attributes", "[contract][function]") {
  Module module(kShapesPtx);
  CHECK(attribute_of(module.function("bounded"), CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK) == 64);
  CHECK(attribute_of(module.function("static_shared"), CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES) == 1024);
}

TEST_CASE_METHOD(Gpu, "dynamic shared memory is 48 KiB until it is raised", "[contract][function]") {
  Module module(kShapesPtx);
  const CUfunction function = module.function("dynamic_shared");
  CHECK(attribute_of(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) == 48 << 10);
  const int limit = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  CHECK_CUDA(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, limit));
  CHECK(attribute_of(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) == limit);
}

TEST_CASE_METHOD(Gpu, "function attributes refuse wrong arguments", "[contract][function]") {
  Module module(kBasicPtx);
  const CUfunction fill = module.function("fill");
  int value = 0;
  CHECK(cuFuncGetAttribute(&value, static_cast<CUfunction_attribute>(999), fill) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuFuncGetAttribute(nullptr, CU_FUNC_ATTRIBUTE_NUM_REGS, fill) == CUDA_ERROR_INVALID_VALUE);
  CHECK_REFUSED(cuFuncSetAttribute(fill, CU_FUNC_ATTRIBUTE_NUM_REGS, 10));
}

TEST_CASE_METHOD(Gpu, "a function describes its parameters", "[contract][function]") {
  Module module(kParametersPtx);
  const CUfunction mixed = module.function("mixed");
  const size_t expected[][2] = {{0, 8}, {8, 1}, {10, 2}, {12, 4}, {16, 8}, {24, 4}, {32, 8}, {40, 12}};
  for (size_t i = 0; i < 8; ++i) {
    size_t offset = 99, size = 99;
    INFO("parameter " << i);
    CHECK_CUDA(cuFuncGetParamInfo(mixed, i, &offset, &size));
    CHECK(offset == expected[i][0]);
    CHECK(size == expected[i][1]);
  }
  size_t offset = 0;
  CHECK_CUDA(cuFuncGetParamInfo(mixed, 2, &offset, nullptr));
  CHECK(offset == 10);
  CHECK(cuFuncGetParamInfo(mixed, 8, &offset, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "a function knows its name and module", "[contract][function]") {
  Module module(kBasicPtx);
  const char* name = nullptr;
  CUmodule owner = nullptr;
  CHECK_CUDA(cuFuncGetName(&name, module.function("iota")));
  CHECK(std::string(name) == "iota");
  CHECK_CUDA(cuFuncGetModule(&owner, module.function("iota")));
  CHECK(owner == module.handle);
}

TEST_CASE_METHOD(Gpu, "cache preferences are hints that are accepted", "[contract][function]") {
  Module module(kBasicPtx);
  for (CUfunc_cache preference :
       {CU_FUNC_CACHE_PREFER_NONE, CU_FUNC_CACHE_PREFER_SHARED, CU_FUNC_CACHE_PREFER_L1, CU_FUNC_CACHE_PREFER_EQUAL})
    CHECK_CUDA(cuFuncSetCacheConfig(module.function("fill"), preference));
  CHECK(cuFuncSetCacheConfig(module.function("fill"), static_cast<CUfunc_cache>(99)) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "a function is loaded when it is asked to be", "[contract][function]") {
  Module module(kBasicPtx);
  const CUfunction fill = module.function("fill");
  CUfunctionLoadingState state = CU_FUNCTION_LOADING_STATE_UNLOADED;
  CHECK_CUDA(cuFuncLoad(fill));
  CHECK_CUDA(cuFuncIsLoaded(&state, fill));
  CHECK(state == CU_FUNCTION_LOADING_STATE_LOADED);
}

TEST_CASE_METHOD(Gpu, "occupancy shrinks with threads and with shared memory", "[contract][occupancy]") {
  Module module(kShapesPtx);
  const CUfunction function = module.function("dynamic_shared");
  int before = active_blocks(function, 32, 0);
  CHECK(before >= 1);
  CHECK(before <= attribute(CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR));
  for (int threads = 64; threads <= 1024; threads *= 2) {
    const int blocks = active_blocks(function, threads, 0);
    CHECK(blocks <= before);
    CHECK(blocks >= 1);
    CHECK(blocks * threads <= attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR));
    before = blocks;
  }
  CHECK(active_blocks(function, 32, 40 << 10) <= active_blocks(function, 32, 1 << 10));
}

TEST_CASE_METHOD(Gpu, "a block that cannot run has no occupancy", "[contract][occupancy]") {
  Module module(kShapesPtx);
  const CUfunction function = module.function("dynamic_shared");
  int blocks = -1;
  CHECK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, 0, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuOccupancyMaxActiveBlocksPerMultiprocessor(nullptr, function, 32, 0) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "the suggested block size fills whole warps and can be launched", "[contract][occupancy]") {
  Module module(kBasicPtx);
  int grid = 0, block = 0;
  REQUIRE_CUDA(cuOccupancyMaxPotentialBlockSize(&grid, &block, module.function("fill"), nullptr, 0, 0));
  CHECK(block % 32 == 0);
  CHECK(block >= 32);
  CHECK(block <= 1024);
  CHECK(grid >= attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  REQUIRE_CUDA(cuOccupancyMaxPotentialBlockSize(&grid, &block, module.function("fill"), nullptr, 0, 128));
  CHECK(block <= 128);
}

TEST_CASE_METHOD(Gpu, "the suggestion asks back for shared memory per block size", "[contract][occupancy]") {
  Module module(kShapesPtx);
  int grid = 0, block = 0;
  REQUIRE_CUDA(cuOccupancyMaxPotentialBlockSize(
      &grid, &block, module.function("dynamic_shared"), [](int threads) { return static_cast<size_t>(threads) * 16; },
      0, 0));
  CHECK(block >= 32);
  CHECK(block <= 1024);
}

TEST_CASE_METHOD(Gpu, "the shared memory left for more blocks can be asked", "[contract][occupancy]") {
  Module module(kShapesPtx);
  size_t one = 0, two = 0;
  const CUfunction function = module.function("dynamic_shared");
  CHECK_CUDA(cuOccupancyAvailableDynamicSMemPerBlock(&one, function, 1, 128));
  CHECK_CUDA(cuOccupancyAvailableDynamicSMemPerBlock(&two, function, 2, 128));
  CHECK(one >= two);
  CHECK(two > 0);
}

TEST_CASE_METHOD(Gpu, "a setting that is made again, by the kernel or by its function, is the last one",
                 "[contract][attributes]") {
  const char* const kPtx = R"(
.version 6.4
.target sm_52
.address_size 64
.extern .shared .align 4 .b8 room[];
.visible .entry last(.param .u64 out, .param .u32 at)
{
  .reg .b32 %r<4>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [at];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r2, room;
  add.u32 %r2, %r2, %r1;
  st.shared.u32 [%r2], %r1;
  ld.shared.u32 %r3, [%r2];
  st.global.u32 [%rd1], %r3;
  ret;
}
)";
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CUfunction function = nullptr;
  REQUIRE_CUDA(cuLibraryLoadData(&library, kPtx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  REQUIRE_CUDA(cuLibraryGetKernel(&kernel, library, "last"));
  REQUIRE_CUDA(cuKernelGetFunction(&function, kernel));
  DeviceBuffer out(4);
  const auto launches_with = [&](CUfunction what, unsigned bytes) {
    CUdeviceptr address = out;
    unsigned at = bytes - 4;
    void* parameters[] = {&address, &at};
    const CUresult status = cuLaunchKernel(what, 1, 1, 1, 1, 1, 1, bytes, nullptr, parameters, nullptr);
    if (status == CUDA_SUCCESS) CHECK(read_words(out, 1)[0] == at);
    return status;
  };
  constexpr auto kRoom = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
  // SAFETY: a CUkernel is accepted as a CUfunction by launches.
  const auto as_function = reinterpret_cast<CUfunction>(kernel);
  CHECK(launches_with(function, 60000) == CUDA_ERROR_INVALID_VALUE);
  for (int round = 0; round < 2; ++round)
    for (const int bytes : {60000, 60000, 50000}) {
      CHECK_CUDA(cuKernelSetAttribute(kRoom, bytes, kernel, device));
      CHECK(launches_with(as_function, 50000) == CUDA_SUCCESS);
      CHECK(launches_with(function, 60000) == (bytes == 60000 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE));
      CHECK(launches_with(as_function, 60000) == (bytes == 60000 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE));
    }
  // CUDA driver API, cuKernelSetAttribute: what cuFuncSetAttribute has set goes before it.
  for (const int bytes : {60000, 60000, 50000}) {
    CHECK_CUDA(cuFuncSetAttribute(function, kRoom, bytes));
    CHECK(launches_with(function, 50000) == CUDA_SUCCESS);
    CHECK(launches_with(function, 60000) == (bytes == 60000 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE));
  }
  CHECK_CUDA(cuKernelSetAttribute(kRoom, 60000, kernel, device));
  CHECK(launches_with(function, 60000) == CUDA_ERROR_INVALID_VALUE);
  CHECK_CUDA(cuLibraryUnload(library));
}
