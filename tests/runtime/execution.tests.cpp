// SPDX-License-Identifier: Apache-2.0
// Kernels: how they are configured and launched, how many of them fit, and their handles; streams' attributes.
#include <cstddef>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

namespace {

int attribute(cudaDeviceAttr wanted) {
  int value = 0;
  REQUIRE_OK(cudaDeviceGetAttribute(&value, wanted, 0));
  return value;
}

}  // namespace

TEST_CASE("a kernel's parameters have places", "[runtime][launch][since13]") {
  size_t offset = 99;
  size_t size = 0;
  CHECK_OK(cudaFuncGetParamInfo(add_kernel(), 0, &offset, &size));
  CHECK((offset == 0 && size == sizeof(int*)));
  CHECK_OK(cudaFuncGetParamInfo(add_kernel(), 2, &offset, &size));
  CHECK((offset == 12 && size == sizeof(int)));
  CHECK_ERROR(cudaFuncGetParamInfo(add_kernel(), 3, &offset, &size), cudaErrorInvalidValue);
  CHECK_ERROR(cudaFuncGetParamInfo(add_kernel(), 0, nullptr, &size), cudaErrorInvalidValue);
}

TEST_CASE("caches and banks of a kernel are preferences", "[runtime][launch]") {
  DeviceInts out(1);
  CHECK_OK(cudaFuncSetCacheConfig(add_kernel(), cudaFuncCachePreferL1));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  CHECK_OK(cudaFuncSetSharedMemConfig(add_kernel(), cudaSharedMemBankSizeFourByte));
#pragma GCC diagnostic pop
  launch_add(1, 1, nullptr, out, 20, 22);
  CHECK(out.first() == 42);
  CHECK_ERROR(cudaFuncSetCacheConfig(nullptr, cudaFuncCachePreferL1), cudaErrorInvalidDeviceFunction);
}

TEST_CASE("an attribute that is the compiler's is not set", "[runtime][launch]") {
  CHECK_OK(cudaFuncSetAttribute(wide_kernel(), cudaFuncAttributeMaxDynamicSharedMemorySize, 1024));
  CHECK_OK(cudaFuncSetAttribute(wide_kernel(), cudaFuncAttributePreferredSharedMemoryCarveout, 50));
  CHECK_ERROR(cudaFuncSetAttribute(wide_kernel(), static_cast<cudaFuncAttribute>(1), 1), cudaErrorInvalidValue);
  CHECK_ERROR(cudaFuncSetAttribute(wide_kernel(), cudaFuncAttributeMax, 1), cudaErrorInvalidValue);
}

TEST_CASE("a kernel's function is the driver's", "[runtime][launch]") {
  cudaFunction_t function = nullptr;
  const int none = 0;
  CHECK_OK(cudaGetFuncBySymbol(&function, add_kernel()));
  CHECK(function != nullptr);
  CHECK_ERROR(cudaGetFuncBySymbol(&function, &none), cudaErrorInvalidDeviceFunction);
}

TEST_CASE("a launch has attributes", "[runtime][launch]") {
  Stream stream;
  DeviceInts out(1);
  int* address = out;
  int a = 20;
  int b = 22;
  void* arguments[] = {&address, &a, &b};
  cudaLaunchAttribute attributes[2]{};
  attributes[0].id = cudaLaunchAttributeCooperative;
  attributes[0].val.cooperative = 1;
  attributes[1].id = cudaLaunchAttributePriority;
  cudaLaunchConfig_t config{};
  config.gridDim = config.blockDim = dim3(1);
  config.stream = stream;
  config.attrs = attributes;
  config.numAttrs = 2;
  CHECK_OK(cudaLaunchKernelExC(&config, add_kernel(), arguments));
  CHECK_OK(cudaStreamSynchronize(stream));
  CHECK(out.first() == 42);
  config.gridDim = dim3(0);
  CHECK_REFUSED(cudaLaunchKernelExC(&config, add_kernel(), arguments));
}

TEST_CASE("blocks of a kernel fit with flags, too", "[runtime][launch]") {
  int blocks = 0;
  CHECK_OK(cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(&blocks, add_kernel(), 32, 0,
                                                                  cudaOccupancyDisableCachingOverride));
  CHECK(blocks > 0);
  CHECK_ERROR(cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(&blocks, add_kernel(), 32, 0, 77),
              cudaErrorInvalidValue);
  CHECK_ERROR(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add_kernel(), 0, 0), cudaErrorInvalidValue);
}

TEST_CASE("clusters of a kernel fit where there are clusters", "[runtime][launch]") {
  int most = 0;
  int active = 0;
  cudaLaunchAttribute cluster{};
  cluster.id = cudaLaunchAttributeClusterDimension;
  cluster.val.clusterDim.x = 2;
  cluster.val.clusterDim.y = cluster.val.clusterDim.z = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(2);
  config.blockDim = dim3(32);
  config.attrs = &cluster;
  config.numAttrs = 1;
  if (attribute(cudaDevAttrClusterLaunch) == 0) {
    CHECK_REFUSED(cudaOccupancyMaxActiveClusters(&active, add_kernel(), &config));
    return;
  }
  CHECK_OK(cudaOccupancyMaxActiveClusters(&active, add_kernel(), &config));
  CHECK(active > 0);
  config.numAttrs = 0;
  CHECK_OK(cudaOccupancyMaxPotentialClusterSize(&most, add_kernel(), &config));
  CHECK(most >= 8);
}

TEST_CASE("an event is recorded with flags", "[runtime][event]") {
  Stream stream;
  cudaEvent_t event = nullptr;
  REQUIRE_OK(cudaEventCreate(&event));
  CHECK_OK(cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault));
  CHECK_OK(cudaEventSynchronize(event));
  CHECK_ERROR(cudaEventRecordWithFlags(event, stream, 0x77), cudaErrorInvalidValue);
  CHECK_OK(cudaEventDestroy(event));
}

TEST_CASE("attributes of a stream are set, read and copied", "[runtime][stream]") {
  Stream a;
  Stream b;
  cudaLaunchAttributeValue value{};
  value.syncPolicy = cudaSyncPolicyYield;
  CHECK_OK(cudaStreamSetAttribute(a, cudaLaunchAttributeSynchronizationPolicy, &value));
  value.syncPolicy = cudaSyncPolicyAuto;
  CHECK_OK(cudaStreamCopyAttributes(b, a));
  CHECK_OK(cudaStreamGetAttribute(b, cudaLaunchAttributeSynchronizationPolicy, &value));
  CHECK(value.syncPolicy == cudaSyncPolicyYield);
  CHECK_ERROR(cudaStreamSetAttribute(a, cudaLaunchAttributeClusterDimension, &value), cudaErrorInvalidValue);
}
