// SPDX-License-Identifier: Apache-2.0
// __managed__ variables: a global of a module whose address host and kernels share. CUDA programming guide: Unified
// Memory Programming; driver API: cuModuleGetGlobal, cuLibraryGetManaged.
#include <cstring>
#include <string>
#include <vector>

#include "tests/contract/fixture.h"

namespace {

constexpr unsigned kMany = 100'000;  // words, so that they fill many pages

// A word, two neighbours in one word, and an array.
constexpr char kPtx[] = R"(.version 7.0
.target sm_52
.address_size 64
.visible .global .attribute(.managed) .align 4 .u32 shared_word = 5;
.visible .global .attribute(.managed) .align 8 .b8 neighbours[8];
.visible .global .attribute(.managed) .align 4 .b32 many[100000];
.visible .entry twice() {
  .reg .b32 %r<2>;
  ld.global.u32 %r1, [shared_word];
  add.u32 %r1, %r1, %r1;
  st.global.u32 [shared_word], %r1;
  ret;
}
.visible .entry second_neighbour() {
  .reg .b32 %r<3>;
  ld.global.u8 %r1, [neighbours];
  add.u32 %r2, %r1, 1;
  st.global.u8 [neighbours+1], %r2;
  ret;
}
.visible .entry increment() {
  .reg .b32 %r<5>;
  .reg .b64 %rd<4>;
  .reg .pred %p<2>;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %ntid.x;
  mov.u32 %r3, %tid.x;
  mad.lo.u32 %r1, %r1, %r2, %r3;
  setp.ge.u32 %p1, %r1, 100000;
  @%p1 ret;
  mov.u64 %rd1, many;
  mul.wide.u32 %rd2, %r1, 4;
  add.u64 %rd3, %rd1, %rd2;
  ld.global.u32 %r4, [%rd3];
  add.u32 %r4, %r4, 1;
  st.global.u32 [%rd3], %r4;
  ret;
}
)";

class ManagedVariable : public Gpu {
 public:
  ManagedVariable() {
    if (attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS) == 0) SKIP("no concurrent managed access");
    module = std::make_unique<Module>(kPtx);
  }

  template <class T>
  volatile T* find(const char* name, size_t expected) const {
    CUdeviceptr found = 0;
    size_t bytes = 0;
    REQUIRE_CUDA(cuModuleGetGlobal(&found, &bytes, *module, name));
    REQUIRE(bytes == expected);
    return reinterpret_cast<volatile T*>(found);
  }

  std::unique_ptr<Module> module;
};

}  // namespace

// NVIDIA's runtime 12.4 finds them so.
TEST_CASE_METHOD(ManagedVariable, "a managed variable that is found as a global is the host's as well",
                 "[contract][managed]") {
  volatile unsigned* const word = find<unsigned>("shared_word", 4);
  CHECK(*word == 5);
  *word = 21;
  REQUIRE_CUDA(launch(module->function("twice"), 1, 1, nullptr));
  REQUIRE_CUDA(cuCtxSynchronize());
  CHECK(*word == 42);
  CHECK(find<unsigned>("shared_word", 4) == word);
}

TEST_CASE_METHOD(ManagedVariable, "host and kernel write neighbouring bytes of managed variables",
                 "[contract][managed]") {
  volatile unsigned char* const bytes = find<unsigned char>("neighbours", 8);
  volatile unsigned* const word = find<unsigned>("shared_word", 4);
  for (unsigned char round = 1; round < 4; ++round) {
    bytes[0] = round;
    bytes[2] = static_cast<unsigned char>(100 + round);
    REQUIRE_CUDA(launch(module->function("second_neighbour"), 1, 1, nullptr));
    REQUIRE_CUDA(launch(module->function("twice"), 1, 1, nullptr));
    REQUIRE_CUDA(cuStreamSynchronize(nullptr));
    CHECK(bytes[0] == round);
    CHECK(bytes[1] == round + 1);
    CHECK(bytes[2] == 100 + round);
    CHECK(*word == 5u << round);
  }
}

TEST_CASE_METHOD(ManagedVariable, "a managed variable of many pages", "[contract][managed]") {
  volatile unsigned* const many = find<unsigned>("many", kMany * 4);
  for (unsigned i = 0; i < kMany; ++i) many[i] = i;
  CUevent done = nullptr;
  REQUIRE_CUDA(cuEventCreate(&done, CU_EVENT_DISABLE_TIMING));
  REQUIRE_CUDA(launch(module->function("increment"), (kMany + 255) / 256, 256, nullptr));
  REQUIRE_CUDA(cuEventRecord(done, nullptr));
  CUresult status = CUDA_ERROR_NOT_READY;
  while (status == CUDA_ERROR_NOT_READY) status = cuEventQuery(done);
  REQUIRE_CUDA(status);
  unsigned wrong = 0;
  for (unsigned i = 0; i < kMany; ++i) wrong += many[i] != i + 1;
  CHECK(wrong == 0);
  CHECK_CUDA(cuEventDestroy(done));
}

TEST_CASE_METHOD(ManagedVariable, "copies and sets reach managed variables", "[contract][managed]") {
  volatile unsigned* const word = find<unsigned>("shared_word", 4);
  const auto address = reinterpret_cast<CUdeviceptr>(word);
  const unsigned given = 1234;
  REQUIRE_CUDA(cuMemcpyHtoD(address, &given, sizeof given));
  CHECK(*word == given);
  *word = 77;
  unsigned got = 0;
  REQUIRE_CUDA(cuMemcpyDtoH(&got, address, sizeof got));
  CHECK(got == 77);
  REQUIRE_CUDA(cuMemsetD32(address, 0xabcd, 1));
  REQUIRE_CUDA(cuCtxSynchronize());
  CHECK(*word == 0xabcd);
}

TEST_CASE_METHOD(ManagedVariable, "a module with managed variables can be loaded again", "[contract][managed]") {
  *find<unsigned>("shared_word", 4) = 9;
  for (int round = 0; round < 3; ++round) {
    module = nullptr;
    DeviceBuffer other(4096);
    module = std::make_unique<Module>(kPtx);
    volatile unsigned* const word = find<unsigned>("shared_word", 4);
    CHECK(*word == 5);
    REQUIRE_CUDA(launch(module->function("twice"), 1, 1, nullptr));
    REQUIRE_CUDA(cuCtxSynchronize());
    CHECK(*word == 10);
  }
}

TEST_CASE_METHOD(ManagedVariable, "memory where a managed variable was is the device's", "[contract][managed]") {
  static_cast<void>(find<unsigned>("shared_word", 4));
  module.reset();
  CUdeviceptr address = 0;
  unsigned managed = 1;
  REQUIRE_CUDA(cuMemAlloc(&address, 64));
  CHECK_CUDA(cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, address));
  CHECK(managed == 0);
  CHECK_CUDA(cuMemFree(address));
}

TEST_CASE_METHOD(ManagedVariable, "a managed variable is the host's as well where exported memory was",
                 "[contract][managed]") {
  static_cast<void>(find<unsigned>("shared_word", 4));
  module.reset();
  std::vector<CUdeviceptr> buffers(64);
  for (CUdeviceptr& buffer : buffers) {
    REQUIRE_CUDA(cuMemAlloc(&buffer, 4096));
    CUipcMemHandle handle = {};
    const CUresult exported = cuIpcGetMemHandle(&handle, buffer);
    CHECK((exported == CUDA_SUCCESS || exported == CUDA_ERROR_NOT_SUPPORTED));
  }
  for (const CUdeviceptr buffer : buffers) CHECK_CUDA(cuMemFree(buffer));
  module = std::make_unique<Module>(kPtx);
  volatile unsigned* const word = find<unsigned>("shared_word", 4);
  *word = 21;
  REQUIRE_CUDA(launch(module->function("twice"), 1, 1, nullptr));
  REQUIRE_CUDA(cuCtxSynchronize());
  CHECK(*word == 42);
}
