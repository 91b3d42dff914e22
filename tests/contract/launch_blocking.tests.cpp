// SPDX-License-Identifier: Apache-2.0
// CUDA_LAUNCH_BLOCKING: a launch returns when its kernel is done, and says how that ended. CUDA C++ programming guide:
// CUDA environment variables.
#include "tests/contract/child.h"
#include "tests/contract/fixture.h"

namespace {

constexpr char kPtx[] = R"(.version 7.0
.target sm_52
.address_size 64
.visible .entry late(.param .u64 word) {
  .reg .b64 %word, %begin, %now;
  .reg .pred %early;
  ld.param.u64 %word, [word];
  mov.u64 %begin, %globaltimer;
again:
  mov.u64 %now, %globaltimer;
  sub.u64 %now, %now, %begin;
  setp.lt.u64 %early, %now, 20000000;
  @%early bra again;
  st.global.u32 [%word], 7;
  membar.sys;
  ret;
}
.visible .entry fail() {
  trap;
})";

}  // namespace

TEST_CASE("a launch waits for its kernel where launches block", "[contract][process]") {
  REQUIRE_CHILD("child-launch-blocking", {{"CUDA_LAUNCH_BLOCKING", "1"}});
}

TEST_CASE_METHOD(Gpu, "child: launches block", "[.][child-launch-blocking]") {
  const Module module(kPtx);
  const CUfunction late = module.function("late");
  HostBuffer host(sizeof(unsigned));
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemHostGetDevicePointer(&address, host.data, 0));
  volatile unsigned* const word = reinterpret_cast<unsigned*>(host.data);
  Stream stream;
  for (const CUstream on : {CUstream{nullptr}, CU_STREAM_PER_THREAD, CUstream{stream}}) {
    *word = 0;
    REQUIRE_CUDA(launch(late, 1, 1, on, address));
    CHECK(*word == 7);
  }
  // What is captured is not run.
  CUgraph graph = nullptr;
  REQUIRE_CUDA(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  *word = 0;
  CHECK_CUDA(launch(late, 1, 1, stream, address));
  REQUIRE_CUDA(cuStreamEndCapture(stream, &graph));
  CHECK(*word == 0);
  CHECK_CUDA(cuGraphDestroy(graph));
  const CUresult failed = launch(module.function("fail"), 1, 1, stream);
  CHECK(failed != CUDA_SUCCESS);
  CHECK(cuStreamSynchronize(stream) == failed);
}

TEST_CASE("a launch does not wait where the variable says 0", "[contract][process]") {
  REQUIRE_CHILD("child-launch-not-blocking", {{"CUDA_LAUNCH_BLOCKING", "0"}});
}

TEST_CASE_METHOD(Gpu, "child: launches do not block", "[.][child-launch-not-blocking]") {
  const Module module(kPtx);
  const CUfunction late = module.function("late");
  Stream stream;
  Gate gate(stream);
  HostBuffer host(sizeof(unsigned));
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemHostGetDevicePointer(&address, host.data, 0));
  CHECK_CUDA(launch(late, 1, 1, stream, address));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  gate.open();
  stream.synchronize();
  CHECK(*reinterpret_cast<unsigned*>(host.data) == 7);
}
