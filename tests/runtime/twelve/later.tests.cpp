// SPDX-License-Identifier: Apache-2.0
// What releases after 12.4 added: not for NVIDIA's library of that release, which has none of it.
#include <dlfcn.h>

#include <string>

#include "tests/runtime/fixture.h"
#include "tests/runtime/twelve/calls.h"

using namespace runtime_test;

TEST_CASE("the release is the last of CUDA 12", "[twelve][later]") {
  int version = 0;
  REQUIRE_OK(cudaRuntimeGetVersion(&version));
  CHECK(version == 12090);
}

TEST_CASE("every call that came after 12.4 is exported", "[twelve][later]") {
  const std::string name = GENERATE(
      "cudaGetDriverEntryPointByVersion", "cudaGetDriverEntryPointByVersion_ptsz", "cudaKernelSetAttributeForDevice",
      "cudaLibraryEnumerateKernels", "cudaLibraryGetGlobal", "cudaLibraryGetKernel", "cudaLibraryGetKernelCount",
      "cudaLibraryGetManaged", "cudaLibraryGetUnifiedFunction", "cudaLibraryLoadData", "cudaLibraryLoadFromFile",
      "cudaLibraryUnload", "cudaEventElapsedTime_v2", "cudaMemcpy3DBatchAsync", "cudaMemcpy3DBatchAsync_ptsz",
      "cudaMemcpyBatchAsync", "cudaMemcpyBatchAsync_ptsz", "cudaStreamGetDevice", "cudaStreamGetDevice_ptsz");
  INFO(name);
  CHECK(dlvsym(RTLD_DEFAULT, name.c_str(), "libcudart.so.12") != nullptr);
}

TEST_CASE("the driver's entry points are found by the version that is asked for", "[twelve][later]") {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  CHECK_OK(old_cudaGetDriverEntryPointByVersion("cuMemcpyBatchAsync", &function, 12080, cudaEnableDefault, &found));
  CHECK(found == cudaDriverEntryPointSuccess);
  CHECK_OK(old_cudaGetDriverEntryPointByVersion("cuMemcpyBatchAsync", &function, 12040, cudaEnableDefault, &found));
  CHECK(found == cudaDriverEntryPointVersionNotSufficent);
  CHECK_ERROR(old_cudaGetDriverEntryPointByVersion(nullptr, &function, 12040, cudaEnableDefault, &found),
              cudaErrorInvalidValue);
}

TEST_CASE("a stream knows its device in 12.8, too", "[twelve][later]") {
  Stream stream;
  int device = -1;
  CHECK_OK(old_cudaStreamGetDevice(stream, &device));
  CHECK(device == 0);
}

TEST_CASE("a time that has not been is refused", "[twelve][later]") {
  cudaEvent_t first = nullptr;
  cudaEvent_t second = nullptr;
  float milliseconds = -1;
  REQUIRE_OK(cudaEventCreate(&first));
  REQUIRE_OK(cudaEventCreate(&second));
  CHECK_REFUSED(old_cudaEventElapsedTime_v2(&milliseconds, first, second));
  REQUIRE_OK(cudaEventRecord(first, nullptr));
  REQUIRE_OK(cudaEventRecord(second, nullptr));
  REQUIRE_OK(cudaEventSynchronize(second));
  CHECK_OK(old_cudaEventElapsedTime_v2(&milliseconds, first, second));
  CHECK(milliseconds >= 0);
  CHECK_ERROR(old_cudaEventElapsedTime_v2(nullptr, first, second), cudaErrorInvalidValue);
  CHECK_OK(cudaEventDestroy(first));
  CHECK_OK(cudaEventDestroy(second));
}

TEST_CASE("several copies are one call, which says the first that is wrong", "[twelve][later]") {
  Stream stream;
  DeviceInts a(2);
  DeviceInts b(2);
  int in[] = {20, 22};
  int out[2] = {};
  void* destinations[] = {static_cast<int*>(a), static_cast<int*>(b)};
  void* sources[] = {&in[0], &in[1]};
  size_t sizes[] = {sizeof(int), sizeof(int)};
  cudaMemcpyAttributes attributes{};
  attributes.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  size_t first = 0;
  size_t failed = 99;
  CHECK_OK(old_cudaMemcpyBatchAsync(destinations, sources, sizes, 2, &attributes, &first, 1, &failed, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK_OK(cudaMemcpy(&out[0], a, sizeof(int), cudaMemcpyDeviceToHost));
  CHECK_OK(cudaMemcpy(&out[1], b, sizeof(int), cudaMemcpyDeviceToHost));
  CHECK((out[0] == 20 && out[1] == 22));
  sources[1] = nullptr;
  CHECK_REFUSED(old_cudaMemcpyBatchAsync(destinations, sources, sizes, 2, &attributes, &first, 1, &failed, stream));
  CHECK_REFUSED(old_cudaMemcpyBatchAsync(nullptr, sources, sizes, 2, &attributes, &first, 1, &failed, stream));
}

TEST_CASE("several boxes are one call", "[twelve][later]") {
  Stream stream;
  DeviceInts memory(4);
  int in[] = {1, 2, 3, 4};
  int out[4] = {};
  size_t failed = 99;
  cudaMemcpy3DBatchOp copy{};
  copy.src.type = copy.dst.type = cudaMemcpyOperandTypePointer;
  copy.src.op.ptr.ptr = in;
  copy.src.op.ptr.locHint.type = cudaMemLocationTypeHost;
  copy.dst.op.ptr.ptr = memory;
  copy.dst.op.ptr.locHint.type = cudaMemLocationTypeDevice;
  copy.extent = {sizeof in, 1, 1};
  copy.srcAccessOrder = cudaMemcpySrcAccessOrderStream;
  CHECK_OK(old_cudaMemcpy3DBatchAsync(1, &copy, &failed, 0, stream));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK_OK(cudaMemcpy(out, memory, sizeof out, cudaMemcpyDeviceToHost));
  CHECK((out[0] == 1 && out[3] == 4));
  CHECK_REFUSED(old_cudaMemcpy3DBatchAsync(1, nullptr, &failed, 0, stream));
}

TEST_CASE("code is loaded, and its kernels and variables found", "[twelve][later]") {
  const char code[] = R"(.version 7.0
.target sm_75
.address_size 64
.visible .global .align 4 .u32 number = 3;
.visible .entry work(.param .u64 out) {
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd2, %rd1;
  st.global.u32 [%rd2], 42;
  ret;
}
)";
  cudaLibrary_t library = nullptr;
  cudaKernel_t kernel = nullptr;
  cudaKernel_t same = nullptr;
  void* number = nullptr;
  size_t bytes = 0;
  unsigned count = 0;
  int value = 0;
  DeviceInts out(1);
  REQUIRE_OK(cudaLibraryLoadData(&library, code, nullptr, nullptr, 0, nullptr, nullptr, 0));
  CHECK_OK(cudaLibraryGetKernelCount(&count, library));
  CHECK(count == 1);
  REQUIRE_OK(cudaLibraryGetKernel(&kernel, library, "work"));
  CHECK_OK(cudaLibraryEnumerateKernels(&same, 1, library));
  CHECK(same == kernel);
  REQUIRE_OK(cudaLibraryGetGlobal(&number, &bytes, library, "number"));
  CHECK_OK(cudaMemcpy(&value, number, sizeof value, cudaMemcpyDeviceToHost));
  CHECK((bytes == sizeof value && value == 3));
  int* address = out;
  void* arguments[] = {&address};
  CHECK_OK(cudaKernelSetAttributeForDevice(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 1024, 0));
  CHECK_OK(cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3(1), dim3(1), arguments, 0, nullptr));
  CHECK(out.first() == 42);
  CHECK_REFUSED(cudaLibraryGetKernel(&kernel, library, "absent"));
  CHECK_REFUSED(cudaLibraryGetManaged(&number, &bytes, library, "absent"));
  CHECK_REFUSED(cudaLibraryLoadFromFile(&library, "/nowhere/at/all", nullptr, nullptr, 0, nullptr, nullptr, 0));
  CHECK_OK(cudaLibraryUnload(library));
}
