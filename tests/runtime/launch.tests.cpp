// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

extern "C" cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared_bytes, void* stream);

namespace {

int not_a_kernel = 0;

// Beside the test binary.
std::string plugin_path(const char* name) {
  char path[4096] = {};
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  const std::string self(path, length > 0 ? static_cast<size_t>(length) : 0);
  return self.substr(0, self.rfind('/') + 1) + name;
}

}  // namespace

TEST_CASE("a kernel runs with its arguments", "[runtime][launch]") {
  DeviceInts out(1);
  launch_add(2, 64, nullptr, out, 19, 23);
  CHECK_OK(cudaGetLastError());
  CHECK(out.first() == 42);
}

TEST_CASE("a kernel is launched by its host address", "[runtime][launch]") {
  DeviceInts out(1);
  int* pointer = out;
  int a = 3;
  int b = 4;
  void* arguments[] = {&pointer, &a, &b};
  CHECK_OK(cudaLaunchKernel(add_kernel(), dim3{1, 1, 1}, dim3{1, 1, 1}, arguments, 0, nullptr));
  CHECK(out.first() == 7);
  cudaLaunchConfig_t config{};
  config.gridDim = {1, 1, 1};
  config.blockDim = {1, 1, 1};
  b = 5;
  CHECK_OK(cudaLaunchKernelExC(&config, add_kernel(), arguments));
  CHECK(out.first() == 8);
}

TEST_CASE("a kernel's handle stands for its host address", "[runtime][launch]") {
  DeviceInts out(1);
  int* pointer = out;
  int a = 30;
  int b = 4;
  void* arguments[] = {&pointer, &a, &b};
  cudaKernel_t kernel = nullptr;
  REQUIRE_OK(cudaGetKernel(&kernel, add_kernel()));
  CHECK_OK(
      cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3{1, 1, 1}, dim3{1, 1, 1}, arguments, 0, nullptr));
  CHECK(out.first() == 34);
}

TEST_CASE("what is no kernel is not launched", "[runtime][launch]") {
  // NVIDIA's library hands what it does not know to the driver: the code is the driver's or the runtime's own.
  CHECK_REFUSED(cudaLaunchKernel(&not_a_kernel, dim3{1, 1, 1}, dim3{1, 1, 1}, nullptr, 0, nullptr));
  cudaFuncAttributes attributes;
  CHECK_REFUSED(cudaFuncGetAttributes(&attributes, &not_a_kernel));
  int blocks = 0;
  CHECK_REFUSED(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, &not_a_kernel, 32, 0));
}

TEST_CASE("a launch that does not fit is refused", "[runtime][launch]") {
  DeviceInts out(1);
  launch_add(1, 4096, nullptr, out, 1, 1);
  CHECK(cudaGetLastError() != cudaSuccess);
  launch_add(0, 32, nullptr, out, 1, 1);
  CHECK(cudaGetLastError() != cudaSuccess);
}

TEST_CASE("a kernel without a configuration is refused", "[runtime][launch]") {
  dim3 grid;
  dim3 block;
  size_t bytes = 0;
  cudaStream_t stream = nullptr;
  CHECK_ERROR(__cudaPopCallConfiguration(&grid, &block, &bytes, &stream), cudaErrorMissingConfiguration);
}

TEST_CASE("an object that is loaded later brings its kernels, and takes them away", "[runtime][launch]") {
  void* object = dlopen(plugin_path("runtime_plugin.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) SKIP("no plugin beside the test binary");
  const auto answer = reinterpret_cast<int (*)()>(dlsym(object, "plugin_answer"));
  const auto kernel = reinterpret_cast<const void* (*)()>(dlsym(object, "plugin_kernel"));
  REQUIRE(answer != nullptr);
  REQUIRE(kernel != nullptr);
  CHECK(answer() == 42);
  const void* host = kernel();
  cudaFuncAttributes attributes{};
  CHECK_OK(cudaFuncGetAttributes(&attributes, host));
  REQUIRE(dlclose(object) == 0);
  DeviceInts out(1);
  launch_add(1, 1, nullptr, out, 2, 2);
  CHECK(out.first() == 4);
}

TEST_CASE("an object with a runtime of its own shares the device, and leaves it", "[runtime][launch]") {
  void* object = dlopen(plugin_path("runtime_plugin_static.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (object == nullptr) SKIP("no plugin beside the test binary");
  const auto answer = reinterpret_cast<int (*)()>(dlsym(object, "plugin_answer"));
  REQUIRE(answer != nullptr);
  CHECK(answer() == 42);
  DeviceInts out(1);
  REQUIRE(dlclose(object) == 0);
  launch_add(1, 1, nullptr, out, 2, 3);
  CHECK(out.first() == 5);
}

TEST_CASE("attributes of a kernel are known and can be set", "[runtime][launch]") {
  cudaFuncAttributes attributes{};
  REQUIRE_OK(cudaFuncGetAttributes(&attributes, wide_kernel()));
  CHECK(attributes.maxThreadsPerBlock > 0);
  CHECK(attributes.ptxVersion >= 75);
  CHECK_OK(cudaFuncSetAttribute(wide_kernel(), cudaFuncAttributeMaxDynamicSharedMemorySize, 1024));
  CHECK_ERROR(cudaFuncSetAttribute(wide_kernel(), static_cast<cudaFuncAttribute>(99), 1), cudaErrorInvalidValue);
}

TEST_CASE("blocks of a kernel fit on a multiprocessor", "[runtime][launch]") {
  int blocks = 0;
  REQUIRE_OK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add_kernel(), 128, 0));
  CHECK(blocks > 0);
  size_t bytes = 0;
  CHECK_OK(cudaOccupancyAvailableDynamicSMemPerBlock(&bytes, wide_kernel(), 1, 64));
  CHECK(bytes > 0);
}

TEST_CASE("a kernel has a name", "[runtime][launch]") {
  const char* name = nullptr;
  REQUIRE_OK(cudaFuncGetName(&name, add_kernel()));
  CHECK(std::strstr(name, "add") != nullptr);
}

TEST_CASE("variables are written, read and used", "[runtime][symbol]") {
  const int table[kTableSize] = {1, 2, 3, 4, 5, 6, 7, 8};
  const int factor = 10;
  int data[kTableSize] = {1, 1, 1, 1, 1, 1, 1, 1};
  DeviceInts memory(kTableSize);
  REQUIRE_OK(cudaMemcpy(memory, data, sizeof data, cudaMemcpyHostToDevice));
  REQUIRE_OK(cudaMemcpyToSymbol(factor_symbol(), &factor, sizeof factor, 0, cudaMemcpyHostToDevice));
  REQUIRE_OK(cudaMemcpyToSymbol(table_symbol(), table, sizeof table, 0, cudaMemcpyHostToDevice));
  int* pointer = memory;
  int count = kTableSize;
  void* arguments[] = {&pointer, &count};
  REQUIRE_OK(cudaLaunchKernel(scale_kernel(), dim3{1, 1, 1}, dim3{32, 1, 1}, arguments, 0, nullptr));
  REQUIRE_OK(cudaMemcpy(data, memory, sizeof data, cudaMemcpyDeviceToHost));
  CHECK(data[0] == 11);
  CHECK(data[7] == 18);
  int read = 0;
  REQUIRE_OK(cudaMemcpyFromSymbol(&read, table_symbol(), sizeof read, 2 * sizeof read, cudaMemcpyDeviceToHost));
  CHECK(read == 3);
}

TEST_CASE("variables have addresses and sizes", "[runtime][symbol]") {
  void* address = nullptr;
  size_t size = 0;
  CHECK_OK(cudaGetSymbolAddress(&address, factor_symbol()));
  CHECK(address != nullptr);
  CHECK_OK(cudaGetSymbolSize(&size, table_symbol()));
  CHECK(size == kTableSize * sizeof(int));
}

TEST_CASE("what is no variable is refused", "[runtime][symbol]") {
  void* address = nullptr;
  size_t size = 0;
  CHECK_ERROR(cudaGetSymbolAddress(&address, &not_a_kernel), cudaErrorInvalidSymbol);
  CHECK_ERROR(cudaGetSymbolSize(&size, &not_a_kernel), cudaErrorInvalidSymbol);
  CHECK_ERROR(cudaMemcpyToSymbol(&not_a_kernel, &size, 4, 0, cudaMemcpyHostToDevice), cudaErrorInvalidSymbol);
}

TEST_CASE("a copy beyond a variable's end is refused", "[runtime][symbol]") {
  int value[2] = {};
  CHECK_ERROR(cudaMemcpyToSymbol(factor_symbol(), value, sizeof value, 0, cudaMemcpyHostToDevice),
              cudaErrorInvalidValue);
  CHECK_ERROR(cudaMemcpyToSymbol(factor_symbol(), value, 4, 0, cudaMemcpyDeviceToHost),
              cudaErrorInvalidMemcpyDirection);
}
