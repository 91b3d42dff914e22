// SPDX-License-Identifier: Apache-2.0
// Kernels of different streams run side by side, also while threads wait for each of them. No program may rely on that
// (CUDA C++ Programming Guide, Concurrent Kernel Execution), but one that waits must not take it away: nothing that a
// wait has the device do may hold back another stream. Twelve streams are more than a process has queues of the device.
#include "tests/contract/fixture.h"

namespace {

constexpr unsigned kStreams = 12, kRounds = 10;

// Whoever comes waits until `all` have come, at most two seconds, and says whether they have.
constexpr char kPtx[] = R"(.version 7.0
.target sm_52
.address_size 64
.visible .entry meet(.param .u64 counter, .param .u64 met, .param .u32 all) {
  .reg .b64 %counter, %met, %begin, %now;
  .reg .b32 %all, %come;
  .reg .pred %early, %complete;
  ld.param.u64 %counter, [counter];
  ld.param.u64 %met, [met];
  ld.param.u32 %all, [all];
  mov.u64 %begin, %globaltimer;
  atom.global.add.u32 %come, [%counter], 1;
again:
  ld.volatile.global.u32 %come, [%counter];
  setp.ge.u32 %complete, %come, %all;
  @%complete bra done;
  mov.u64 %now, %globaltimer;
  sub.u64 %now, %now, %begin;
  setp.lt.u64 %early, %now, 2000000000;
  @%early bra again;
  ret;
done:
  atom.global.add.u32 %come, [%met], 1;
  ret;
})";

}  // namespace

TEST_CASE_METHOD(Gpu, "kernels of streams that are waited for meet", "[contract][threads][meeting]") {
  const Module module(kPtx);
  const CUfunction meet = module.function("meet");
  DeviceBuffer words(2 * sizeof(unsigned));
  const CUdeviceptr counter = words.address, met = words.address + sizeof(unsigned);
  std::vector<Stream> streams(kStreams);
  for (unsigned round = 1; round <= kRounds; ++round) {
    REQUIRE_CUDA(cuMemsetD32(words, 0, 2));
    REQUIRE_CUDA(cuCtxSynchronize());
    std::atomic<unsigned> wrong{0};
    std::vector<std::thread> threads;
    for (const Stream& stream : streams)
      threads.emplace_back([&] {
        wrong += cuCtxSetCurrent(context) != CUDA_SUCCESS;
        wrong += launch(meet, 1, 1, stream, counter, met, kStreams) != CUDA_SUCCESS;
        wrong += cuStreamSynchronize(stream) != CUDA_SUCCESS;
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(wrong == 0);
    REQUIRE(read_words(words, 2) == std::vector<unsigned>{kStreams, kStreams});
  }
}
