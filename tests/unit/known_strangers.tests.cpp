// SPDX-License-Identifier: Apache-2.0
// Rows name exported symbols, not the header macros that rename them.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "libcuda/known_strangers.h"

#include "tests/support/test.h"
#include "vgpu/api/rows.h"

using vgpu::guest::KnownStrangers;
using vgpu::guest::leaves_addresses;

TEST_CASE("a stranger is known in its context until something changes", "[unit][known_strangers]") {
  KnownStrangers strangers;
  CHECK_FALSE(strangers.contains(0, 0, 0));
  strangers.add(0x7000, 1, 5);
  CHECK(strangers.contains(0x7000, 1, 5));
  CHECK_FALSE(strangers.contains(0x7001, 1, 5));
  CHECK_FALSE(strangers.contains(0x7000, 2, 5));
  CHECK_FALSE(strangers.contains(0x7000, 1, 6));
}

TEST_CASE("what allocates, maps or loads is no message that leaves addresses as they are", "[unit][known_strangers]") {
  namespace op = vgpu::api::opcode;
  CHECK(leaves_addresses(op::cuLaunchKernel));
  CHECK(leaves_addresses(op::cuPointerGetAttribute));
  for (const uint16_t opcode :
       {op::cuMemAlloc_v2, op::cuMemAllocAsync, op::cuMemMap, op::cuMemHostRegister_v2, op::cuModuleLoadData,
        op::cuIpcOpenMemHandle_v2, op::cuGraphLaunch, op::cuModuleGetGlobal_v2})
    CHECK_FALSE(leaves_addresses(opcode));
}
