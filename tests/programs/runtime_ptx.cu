// SPDX-License-Identifier: Apache-2.0
// The driver API from a program that links only the runtime: entry points by name, PTX text compiled at run time with
// a log, launched on memory that the runtime allocated.
#include "check.h"

#include <cuda.h>
#include <cudaTypedefs.h>
#include <cstring>
#include <string>
#include <vector>

static const char kPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64
.visible .global .align 4 .u32 bias = 100;
.visible .entry triple(.param .u64 values, .param .u32 count)
{
  .reg .pred %outside;
  .reg .b32 %r<8>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [values];
  ld.param.u32 %r1, [count];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.u32 %r5, %r2, %r3, %r4;
  setp.ge.u32 %outside, %r5, %r1;
  @%outside bra done;
  cvta.to.global.u64 %rd1, %rd1;
  mul.wide.u32 %rd2, %r5, 4;
  add.u64 %rd3, %rd1, %rd2;
  ld.global.u32 %r6, [%rd3];
  ld.global.u32 %r7, [bias];
  mad.lo.u32 %r6, %r6, 3, %r7;
  st.global.u32 [%rd3], %r6;
done:
  ret;
}
)";

template <class Function>
static Function entry(const char* name) {
  void* pointer = nullptr;
  cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
  CHECK(cudaGetDriverEntryPointByVersion(name, &pointer, 12000, cudaEnableDefault, &found));
  EXPECT(found == cudaDriverEntryPointSuccess && pointer, "%s is not there", name);
  return reinterpret_cast<Function>(pointer);
}

#define CHECK_DRIVER(call)                                                 \
  do {                                                                     \
    const CUresult driver_result = (call);                                 \
    EXPECT(driver_result == CUDA_SUCCESS, "%s: %d", #call, driver_result); \
  } while (false)

int main() {
  CHECK(cudaFree(nullptr));
  const auto load = entry<PFN_cuModuleLoadDataEx_v2010>("cuModuleLoadDataEx");
  const auto get_function = entry<PFN_cuModuleGetFunction_v2000>("cuModuleGetFunction");
  const auto get_global = entry<PFN_cuModuleGetGlobal_v3020>("cuModuleGetGlobal");
  const auto launch = entry<PFN_cuLaunchKernel_v4000>("cuLaunchKernel");
  const auto unload = entry<PFN_cuModuleUnload_v2000>("cuModuleUnload");

  char log[4096] = "", errors[4096] = "";
  CUjit_option options[] = {CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, CU_JIT_ERROR_LOG_BUFFER,
                            CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, reinterpret_cast<void*>(sizeof log), errors, reinterpret_cast<void*>(sizeof errors)};
  CUmodule module;
  CHECK_DRIVER(load(&module, kPtx, 4, options, values));
  CUfunction triple;
  CHECK_DRIVER(get_function(&triple, module, "triple"));
  CUdeviceptr bias = 0;
  size_t bias_size = 0;
  CHECK_DRIVER(get_global(&bias, &bias_size, module, "bias"));
  EXPECT(bias_size == 4, "bias has %zu bytes", bias_size);

  unsigned count = 1000;
  std::vector<unsigned> host(count);
  for (unsigned i = 0; i < count; ++i) host[i] = i;
  DeviceArray<unsigned> device(count);
  device.set(host.data());
  unsigned* pointer = device.get();
  void* arguments[] = {&pointer, &count};
  CHECK_DRIVER(launch(triple, 8, 1, 1, 128, 1, 1, 0, nullptr, arguments, nullptr));
  device.read(host.data());
  for (unsigned i = 0; i < count; ++i) EXPECT(host[i] == 3 * i + 100, "value %u is %u", i, host[i]);
  CHECK_DRIVER(unload(module));
  std::printf("PTX compiled at run time tripled %u values\n", count);

  std::string broken = kPtx;
  broken.replace(broken.find("mad.lo.u32 %r5"), 10, "made.up.u32");
  errors[0] = 0;
  values[1] = reinterpret_cast<void*>(sizeof log);
  values[3] = reinterpret_cast<void*>(sizeof errors);
  const CUresult refused = load(&module, broken.c_str(), 4, options, values);
  EXPECT(refused == CUDA_ERROR_INVALID_PTX, "broken PTX gave %d", refused);
  EXPECT(std::strlen(errors) > 0, "the error log is empty");
  std::printf("broken PTX is refused, and the log says why\n");
  return pass();
}
