// SPDX-License-Identifier: Apache-2.0
// Where launches that a program repeats belong: to the thread whose default stream they name, to the context of their
// stream, before what waits for them. CUDA driver API: Stream synchronization behavior, cuLaunchKernel.
#include <functional>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

extern "C" decltype(cuLaunchKernel) cuLaunchKernel_ptsz;

namespace {

constexpr unsigned kRounds = 6, kLaunches = 60;

// add(values, term, count)
CUresult add_in_own_stream(CUfunction add, CUdeviceptr word, unsigned term) {
  unsigned count = 1;
  void* parameters[] = {&word, &term, &count};
  return cuLaunchKernel_ptsz(add, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr);
}

// Two threads that take turns, a few launches each.
class Turns {
 public:
  void take(unsigned whose, const std::function<void()>& action) {
    while (turn_.load(std::memory_order_acquire) != whose) std::this_thread::yield();
    action();
    turn_.store(1 - whose, std::memory_order_release);
  }

 private:
  std::atomic<unsigned> turn_{0};
};

// ticks += term
constexpr char kTickPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64
.visible .global .align 4 .u32 ticks;

.visible .entry tick(.param .u32 term)
{
  .reg .b32 %r<3>;
  ld.param.u32 %r1, [term];
  ld.global.u32 %r2, [ticks];
  add.u32 %r2, %r2, %r1;
  st.global.u32 [ticks], %r2;
  ret;
}
)";

unsigned ticks_in(CUcontext context, CUlibrary library) {
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  REQUIRE_CUDA(cuCtxSynchronize());
  CUdeviceptr ticks = 0;
  REQUIRE_CUDA(cuLibraryGetGlobal(&ticks, nullptr, library, "ticks"));
  return read_words(ticks, 1)[0];
}

}  // namespace

TEST_CASE_METHOD(Gpu, "launches of two threads in turns stay in each one's own default stream",
                 "[contract][sequence]") {
  Module module(kBasicPtx);
  const CUfunction add = module.function("add");
  DeviceBuffer words(8);
  std::atomic<unsigned> failures{0};
  // A driver may make a thread wait whose stream holds a thousand launches.
  constexpr unsigned kTurns = 300, kEach = 2;
  for (unsigned round = 0; round < kRounds; ++round) {
    REQUIRE_CUDA(cuMemsetD32(words, 0, 2));
    REQUIRE_CUDA(cuCtxSynchronize());
    Turns turns;
    std::unique_ptr<Gate> gate;
    std::atomic<bool> free_is_done{false};
    unsigned seen[2] = {};
    const auto launch_all = [&](unsigned self) {
      for (unsigned i = 0; i < kTurns; ++i)
        turns.take(self, [&] {
          for (unsigned k = 0; k < kEach; ++k) failures += add_in_own_stream(add, words + 4 * self, 1) != CUDA_SUCCESS;
        });
    };
    std::thread held([&] {
      cuCtxSetCurrent(context);
      gate = std::make_unique<Gate>(CU_STREAM_PER_THREAD);
      launch_all(0);
      while (!free_is_done) std::this_thread::yield();
      gate->open();
      failures += cuStreamSynchronize(CU_STREAM_PER_THREAD) != CUDA_SUCCESS;
    });
    std::thread free([&] {
      cuCtxSetCurrent(context);
      launch_all(1);
      failures += cuMemcpyDtoHAsync(seen, words, sizeof seen, CU_STREAM_PER_THREAD) != CUDA_SUCCESS;
      failures += cuStreamSynchronize(CU_STREAM_PER_THREAD) != CUDA_SUCCESS;
      free_is_done = true;
    });
    held.join();
    free.join();
    CHECK_FALSE(gate->timed_out());
    CHECK(seen[0] == 0);
    CHECK(seen[1] == kTurns * kEach);
    CHECK(read_words(words, 1)[0] == kTurns * kEach);
  }
  CHECK(failures == 0);
}

TEST_CASE_METHOD(Gpu, "a library's kernel runs in its stream's context, however often it is launched from another one",
                 "[contract][sequence]") {
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  REQUIRE_CUDA(cuLibraryLoadData(&library, kTickPtx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  REQUIRE_CUDA(cuLibraryGetKernel(&kernel, library, "tick"));
  Stream stream;
  CUcontext other = nullptr;
  REQUIRE_CUDA(cuCtxCreate(&other, nullptr, 0, device));
  unsigned expected = 0;
  for (unsigned round = 0; round < kRounds; ++round)
    for (unsigned i = 0; i < kLaunches; ++i, expected += i)
      REQUIRE_CUDA(launch(reinterpret_cast<CUfunction>(kernel), 1, 1, stream, i + 1));
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  stream.synchronize();
  CHECK(ticks_in(context, library) == expected);
  CHECK(ticks_in(other, library) == 0);
  CHECK_CUDA(cuCtxDestroy(other));
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  CHECK_CUDA(cuLibraryUnload(library));
}

TEST_CASE_METHOD(Gpu, "a thread that waits for a stream sees what another one launched there before",
                 "[contract][sequence]") {
  Module module(kBasicPtx);
  const CUfunction add = module.function("add");
  Stream stream;
  DeviceBuffer word(4);
  HostBuffer host(4, CU_MEMHOSTALLOC_DEVICEMAP);
  volatile unsigned* const seen = host.as<unsigned>();
  *seen = 0;
  const CUdeviceptr address = host.device();
  Turns turns;
  std::atomic<unsigned> failures{0}, launched{0}, wrong{0};
  constexpr unsigned kTurns = 400;
  // While it launches, the other one waits as well.
  std::thread launcher([&] {
    cuCtxSetCurrent(context);
    for (unsigned i = 0; i < kTurns; ++i) {
      turns.take(0, [&] { failures += launch(add, 1, 1, stream, address, 1u, 1u) != CUDA_SUCCESS; });
      for (unsigned k = 0; k < 2 + i % 30; ++k) failures += launch(add, 1, 1, stream, address, 1u, 1u) != CUDA_SUCCESS;
      launched += 3 + i % 30;
      turns.take(0, [] {});
    }
  });
  for (unsigned i = 0; i < kTurns; ++i) {
    turns.take(1, [] {});
    failures += cuStreamSynchronize(stream) != CUDA_SUCCESS;
    turns.take(1, [&] {
      failures += cuStreamSynchronize(stream) != CUDA_SUCCESS;
      wrong += *seen != launched;
    });
  }
  launcher.join();
  CHECK(failures == 0);
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "repeated launches of the legacy stream come between those of blocking streams",
                 "[contract][sequence]") {
  Module module(kBasicPtx);
  const CUfunction add = module.function("add"), fill = module.function("fill");
  Stream first(CU_STREAM_DEFAULT), second(CU_STREAM_DEFAULT);
  DeviceBuffer word(4);
  for (unsigned round = 0; round < kRounds; ++round) {
    unsigned failures = launch(fill, 1, 1, nullptr, word.address, round, 1u) != CUDA_SUCCESS;
    unsigned expected = round;
    // What one stream leaves, the next one goes on with.
    for (const CUstream stream : {CUstream{}, CUstream{first}, CU_STREAM_LEGACY, CUstream{second}, CUstream{}})
      for (unsigned i = 0; i < kLaunches; ++i, expected += i)
        failures += launch(add, 1, 1, stream, word.address, i + 1, 1u) != CUDA_SUCCESS;
    CHECK(failures == 0);
    CHECK(read_words(word, 1)[0] == expected);
  }
}

TEST_CASE_METHOD(Gpu, "a function's setting changes while repeated launches are held back", "[contract][sequence]") {
  Module module(kBasicPtx);
  const CUfunction add = module.function("add");
  Stream stream;
  DeviceBuffer word(4);
  REQUIRE_CUDA(cuMemsetD32(word, 0, 1));
  for (unsigned round = 0; round < kRounds; ++round) {
    Gate gate(stream);
    unsigned failures = 0;
    for (unsigned i = 0; i < kLaunches; ++i)
      failures += launch(add, 1, 1, stream, word.address, 1u, 1u) != CUDA_SUCCESS;
    const auto cache = round % 2 == 0 ? CU_FUNC_CACHE_PREFER_NONE : CU_FUNC_CACHE_PREFER_L1;
    if (round >= kRounds - 2) CHECK_CUDA(cuFuncSetCacheConfig(add, cache));
    CHECK(failures == 0);
    CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
    gate.open();
    stream.synchronize();
    CHECK_FALSE(gate.timed_out());
    CHECK(read_words(word, 1)[0] == (round + 1) * kLaunches);
  }
}
