// SPDX-License-Identifier: Apache-2.0
// Kernel launches: dimensions, parameters in each form, shared memory, attributes, refusals. CUDA driver API:
// Execution control.
#include <array>
#include <cstddef>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

struct Twelve {
  unsigned a, b, c;
};

CUresult launch_dimensions(CUfunction function, const unsigned (&d)[6], CUdeviceptr out) {
  void* parameters[] = {&out};
  return cuLaunchKernel(function, d[0], d[1], d[2], d[3], d[4], d[5], 0, nullptr, parameters, nullptr);
}

void check_mixed(const std::vector<unsigned>& words) {
  float e = 0;
  double f = 0;
  uint64_t d = 0;
  std::memcpy(&d, &words[3], 8);
  std::memcpy(&e, &words[5], 4);
  std::memcpy(&f, &words[6], 8);
  CHECK(words[0] == 0xab);
  CHECK(words[1] == 0xcdef);
  CHECK(words[2] == 0x12345678);
  CHECK(d == 0x1122334455667788ull);
  CHECK(e == 1.5f);
  CHECK(f == -2.25);
  CHECK(words[8] == 7);
  CHECK(words[9] == 8);
  CHECK(words[10] == 9);
}

CUlaunchConfig config_of(unsigned blocks, unsigned threads, CUstream stream) {
  CUlaunchConfig config = {};
  config.gridDimX = blocks;
  config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = threads;
  config.blockDimY = config.blockDimZ = 1;
  config.hStream = stream;
  return config;
}

}  // namespace

TEST_CASE_METHOD(Gpu, "every thread of every block runs once", "[contract][launch]") {
  Module module(kBasicPtx);
  for (const auto& d : {std::array<unsigned, 6>{1, 1, 1, 1, 1, 1},
                        {3, 1, 1, 33, 1, 1},
                        {2, 3, 4, 5, 6, 2},
                        {7, 2, 1, 8, 8, 4},
                        {1, 1, 1, 1024, 1, 1},
                        {1, 1, 1, 1, 1, 64}}) {
    DeviceBuffer out(28);
    REQUIRE_CUDA(cuMemsetD32(out, 0, 7));
    const unsigned dimensions[6] = {d[0], d[1], d[2], d[3], d[4], d[5]};
    REQUIRE_CUDA(launch_dimensions(module.function("dimensions"), dimensions, out));
    const auto words = read_words(out, 7);
    for (size_t i = 0; i < 6; ++i) CHECK(words[i] == d[i]);
    CHECK(words[6] == d[0] * d[1] * d[2] * d[3] * d[4] * d[5]);
  }
}

TEST_CASE_METHOD(Gpu, "parameters of every size arrive through kernelParams", "[contract][launch]") {
  Module module(kParametersPtx);
  DeviceBuffer out(44);
  CUdeviceptr address = out;
  unsigned char a = 0xab;
  unsigned short b = 0xcdef;
  unsigned c = 0x12345678;
  unsigned long long d = 0x1122334455667788ull;
  float e = 1.5f;
  double f = -2.25;
  Twelve g{7, 8, 9};
  void* parameters[] = {&address, &a, &b, &c, &d, &e, &f, &g};
  REQUIRE_CUDA(cuLaunchKernel(module.function("mixed"), 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr));
  check_mixed(read_words(out, 11));
}

TEST_CASE_METHOD(Gpu, "parameters of every size arrive as one buffer", "[contract][launch]") {
  Module module(kParametersPtx);
  DeviceBuffer out(44);
  struct Buffer {
    CUdeviceptr out;
    unsigned char a;
    unsigned short b;
    unsigned c;
    unsigned long long d;
    float e;
    double f;
    Twelve g;
  } buffer{out, 0xab, 0xcdef, 0x12345678, 0x1122334455667788ull, 1.5f, -2.25, {7, 8, 9}};
  size_t size = offsetof(Buffer, g) + sizeof(Twelve);
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_END};
  REQUIRE_CUDA(cuLaunchKernel(module.function("mixed"), 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, extra));
  check_mixed(read_words(out, 11));
}

TEST_CASE_METHOD(Gpu, "parameters are read during the launch call", "[contract][launch]") {
  Module module(kBasicPtx);
  Stream stream;
  DeviceBuffer memory(64 * 4);
  CUdeviceptr address = memory;
  unsigned value = 0, count = 64;
  void* parameters[] = {&address, &value, &count};
  REQUIRE_CUDA(cuMemsetD32(memory, 0, 64));
  REQUIRE_CUDA(cuCtxSynchronize());
  const CUfunction add = module.function("add");
  REQUIRE_CUDA(launch(add, 1, 64, stream, memory.address, 0u, 64u));
  stream.synchronize();
  Gate gate(stream);
  for (unsigned i = 1; i <= 10; ++i) {
    value = i;
    REQUIRE_CUDA(cuLaunchKernel(add, 1, 1, 1, 64, 1, 1, 0, stream, parameters, nullptr));
  }
  value = 1000000;
  gate.open();
  stream.synchronize();
  CHECK(read_words(memory, 64) == repeated(64, 55));
}

TEST_CASE_METHOD(Gpu, "a kernel without parameters needs none", "[contract][launch]") {
  Module module(kBasicPtx);
  CHECK_CUDA(cuLaunchKernel(module.function("empty"), 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr));
  CHECK_CUDA(cuCtxSynchronize());
}

TEST_CASE_METHOD(Gpu, "a launch returns before its kernel ran", "[contract][launch]") {
  Module module(kBasicPtx);
  Stream stream;
  // A driver may load code at the first launch and wait for the device while it does.
  const CUfunction empty = module.function("empty");
  REQUIRE_CUDA(cuLaunchKernel(empty, 1, 1, 1, 1, 1, 1, 0, stream, nullptr, nullptr));
  stream.synchronize();
  Gate gate(stream);
  CHECK_CUDA(cuLaunchKernel(empty, 1, 1, 1, 1, 1, 1, 0, stream, nullptr, nullptr));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  gate.open();
  stream.synchronize();
}

TEST_CASE_METHOD(Gpu, "dimensions that are zero or too large are refused", "[contract][launch]") {
  Module module(kBasicPtx);
  const CUfunction empty = module.function("empty");
  const unsigned wrong[][6] = {{0, 1, 1, 1, 1, 1},  {1, 0, 1, 1, 1, 1},     {1, 1, 0, 1, 1, 1},    {1, 1, 1, 0, 1, 1},
                               {1, 1, 1, 1, 0, 1},  {1, 1, 1, 1, 1, 0},     {1, 1, 1, 1025, 1, 1}, {1, 1, 1, 32, 33, 1},
                               {1, 1, 1, 1, 1, 65}, {1, 65536, 1, 1, 1, 1}, {1, 1, 65536, 1, 1, 1}};
  for (const auto& d : wrong) {
    INFO("grid " << d[0] << " " << d[1] << " " << d[2] << ", block " << d[3] << " " << d[4] << " " << d[5]);
    CHECK(cuLaunchKernel(empty, d[0], d[1], d[2], d[3], d[4], d[5], 0, nullptr, nullptr, nullptr) ==
          CUDA_ERROR_INVALID_VALUE);
  }
  CHECK_CUDA(cuCtxSynchronize());
}

TEST_CASE_METHOD(Gpu, "a block beyond the kernel's own bound is refused", "[contract][launch]") {
  Module module(kShapesPtx);
  DeviceBuffer out(4);
  const CUfunction bounded = module.function("bounded");
  CHECK_CUDA(launch(bounded, 1, 64, nullptr, out.address));
  CHECK_REFUSED(launch(bounded, 1, 65, nullptr, out.address));
  CHECK_CUDA(cuCtxSynchronize());
}

TEST_CASE_METHOD(Gpu, "launching no function is refused", "[contract][launch]") {
  CHECK_REFUSED(cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
}

TEST_CASE_METHOD(Gpu, "static shared memory is one per block", "[contract][launch]") {
  Module module(kShapesPtx);
  DeviceBuffer out(256 * 4);
  REQUIRE_CUDA(launch(module.function("static_shared"), 1, 256, nullptr, out.address));
  const auto words = read_words(out, 256);
  size_t wrong = 0;
  for (unsigned i = 0; i < 256; ++i) wrong += words[i] != i;
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "dynamic shared memory has the size of the launch", "[contract][launch]") {
  Module module(kShapesPtx);
  for (unsigned count : {1u, 32u, 100u, 1000u}) {
    DeviceBuffer out(count * 4);
    CUdeviceptr address = out;
    void* parameters[] = {&address, &count};
    REQUIRE_CUDA(cuLaunchKernel(module.function("dynamic_shared"), 1, 1, 1, count, 1, 1, count * 4, nullptr, parameters,
                                nullptr));
    const auto words = read_words(out, count);
    size_t wrong = 0;
    for (unsigned i = 0; i < count; ++i) wrong += words[i] != count - 1 - i;
    CHECK(wrong == 0);
  }
}

TEST_CASE_METHOD(Gpu, "more shared memory than the default needs the opt-in", "[contract][launch]") {
  Module module(kShapesPtx);
  const unsigned limit = static_cast<unsigned>(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN));
  if (limit <= 48 << 10) SKIP("no opt-in shared memory");
  DeviceBuffer out(4);
  CUdeviceptr address = out;
  unsigned bytes = limit;
  void* parameters[] = {&address, &bytes};
  const CUfunction last_word = module.function("last_word");
  CHECK_REFUSED(cuLaunchKernel(last_word, 1, 1, 1, 1, 1, 1, bytes, nullptr, parameters, nullptr));
  REQUIRE_CUDA(cuFuncSetAttribute(last_word, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(bytes)));
  CHECK_CUDA(cuLaunchKernel(last_word, 1, 1, 1, 1, 1, 1, bytes, nullptr, parameters, nullptr));
  CHECK(read_words(out, 1)[0] == bytes);
}

TEST_CASE_METHOD(Gpu, "shared memory beyond the device's limit is refused", "[contract][launch]") {
  Module module(kShapesPtx);
  const int limit = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  CHECK(cuFuncSetAttribute(module.function("last_word"), CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, limit + 1) ==
        CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "cuLaunchKernelEx launches with a configuration", "[contract][launch]") {
  Module module(kBasicPtx);
  Stream stream;
  DeviceBuffer memory(1000 * 4);
  CUdeviceptr address = memory;
  unsigned count = 1000;
  void* parameters[] = {&address, &count};
  const CUlaunchConfig config = config_of(8, 128, stream);
  REQUIRE_CUDA(cuLaunchKernelEx(&config, module.function("iota"), parameters, nullptr));
  stream.synchronize();
  CHECK(read_words(memory, 1000)[777] == 777);
}

TEST_CASE_METHOD(Gpu, "cuLaunchKernelEx accepts launch attributes", "[contract][launch]") {
  Module module(kBasicPtx);
  Stream stream;
  CUlaunchAttribute attributes[2] = {};
  attributes[0].id = CU_LAUNCH_ATTRIBUTE_IGNORE;
  attributes[1].id = CU_LAUNCH_ATTRIBUTE_PRIORITY;
  attributes[1].value.priority = 0;
  CUlaunchConfig config = config_of(1, 32, stream);
  config.attrs = attributes;
  config.numAttrs = 2;
  CHECK_CUDA(cuLaunchKernelEx(&config, module.function("empty"), nullptr, nullptr));
  CHECK_CUDA(cuStreamSynchronize(stream));
  config = config_of(0, 32, stream);
  CHECK(cuLaunchKernelEx(&config, module.function("empty"), nullptr, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "a cluster of sixteen blocks is for functions that allow it", "[contract][launch]") {
  // Each device has its own limit beyond the portable 8; 16 is that of 9.0.
  if (attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) != 9) SKIP("not a device of capability 9.0");
  Module module(kClusterPtx);
  const CUfunction ranks = module.function("ranks");
  DeviceBuffer memory(32 * 4);
  CUdeviceptr address = memory;
  void* parameters[] = {&address};
  CUlaunchAttribute cluster = {};
  cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  cluster.value.clusterDim = {16, 1, 1};
  CUlaunchConfig config = config_of(32, 32, nullptr);
  config.attrs = &cluster;
  config.numAttrs = 1;
  CHECK(cuLaunchKernelEx(&config, ranks, parameters, nullptr) == CUDA_ERROR_INVALID_CLUSTER_SIZE);
  REQUIRE_CUDA(cuFuncSetAttribute(ranks, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1));
  int most = 0;
  CHECK_CUDA(cuOccupancyMaxPotentialClusterSize(&most, ranks, &config));
  CHECK(most == 16);
  REQUIRE_CUDA(cuLaunchKernelEx(&config, ranks, parameters, nullptr));
  REQUIRE_CUDA(cuCtxSynchronize());
  const std::vector<unsigned> words = read_words(memory, 32);
  for (unsigned i = 0; i < 32; ++i) CHECK(words[i] == 1600 + i % 16);
  cluster.value.clusterDim = {32, 1, 1};
  CHECK(cuLaunchKernelEx(&config, ranks, parameters, nullptr) == CUDA_ERROR_INVALID_CLUSTER_SIZE);
}

TEST_CASE_METHOD(Gpu, "all blocks of a cooperative launch run at once", "[contract][launch]") {
  if (!attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH)) SKIP("no cooperative launch");
  Module module(kCooperativePtx);
  const CUfunction meet = module.function("meet");
  int per_processor = 0;
  REQUIRE_CUDA(cuOccupancyMaxActiveBlocksPerMultiprocessor(&per_processor, meet, 1, 0));
  const int most = per_processor * attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  const unsigned blocks = static_cast<unsigned>(most < 16 ? most : 16);
  DeviceBuffer counter(4), out(blocks * 4);
  REQUIRE_CUDA(cuMemsetD32(counter, 0, 1));
  CUdeviceptr counter_address = counter, out_address = out;
  void* parameters[] = {&counter_address, &out_address};
  REQUIRE_CUDA(cuLaunchCooperativeKernel(meet, blocks, 1, 1, 1, 1, 1, 0, nullptr, parameters));
  CHECK(read_words(out, blocks) == repeated(blocks, blocks));
  CHECK(cuLaunchCooperativeKernel(meet, static_cast<unsigned>(most) + 1, 1, 1, 1, 1, 1, 0, nullptr, parameters) ==
        CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
}

TEST_CASE_METHOD(Gpu, "launches in one stream see each other's results", "[contract][launch]") {
  Module module(kBasicPtx);
  Stream stream;
  DeviceBuffer memory(512 * 4);
  const CUfunction add = module.function("add");
  REQUIRE_CUDA(launch(module.function("fill"), 4, 128, stream, memory.address, 0u, 512u));
  for (unsigned i = 0; i < 300; ++i) REQUIRE_CUDA(launch(add, 4, 128, stream, memory.address, i, 512u));
  stream.synchronize();
  CHECK(read_words(memory, 512) == repeated(512, 300 * 299 / 2));
}

TEST_CASE_METHOD(Gpu, "a grid of many small blocks is complete", "[contract][launch]") {
  Module module(kBasicPtx);
  constexpr unsigned kCount = 70000;
  DeviceBuffer memory(kCount * 4);
  REQUIRE_CUDA(launch(module.function("iota"), kCount, 1, nullptr, memory.address, kCount));
  const auto words = read_words(memory, kCount);
  size_t wrong = 0;
  for (unsigned i = 0; i < kCount; ++i) wrong += words[i] != i;
  CHECK(wrong == 0);
}
