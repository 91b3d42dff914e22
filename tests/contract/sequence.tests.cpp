// SPDX-License-Identifier: Apache-2.0
// Launches that a program repeats in the same order, as models do in each step, with other parameters each time: each
// has its own, each comes after the one before, and whatever changes between two steps counts from then on. CUDA C++
// Programming Guide, Streams.
#include <cstdint>
#include <thread>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

// scale(word, factor, term): *word = *word * factor + term
// flip and count, of two blocks of 32 threads, from kWordEntriesPtx
// fill(word, value): *word += value, by way of the last word of 60000 bytes of dynamic shared memory
constexpr char kStepsPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64
.extern .shared .align 4 .b8 room[];

.visible .entry scale(.param .u64 word, .param .u32 factor, .param .u32 term)
{
  .reg .b32 %r<4>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [word];
  ld.param.u32 %r1, [factor];
  ld.param.u32 %r2, [term];
  cvta.to.global.u64 %rd1, %rd1;
  ld.global.u32 %r3, [%rd1];
  mad.lo.u32 %r3, %r3, %r1, %r2;
  st.global.u32 [%rd1], %r3;
  ret;
}

.visible .entry fill(.param .u64 word, .param .u32 value)
{
  .reg .b32 %r<5>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [word];
  ld.param.u32 %r1, [value];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r2, room;
  st.shared.u32 [%r2+59996], %r1;
  ld.shared.u32 %r3, [%r2+59996];
  ld.global.u32 %r4, [%rd1];
  add.u32 %r4, %r4, %r3;
  st.global.u32 [%rd1], %r4;
  ret;
}
)";

// scale adds one more than the other module's, so that the two are told apart by what they do.
constexpr char kOtherPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.visible .entry scale(.param .u64 word, .param .u32 factor, .param .u32 term)
{
  .reg .b32 %r<4>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [word];
  ld.param.u32 %r1, [factor];
  ld.param.u32 %r2, [term];
  cvta.to.global.u64 %rd1, %rd1;
  ld.global.u32 %r3, [%rd1];
  mad.lo.u32 %r3, %r3, %r1, %r2;
  add.u32 %r3, %r3, 1;
  st.global.u32 [%rd1], %r3;
  ret;
}
)";

struct Steps : Module {
  Steps() : Module((std::string(kStepsPtx) + kWordEntriesPtx).c_str()) {}
};

constexpr unsigned kLaunches = 150, kSteps = 12;

// A word of the device's, and what it has to be. Every operation depends on the one before.
class Tally {
 public:
  explicit Tally(const Module& module)
      : scale_(module.function("scale")), flip_(module.function("flip")), count_(module.function("count")) {
    REQUIRE_CUDA(cuMemsetD32(word_, 1, 1));
    REQUIRE_CUDA(cuCtxSynchronize());
  }

  // The same kernels in the same order in each step; `changes` says of how many launches the parameters are the step's.
  void step(CUstream stream, unsigned number, unsigned changes = kLaunches) {
    unsigned failures = 0;
    for (unsigned i = 0; i < kLaunches; ++i) {
      const unsigned value = i + (i % kLaunches < changes ? number * 1000 : 0);
      failures += one(stream, i, value) != CUDA_SUCCESS;
    }
    CHECK(failures == 0);
  }
  void check(CUstream stream) {
    REQUIRE_CUDA(cuStreamSynchronize(stream));
    CHECK(read_words(word_, 1)[0] == expected_);
  }
  void use(CUfunction scale, unsigned extra) { scale_ = scale, extra_ = extra; }
  CUdeviceptr word() const { return word_; }
  unsigned expected() const { return expected_; }
  void add(unsigned more) { expected_ += more; }

 private:
  CUresult one(CUstream stream, unsigned i, unsigned value) {
    const CUdeviceptr word = word_;
    if (i % 7 == 3) {
      expected_ ^= value;
      return launch(flip_, 1, 1, stream, word, value);
    }
    if (i % 11 == 5) {
      expected_ += 64;
      return launch(count_, 2, 32, stream, word);
    }
    expected_ = expected_ * (2 * value + 1) + value + extra_;
    return launch(scale_, 1, 1, stream, word, 2 * value + 1, value);
  }

  DeviceBuffer word_{4};
  CUfunction scale_, flip_, count_;
  unsigned expected_ = 1, extra_ = 0;
};

}  // namespace

TEST_CASE_METHOD(Gpu, "repeated steps have their own parameters, in each kind of stream", "[contract][sequence]") {
  const Steps module;
  Stream own, blocking(CU_STREAM_DEFAULT);
  for (const CUstream stream : {CUstream{own}, CUstream{blocking}, CUstream{}, CU_STREAM_LEGACY, CU_STREAM_PER_THREAD})
    for (const unsigned changes : {0u, 10u, kLaunches}) {
      Tally tally(module);
      for (unsigned number = 0; number < kSteps; ++number) {
        tally.step(stream, number, changes);
        if (number % 3 != 1) tally.check(stream);
      }
      tally.check(stream);
    }
}

TEST_CASE_METHOD(Gpu, "repeated steps may have copies and sets between their launches", "[contract][sequence]") {
  const Steps module;
  Stream stream;
  Tally tally(module);
  DeviceBuffer copy(4);
  HostBuffer seen(4 * kSteps);
  for (unsigned number = 0; number < kSteps; ++number) {
    tally.step(stream, number);
    CHECK_CUDA(cuMemcpyDtoHAsync(seen.as<unsigned>() + number, tally.word(), 4, stream));
    const unsigned before = tally.expected();
    tally.step(stream, number);
    CHECK_CUDA(cuMemcpyDtoDAsync(copy, tally.word(), 4, stream));
    tally.step(stream, number);
    stream.synchronize();
    CHECK(seen.as<unsigned>()[number] == before);
  }
  tally.check(stream);
}

TEST_CASE_METHOD(Gpu, "a module that is unloaded between repeated steps takes its kernels along",
                 "[contract][sequence]") {
  const Steps steps;
  Stream stream;
  Tally tally(steps);
  for (unsigned round = 0; round < 4; ++round) {
    Module other(kOtherPtx);
    tally.use(other.function("scale"), 1);
    for (unsigned number = 0; number < 5; ++number) tally.step(stream, number);
    tally.check(stream);
    tally.use(steps.function("scale"), 0);
  }
  for (unsigned number = 0; number < 5; ++number) tally.step(stream, number);
  tally.check(stream);
}

TEST_CASE_METHOD(Gpu, "what a kernel is allowed between repeated steps counts from then on", "[contract][sequence]") {
  const Steps module;
  const CUfunction fill = module.function("fill");
  DeviceBuffer word(4);
  REQUIRE_CUDA(cuMemsetD32(word, 0, 1));
  Stream stream;
  unsigned expected = 0;
  for (const unsigned bytes : {60000u, 65536u, 60000u}) {
    REQUIRE_CUDA(cuFuncSetAttribute(fill, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, static_cast<int>(bytes)));
    for (unsigned i = 0; i < 400; ++i) {
      CUdeviceptr address = word;
      unsigned value = i;
      void* parameters[] = {&address, &value};
      REQUIRE_CUDA(cuLaunchKernel(fill, 1, 1, 1, 1, 1, 1, bytes, stream, parameters, nullptr));
      expected += i;
    }
    stream.synchronize();
    CHECK(read_words(word, 1)[0] == expected);
  }
  void* none[] = {nullptr, nullptr};
  CHECK(cuLaunchKernel(fill, 1, 1, 1, 1, 1, 1, 65536, stream, none, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "launches that repeat are captured like others, and launched beside it", "[contract][sequence]") {
  const Steps module;
  Stream stream;
  Tally tally(module);
  for (unsigned number = 0; number < 4; ++number) tally.step(stream, number);
  const unsigned before = tally.expected();
  tally.check(stream);
  REQUIRE_CUDA(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  tally.step(stream, 7);
  CUgraph captured = nullptr;
  REQUIRE_CUDA(cuStreamEndCapture(stream, &captured));
  Graph graph(captured);
  size_t nodes = 0;
  CHECK_CUDA(cuGraphGetNodes(graph, nullptr, &nodes));
  CHECK(nodes == kLaunches);
  CHECK(read_words(tally.word(), 1)[0] == before);
  GraphExec executable(graph);
  REQUIRE_CUDA(cuGraphLaunch(executable, stream));
  tally.check(stream);
  for (unsigned number = 0; number < 4; ++number) tally.step(stream, number);
  tally.check(stream);
}

TEST_CASE_METHOD(Gpu, "repeated launches reach the device though the program asks nothing more",
                 "[contract][sequence]") {
  const Steps module;
  const CUfunction count = module.function("count");
  HostBuffer seen(4, CU_MEMHOSTALLOC_DEVICEMAP);
  volatile unsigned* const word = seen.as<unsigned>();
  *word = 0;
  Stream stream;
  unsigned expected = 0;
  for (const unsigned launches : {1u, 3u, 40u, 40u, 40u, 40u, 40u, 7u, 7u, 7u, 7u}) {
    for (unsigned i = 0; i < launches; ++i) REQUIRE_CUDA(launch(count, 2, 32, stream, seen.device()));
    expected += launches * 64;
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (*word != expected && std::chrono::steady_clock::now() < limit) std::this_thread::yield();
    CHECK(*word == expected);
  }
}

TEST_CASE_METHOD(Gpu, "streams of several threads repeat their steps side by side", "[contract][sequence]") {
  const Steps module;
  constexpr unsigned kThreads = 4;
  std::vector<std::unique_ptr<Tally>> tallies;
  for (unsigned i = 0; i < kThreads; ++i) tallies.push_back(std::make_unique<Tally>(module));
  std::vector<unsigned> words(kThreads);
  std::atomic<unsigned> failures{0};
  std::vector<std::thread> threads;
  const CUfunction scale = module.function("scale");
  std::vector<unsigned> expected(kThreads, 1);
  for (unsigned t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      cuCtxSetCurrent(context);
      CUstream stream = nullptr;
      failures += cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING) != CUDA_SUCCESS;
      for (unsigned i = 0; i < kSteps * kLaunches; ++i) {
        const unsigned factor = 2 * (i % kLaunches) + 3, term = i + t;
        expected[t] = expected[t] * factor + term;
        failures += launch(scale, 1, 1, stream, tallies[t]->word(), factor, term) != CUDA_SUCCESS;
      }
      failures += cuStreamSynchronize(stream) != CUDA_SUCCESS;
      failures += cuStreamDestroy(stream) != CUDA_SUCCESS;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  for (unsigned t = 0; t < kThreads; ++t) CHECK(read_words(tallies[t]->word(), 1)[0] == expected[t]);
}
