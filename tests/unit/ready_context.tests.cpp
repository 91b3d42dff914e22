// SPDX-License-Identifier: Apache-2.0
// Rows name exported symbols, so their header needs the internal names of CUDA's.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "host/worker/ready_context.h"

#include "tests/support/test.h"

namespace vgpu::host {
namespace {

// A driver that only counts, and answers as it was told.
struct Counted {
  int references = 0, retains = 0;
  int compute_mode = CU_COMPUTEMODE_DEFAULT;
  CUresult retaining = CUDA_SUCCESS, working = CUDA_SUCCESS;
} counted;

const auto kContext = reinterpret_cast<CUcontext>(0x1234);

CUresult get_attribute(int* value, CUdevice_attribute attribute, CUdevice) {
  if (attribute != CU_DEVICE_ATTRIBUTE_COMPUTE_MODE) return CUDA_ERROR_INVALID_VALUE;
  *value = counted.compute_mode;
  return CUDA_SUCCESS;
}
CUresult retain(CUcontext* context, CUdevice) {
  if (counted.retaining != CUDA_SUCCESS) return counted.retaining;
  ++counted.references;
  ++counted.retains;
  *context = kContext;
  return CUDA_SUCCESS;
}
CUresult release(CUdevice) {
  --counted.references;
  return CUDA_SUCCESS;
}
CUresult push(CUcontext) { return CUDA_SUCCESS; }
CUresult pop(CUcontext*) { return CUDA_SUCCESS; }
CUresult query(CUstream) { return counted.working; }

Driver counting_driver() {
  counted = {};
  std::array<void*, kOpcodes> entries = {};
  const auto set = [&](uint16_t opcode, auto* function) { entries[opcode] = reinterpret_cast<void*>(function); };
  set(api::opcode::cuDeviceGetAttribute, &get_attribute);
  set(api::opcode::cuDevicePrimaryCtxRetain, &retain);
  set(api::opcode::cuDevicePrimaryCtxRelease_v2, &release);
  set(api::opcode::cuCtxPushCurrent_v2, &push);
  set(api::opcode::cuCtxPopCurrent_v2, &pop);
  set(api::opcode::cuStreamQuery, &query);
  return Driver::of(entries);
}

TEST_CASE("a program gets the context that is ready, with its reference, and once", "[unit][ready-context]") {
  const Driver driver = counting_driver();
  ReadyContext ready(ReadyContext::make(driver));
  CHECK(counted.references == 1);
  CHECK(ready.take(driver, 0) == kContext);
  CHECK(counted.references == 1);
  CHECK(ready.take(driver, 0) == nullptr);
  ready.give_up(driver);
  CHECK(counted.references == 1);
}

TEST_CASE("a program that begins with another device has no context of the first", "[unit][ready-context]") {
  const Driver driver = counting_driver();
  ReadyContext ready(ReadyContext::make(driver));
  CHECK(ready.take(driver, 1) == nullptr);
  CHECK(counted.references == 0);
  CHECK(ready.take(driver, 0) == nullptr);
}

TEST_CASE("a program that creates a context of its own has no other", "[unit][ready-context]") {
  const Driver driver = counting_driver();
  ReadyContext ready(ReadyContext::make(driver));
  ready.give_up(driver);
  CHECK(counted.references == 0);
  ready.give_up(driver);
  CHECK(counted.references == 0);
}

TEST_CASE("other flags end the context that is ready, and the driver is to be told them", "[unit][ready-context]") {
  const Driver driver = counting_driver();
  ReadyContext ready(ReadyContext::make(driver));
  CHECK(ready.set_flags(driver, 0, 0));
  CHECK(counted.references == 1);
  CHECK_FALSE(ready.set_flags(driver, 1, CU_CTX_SCHED_SPIN));
  CHECK(counted.references == 1);
  CHECK_FALSE(ready.set_flags(driver, 0, CU_CTX_SCHED_SPIN));
  CHECK(counted.references == 0);
  CHECK_FALSE(ready.set_flags(driver, 0, 0));
}

TEST_CASE("a context that no longer works is not given to a program", "[unit][ready-context]") {
  const Driver driver = counting_driver();
  ReadyContext ready(ReadyContext::make(driver));
  counted.working = CUDA_ERROR_ECC_UNCORRECTABLE;
  CHECK(ready.take(driver, 0) == nullptr);
  CHECK(counted.references == 0);
}

TEST_CASE("no context is made where only one process may have one", "[unit][ready-context]") {
  const Driver driver = counting_driver();
  counted.compute_mode = CU_COMPUTEMODE_EXCLUSIVE_PROCESS;
  CHECK(ReadyContext::make(driver) == nullptr);
  counted.compute_mode = CU_COMPUTEMODE_PROHIBITED;
  CHECK(ReadyContext::make(driver) == nullptr);
  CHECK(counted.retains == 0);
}

TEST_CASE("where no context can be made, the program's own call says why", "[unit][ready-context]") {
  const Driver driver = counting_driver();
  counted.retaining = CUDA_ERROR_OUT_OF_MEMORY;
  ReadyContext ready(ReadyContext::make(driver));
  CHECK(ready.take(driver, 0) == nullptr);
  CHECK(counted.references == 0);
}

}  // namespace
}  // namespace vgpu::host
