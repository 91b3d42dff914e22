// SPDX-License-Identifier: Apache-2.0
// cuGetProcAddress: which symbol answers a name, a version and flags, and how a question without an answer ends.
#include "common/face/cuda_api.h"

#include <dlfcn.h>
#include <string>

#include "tests/support/test.h"

namespace {

struct Row {
  const char* name;
  int flavour;
  int since;
  const char* symbol;
};

// The rule itself: an ABI answers to the version in which it first appeared.
constexpr Row kRule[] = {
#define VGPU_PROC(name, flavour, since, symbol) {#name, flavour, since, #symbol},
#include "cuda_procaddr.inc"
#undef VGPU_PROC
};

// Chosen by hand, so that a mistake in the extraction of the rule shows: what runtimes and libraries ask for.
struct Question {
  const char* name;
  int version;
  cuuint64_t flags;
  const char* symbol;
};
constexpr Question kChosen[] = {
    {"cuInit", 2000, 0, "cuInit"},
    {"cuGetProcAddress", 11030, 0, "cuGetProcAddress"},
    {"cuGetProcAddress", 12000, 0, "cuGetProcAddress_v2"},
    {"cuMemAlloc", 2000, 0, "cuMemAlloc"},
    {"cuMemAlloc", 12000, 0, "cuMemAlloc_v2"},
    {"cuMemAlloc", 3020, 2, "cuMemAlloc_v2"},
    {"cuLaunchKernel", 7000, 0, "cuLaunchKernel"},
    {"cuLaunchKernel", 7000, 1, "cuLaunchKernel"},
    {"cuLaunchKernel", 7000, 2, "cuLaunchKernel_ptsz"},
    {"cuLaunchKernel", 7000, 3, "cuLaunchKernel_ptsz"},
    {"cuMemcpyHtoD", 7000, 2, "cuMemcpyHtoD_v2_ptds"},
    {"cuCtxCreate", 3020, 0, "cuCtxCreate_v2"},
    {"cuCtxCreate", 12050, 0, "cuCtxCreate_v4"},
    {"cuCtxGetDevice", 2000, 0, "cuCtxGetDevice"},
    {"cuCtxGetDevice", 13000, 0, "cuCtxGetDevice_v2"},
    {"cuDeviceGetUuid", 9020, 0, "cuDeviceGetUuid"},
    {"cuStreamWaitValue32", 8000, 0, "cuStreamWaitValue32"},
    {"cuStreamWaitValue32", 11070, 0, "cuStreamWaitValue32_v2"},
    {"cuEventElapsedTime", 12080, 0, "cuEventElapsedTime_v2"},
};

void* const kUntouched = reinterpret_cast<void*>(0x77);
constexpr auto kUntouchedStatus = static_cast<CUdriverProcAddressQueryResult>(77);

struct Answer {
  void* pointer = kUntouched;
  CUdriverProcAddressQueryResult status = kUntouchedStatus;
  CUresult result;

  Answer(const char* name, int version, cuuint64_t flags)
      : result(cuGetProcAddress_v2(name, &pointer, version, flags, &status)) {}
};

int driver_version() {
  int version = 0;
  REQUIRE(cuDriverGetVersion(&version) == CUDA_SUCCESS);
  return version;
}

void* exported(const char* symbol) {
  void* pointer = dlsym(RTLD_DEFAULT, symbol);
  REQUIRE(pointer != nullptr);
  return pointer;
}

}  // namespace

TEST_CASE("each ABI of each call answers to the version that introduced it", "[contract]") {
  const int newest = driver_version();
  for (const Row& row : kRule) {
    if (row.since > newest) continue;
    const Answer answer(row.name, row.since, row.flavour == 1 ? 2 : 0);
    INFO(row.name << " at " << row.since << " is " << row.symbol);
    REQUIRE(answer.result == CUDA_SUCCESS);
    REQUIRE(answer.status == CU_GET_PROC_ADDRESS_SUCCESS);
    REQUIRE(answer.pointer == exported(row.symbol));
  }
}

TEST_CASE("an ABI goes on answering until the next one appears", "[contract]") {
  for (size_t i = 0; i + 1 < std::size(kRule); ++i) {
    const Row &row = kRule[i], &next = kRule[i + 1];
    if (std::string(row.name) != next.name || row.flavour != next.flavour) continue;
    if (next.since - 1 > driver_version()) continue;
    const Answer answer(row.name, next.since - 1, row.flavour == 1 ? 2 : 0);
    INFO(row.name << " before " << next.since << " is " << row.symbol);
    REQUIRE(answer.pointer == exported(row.symbol));
  }
}

TEST_CASE("the questions that runtimes ask get the expected symbols", "[contract]") {
  for (const Question& question : kChosen) {
    if (question.version > driver_version()) continue;
    const Answer answer(question.name, question.version, question.flags);
    INFO(question.name << " at " << question.version << " with flags " << question.flags);
    CHECK(answer.result == CUDA_SUCCESS);
    CHECK(answer.pointer == exported(question.symbol));
  }
}

TEST_CASE("per-thread flags mean nothing to a call without flavours", "[contract]") {
  for (const cuuint64_t flags : {1, 2, 3}) CHECK(Answer("cuDeviceGet", 2000, flags).pointer == exported("cuDeviceGet"));
}

TEST_CASE("a name that no driver exports is not found, without an error", "[contract]") {
  const char* name = GENERATE("", "cuNoSuchCall", "cuMemAlloc_v2", "cudbgApiInit");
  const Answer answer(name, driver_version(), 0);
  CHECK(answer.result == CUDA_SUCCESS);
  CHECK(answer.pointer == nullptr);
  CHECK(answer.status == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
}

TEST_CASE("a version older than every ABI of a name is not sufficient, without an error", "[contract]") {
  const Answer plain("cuMemAlloc", 1000, 0), per_thread("cuLaunchKernel", 6000, 2);
  CHECK(plain.result == CUDA_SUCCESS);
  CHECK(plain.pointer == nullptr);
  CHECK(plain.status == CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
  CHECK(per_thread.result == CUDA_SUCCESS);
  CHECK(per_thread.pointer == nullptr);
  CHECK(per_thread.status == CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
}

TEST_CASE("a version above the driver's is refused and touches nothing", "[contract]") {
  const Answer answer("cuInit", 99000, 0);
  CHECK(answer.result == CUDA_ERROR_INVALID_VALUE);
  CHECK(answer.pointer == kUntouched);
  CHECK(answer.status == kUntouchedStatus);
}

TEST_CASE("unknown flags are refused and touch nothing", "[contract]") {
  const Answer answer("cuInit", 2000, 0xff);
  CHECK(answer.result == CUDA_ERROR_INVALID_VALUE);
  CHECK(answer.pointer == kUntouched);
  CHECK(answer.status == kUntouchedStatus);
}

TEST_CASE("a look-up without a place for the status works", "[contract]") {
  void* pointer = nullptr;
  CHECK(cuGetProcAddress_v2("cuInit", &pointer, 2000, 0, nullptr) == CUDA_SUCCESS);
  CHECK(pointer == exported("cuInit"));
}

TEST_CASE("the first version of cuGetProcAddress gives the same answers", "[contract]") {
  void* pointer = nullptr;
  CHECK(cuGetProcAddress("cuMemAlloc", &pointer, 12000, 0) == CUDA_SUCCESS);
  CHECK(pointer == exported("cuMemAlloc_v2"));
}

TEST_CASE("the first version of cuGetProcAddress says not found by an error and touches nothing", "[contract]") {
  const char* name = GENERATE("", "cuNoSuchCall");
  void* pointer = kUntouched;
  CHECK(cuGetProcAddress(name, &pointer, 12000, 0) == CUDA_ERROR_NOT_FOUND);
  CHECK(cuGetProcAddress("cuMemAlloc", &pointer, 1000, 0) == CUDA_ERROR_NOT_FOUND);
  CHECK(cuGetProcAddress("cuMemAlloc", &pointer, 99000, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(pointer == kUntouched);
}

TEST_CASE("a negative version asks for the newest ABI", "[contract]") {
  CHECK(Answer("cuMemAlloc", -1, 0).pointer == exported("cuMemAlloc_v2"));
}
