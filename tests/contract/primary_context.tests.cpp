// SPDX-License-Identifier: Apache-2.0
// The primary context: counted references, flags, reset. CUDA driver API: Primary context management. These tests drop
// the reference that the other tests share.
#include "tests/contract/child.h"
#include "tests/contract/fixture.h"

namespace {

// No reference is held when the test begins, and none is left.
class Primary : public NoContext {
 public:
  Primary() { drop_shared_primary(); }

  int is_active() const {
    unsigned flags = 0;
    int active = -1;
    REQUIRE_CUDA(cuDevicePrimaryCtxGetState(device, &flags, &active));
    return active;
  }
};

}  // namespace

TEST_CASE_METHOD(Primary, "the primary context is active while somebody holds it", "[contract][primary]") {
  CHECK(is_active() == 0);
  CUcontext context = nullptr;
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  CHECK(context != nullptr);
  CHECK(is_active() == 1);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
  CHECK(is_active() == 0);
}

TEST_CASE_METHOD(Primary, "references to the primary context are counted", "[contract][primary]") {
  CUcontext first = nullptr, second = nullptr;
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&first, device));
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&second, device));
  CHECK(first == second);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
  CHECK(is_active() == 1);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
  CHECK(is_active() == 0);
}

TEST_CASE_METHOD(Primary, "retaining the primary context does not make it current", "[contract][primary]") {
  CUcontext context = nullptr, current = reinterpret_cast<CUcontext>(1);
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  CHECK_CUDA(cuCtxGetCurrent(&current));
  CHECK(current == nullptr);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
}

TEST_CASE_METHOD(Primary, "releasing a primary context that nobody holds is refused", "[contract][primary]") {
  CHECK(cuDevicePrimaryCtxRelease(device) == CUDA_ERROR_INVALID_CONTEXT);
}

TEST_CASE_METHOD(Primary, "flags set while inactive are those of the next context", "[contract][primary]") {
  REQUIRE_CUDA(cuDevicePrimaryCtxSetFlags(device, CU_CTX_SCHED_BLOCKING_SYNC));
  unsigned flags = 0;
  int active = -1;
  REQUIRE_CUDA(cuDevicePrimaryCtxGetState(device, &flags, &active));
  CHECK((flags & CU_CTX_SCHED_MASK) == CU_CTX_SCHED_BLOCKING_SYNC);
  CUcontext context = nullptr;
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  unsigned context_flags = 0;
  CHECK_CUDA(cuCtxGetFlags(&context_flags));
  CHECK((context_flags & CU_CTX_SCHED_MASK) == CU_CTX_SCHED_BLOCKING_SYNC);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
  REQUIRE_CUDA(cuDevicePrimaryCtxSetFlags(device, 0));
}

TEST_CASE_METHOD(Primary, "unknown flags for the primary context are refused", "[contract][primary]") {
  CHECK(cuDevicePrimaryCtxSetFlags(device, 0x40000000u) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Primary, "a reset ends the primary context and the next reference makes it again",
                 "[contract][primary]") {
  CUcontext before = nullptr, after = nullptr;
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&before, device));
  REQUIRE_CUDA(cuDevicePrimaryCtxReset(device));
  CHECK(is_active() == 0);
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&after, device));
  CHECK(before == after);
  CHECK(is_active() == 1);
  REQUIRE_CUDA(cuCtxSetCurrent(after));
  CUdeviceptr address = 0;
  CHECK_CUDA(cuMemAlloc(&address, 64));
  CHECK_CUDA(cuMemFree(address));
  while (cuDevicePrimaryCtxRelease(device) == CUDA_SUCCESS) {
  }
}

TEST_CASE_METHOD(Primary, "a reset frees what was allocated", "[contract][primary]") {
  CUcontext context = nullptr;
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  REQUIRE_CUDA(cuMemAlloc(&address, 1 << 20));
  REQUIRE_CUDA(cuDevicePrimaryCtxReset(device));
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  CHECK_REFUSED(cuMemFree(address));
  while (cuDevicePrimaryCtxRelease(device) == CUDA_SUCCESS) {
  }
}

TEST_CASE_METHOD(Primary, "primary context calls refuse devices that do not exist", "[contract][primary]") {
  CUcontext context = nullptr;
  unsigned flags = 0;
  int active = 0;
  CHECK(cuDevicePrimaryCtxRetain(&context, 9999) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDevicePrimaryCtxRelease(9999) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDevicePrimaryCtxGetState(9999, &flags, &active) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDevicePrimaryCtxSetFlags(9999, 0) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDevicePrimaryCtxReset(9999) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDevicePrimaryCtxRetain(nullptr, device) == CUDA_ERROR_INVALID_VALUE);
}

// What the first thing is that a process does with contexts must make no difference (a worker may have made one
// before).
TEST_CASE("the primary context of a new process is inactive until it is retained", "[contract][primary]") {
  REQUIRE_CHILD("child-primary-inactive");
}

TEST_CASE_METHOD(Primary, "child: inactive until retained", "[.][child-primary-inactive]") {
  CHECK(is_active() == 0);
  CHECK(cuDevicePrimaryCtxRelease(device) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK_CUDA(cuDevicePrimaryCtxReset(device));
  CHECK(is_active() == 0);
  CUcontext context = nullptr;
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  CHECK(is_active() == 1);
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  CUdeviceptr address = 0;
  CHECK_CUDA(cuMemAlloc(&address, 64));
  CHECK_CUDA(cuMemFree(address));
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
  CHECK(is_active() == 0);
}

TEST_CASE("flags that a new process sets first are those of its primary context", "[contract][primary]") {
  REQUIRE_CHILD("child-primary-flags");
}

TEST_CASE_METHOD(Primary, "child: flags first", "[.][child-primary-flags]") {
  REQUIRE_CUDA(cuDevicePrimaryCtxSetFlags(device, CU_CTX_SCHED_YIELD));
  CHECK(is_active() == 0);
  CUcontext context = nullptr;
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  unsigned flags = 0;
  CHECK_CUDA(cuCtxGetFlags(&flags));
  CHECK((flags & CU_CTX_SCHED_MASK) == CU_CTX_SCHED_YIELD);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
}

TEST_CASE("flags that are none may be set by a new process first", "[contract][primary]") {
  REQUIRE_CHILD("child-primary-no-flags");
}

TEST_CASE_METHOD(Primary, "child: no flags first", "[.][child-primary-no-flags]") {
  REQUIRE_CUDA(cuDevicePrimaryCtxSetFlags(device, 0));
  CUcontext context = nullptr;
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  unsigned flags = 0;
  CHECK_CUDA(cuCtxGetFlags(&flags));
  CHECK((flags & CU_CTX_SCHED_MASK) == CU_CTX_SCHED_AUTO);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
}

TEST_CASE("a context that a new process creates first leaves its primary context inactive", "[contract][primary]") {
  REQUIRE_CHILD("child-primary-created");
}

TEST_CASE_METHOD(Primary, "child: a created context first", "[.][child-primary-created]") {
  CUcontext created = nullptr, primary = nullptr;
  REQUIRE_CUDA(cuCtxCreate(&created, nullptr, 0, device));
  CHECK(is_active() == 0);
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&primary, device));
  CHECK(primary != created);
  CHECK(is_active() == 1);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
  CHECK_CUDA(cuCtxDestroy(created));
}

TEST_CASE("limits of a new process's primary context are those that it sets", "[contract][primary]") {
  REQUIRE_CHILD("child-primary-limits");
}

TEST_CASE_METHOD(Primary, "child: limits first", "[.][child-primary-limits]") {
  CUcontext context = nullptr;
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  REQUIRE_CUDA(cuCtxSetCurrent(context));
  size_t before = 0, set = 0, again = 0;
  CHECK_CUDA(cuCtxGetLimit(&before, CU_LIMIT_PRINTF_FIFO_SIZE));
  CHECK_CUDA(cuCtxSetLimit(CU_LIMIT_PRINTF_FIFO_SIZE, 4 * before));
  CHECK_CUDA(cuCtxGetLimit(&set, CU_LIMIT_PRINTF_FIFO_SIZE));
  CHECK(set >= 4 * before);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
  REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
  CHECK_CUDA(cuCtxGetLimit(&again, CU_LIMIT_PRINTF_FIFO_SIZE));
  CHECK(again == before);
  REQUIRE_CUDA(cuDevicePrimaryCtxRelease(device));
}
