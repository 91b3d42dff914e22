// SPDX-License-Identifier: Apache-2.0
// Launches that a program repeats until one of them faults, and kernels that print while they are repeated. Each in a
// process of its own. CUDA C++ Programming Guide, Error Checking, Formatted Output.
#include "tests/contract/child.h"
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

constexpr unsigned kRounds = 6, kLaunches = 50;

// tell(number): prints it between "<" and ">"
constexpr char kTellPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.extern .func (.param .b32 result) vprintf(.param .b64 format, .param .b64 arguments);
.global .align 1 .b8 text[5] = {60, 37, 117, 62, 0};

.visible .entry tell(.param .u32 number)
{
  .local .align 8 .b8 list[8];
  .reg .b32 %r<3>;
  .reg .b64 %rd<4>;
  ld.param.u32 %r1, [number];
  mov.u64 %rd1, list;
  st.local.u32 [%rd1], %r1;
  cvta.local.u64 %rd1, %rd1;
  mov.u64 %rd2, text;
  cvta.global.u64 %rd2, %rd2;
  {
    .param .b64 format;
    .param .b64 arguments;
    .param .b32 result;
    st.param.b64 [format], %rd2;
    st.param.b64 [arguments], %rd1;
    call.uni (result), vprintf, (format, arguments);
    ld.param.b32 %r2, [result];
  }
  ret;
}
)";

}  // namespace

TEST_CASE("a fault in the middle of repeated launches ends the context there", "[contract][sequence]") {
  REQUIRE_CHILD("child-sequence-fault");
}

TEST_CASE_METHOD(Gpu, "child: the last of several equal rounds of launches has a fault", "[.][child-sequence-fault]") {
  constexpr unsigned kFault = 23;
  Module module(kFaultPtx);
  const CUfunction store = module.function("store");
  Stream stream;
  HostBuffer host(kLaunches * sizeof(unsigned), CU_MEMHOSTALLOC_DEVICEMAP);
  const unsigned* const seen = host.as<unsigned>();
  const CUdeviceptr place = host.device();
  for (unsigned round = 1; round <= kRounds; ++round) {
    unsigned failures = 0;
    for (unsigned i = 0; i < kLaunches; ++i) {
      const bool faults = round == kRounds && i == kFault;
      failures += launch(store, 1, 1, stream, faults ? CUdeviceptr{16} : place + 4 * i, round) != CUDA_SUCCESS;
    }
    // The device may be at the fault while launches are still being made.
    CHECK((failures == 0 || round == kRounds));
    CHECK(cuStreamSynchronize(stream) == (round == kRounds ? CUDA_ERROR_ILLEGAL_ADDRESS : CUDA_SUCCESS));
  }
  CHECK(std::vector<unsigned>(seen, seen + kFault) == repeated(kFault, kRounds));
  CHECK(std::vector<unsigned>(seen + kFault, seen + kLaunches) == repeated(kLaunches - kFault, kRounds - 1));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(launch(store, 1, 1, stream, place, 1u) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_CASE("what repeated kernels print is whole, and in their order", "[contract][sequence]") {
  const ChildResult child = run_child("child-sequence-prints");
  REQUIRE(child.exit_code == 0);
  std::string wanted;
  for (unsigned i = 0; i < kRounds * kLaunches; ++i) wanted += "<" + std::to_string(i) + ">";
  INFO(child.output);
  CHECK(child.output.find(wanted) != std::string::npos);
}

TEST_CASE_METHOD(Gpu, "child: repeated kernels print", "[.][child-sequence-prints]") {
  Module telling(kTellPtx), silent(kBasicPtx);
  const CUfunction tell = telling.function("tell"), empty = silent.function("empty");
  Stream stream;
  unsigned number = 0;
  for (unsigned round = 0; round < kRounds; ++round) {
    for (unsigned i = 0; i < kLaunches; ++i) {
      REQUIRE_CUDA(launch(tell, 1, 1, stream, number++));
      REQUIRE_CUDA(launch(empty, 1, 1, stream));
    }
    if (round % 2 == 1) stream.synchronize();
  }
  REQUIRE_CUDA(cuCtxSynchronize());
}
