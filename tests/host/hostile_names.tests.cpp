// SPDX-License-Identifier: Apache-2.0
// Clients that name things themselves, and that let the device copy while nobody stands by.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "tests/contract/kernels.h"
#include "tests/host/hostile_client.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;
namespace op = vgpu::api::opcode;

TEST_CASE("a node is only named by a handle that was reserved, and once", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const uint64_t function = client.function(client.load(contract::kBasicPtx), "empty");
    CUgraph graph = nullptr;
    REQUIRE(client.row(api::spec::cuGraphCreate, &graph, 0u) == CUDA_SUCCESS);
    uint64_t wire_graph = 0;
    std::memcpy(&wire_graph, &graph, sizeof graph);
    wire::KernelNode kernel = {};
    kernel.function = function;
    kernel.grid[0] = kernel.grid[1] = kernel.grid[2] = 1;
    kernel.block[0] = kernel.block[1] = kernel.block[2] = 1;
    const auto named = [&](uint64_t name, uint64_t in_graph) {
      return client.call(wire::kNamedKernelNode, pack(name, in_graph, uint64_t{0}, kernel));
    };

    const Reply reserved = client.call(wire::kReserveNodes, pack(uint32_t{1'000'000}));
    REQUIRE(reserved.result == CUDA_SUCCESS);
    codec::Reader names(reserved.data);
    REQUIRE(names.get<uint32_t>() == 64);
    const auto first = names.get<uint64_t>(), second = names.get<uint64_t>();
    for (const uint64_t made_up :
         {uint64_t{0}, ~uint64_t{0}, wire_graph, function, first + 1, scene.healthy.a_stream()})
      CHECK(named(made_up, wire_graph).malformed());
    CHECK(named(first, wire_graph).result == CUDA_SUCCESS);
    CHECK(named(first, wire_graph).malformed());
    // A name whose node could not be made is used up.
    CHECK(refused(named(second, function)));
    CHECK(named(second, wire_graph).malformed());
    size_t count = 0;
    CHECK(client.row(api::spec::cuGraphGetNodes, graph, static_cast<CUgraphNode*>(nullptr), &count) == CUDA_SUCCESS);
    CHECK(count == 1);
    CHECK(client.call(wire::kReserveNodes, pack(uint16_t{1})).malformed());
    // Reserving for ever gets nothing more after a while, and the session goes on.
    uint32_t got = 0;
    for (int i = 0; i < 200; ++i) {
      const Reply more = client.call(wire::kReserveNodes, pack(uint32_t{64}));
      got = codec::Reader(more.data).get<uint32_t>();
    }
    CHECK(got == 0);
    CHECK(client.allocate(4096) != 0);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a mapping of tiles names an array without memory, and memory that is there", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    CUDA_ARRAY3D_DESCRIPTOR shape = {64, 64, 0, CU_AD_FORMAT_FLOAT, 1, 0};
    CUarray array = nullptr;
    REQUIRE(client.row(api::spec::cuArray3DCreate_v2, &array, &shape) == CUDA_SUCCESS);
    CUarrayMapInfo mapping = {};
    mapping.resourceType = CU_RESOURCE_TYPE_ARRAY;
    mapping.resource.array = array;
    mapping.subresource.sparseLevel.extentWidth = mapping.subresource.sparseLevel.extentHeight = 64;
    mapping.subresource.sparseLevel.extentDepth = 1;
    mapping.memOperationType = CU_MEM_OPERATION_TYPE_MAP;
    mapping.deviceBitMask = 1;
    const auto map = [&](unsigned count = 1) {
      return client.row(api::spec::cuMemMapArrayAsync, &mapping, count, CUstream{});
    };
    CHECK(map() == CUDA_ERROR_INVALID_VALUE);
    CHECK(map(0) == CUDA_ERROR_INVALID_VALUE);
    mapping.memHandle.memHandle = reinterpret_cast<uintptr_t>(array);
    CHECK(map() != CUDA_SUCCESS);
    mapping.memHandle.memHandle = 0;
    mapping.resourceType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
    CHECK(map() == CUDA_ERROR_INVALID_HANDLE);
    mapping.resourceType = static_cast<CUresourcetype>(77);
    CHECK(map() == CUDA_ERROR_INVALID_VALUE);
    mapping.resourceType = CU_RESOURCE_TYPE_ARRAY;
    mapping.resource.array = nullptr;
    CHECK(map() == CUDA_ERROR_INVALID_VALUE);
    CHECK(client.row(api::spec::cuArrayDestroy, array) == CUDA_SUCCESS);
    mapping.resource.array = array;
    CHECK(map() == CUDA_ERROR_INVALID_HANDLE);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("large copies that the device makes by itself go nowhere else either", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    constexpr uint64_t kBytes = 1 << 20;
    const uint64_t memory = client.allocate(kBytes);
    client.flags = ring::kHelper | ring::kMayAsk;
    for (const uint64_t address :
         {uint64_t{0x100000000000}, uint64_t{0x7f0000000000}, uint64_t{4096}, ~uint64_t{0} - 100}) {
      wire::Copy copy = {};
      copy.bytes = kBytes;
      copy.destination = memory, copy.source = address;
      CHECK(refused(client.call(op::cuMemcpyHtoD_v2, pack(copy))));
      CHECK(refused(client.call(op::cuMemcpy, pack(copy))));
      copy.destination = address, copy.source = memory;
      CHECK(refused(client.call(op::cuMemcpyDtoH_v2, pack(copy))));
      CHECK(refused(client.call(op::cuMemcpy, pack(copy))));
    }
    wire::Copy piece = {};
    piece.source = memory, piece.bytes = 200'000, piece.host_side = wire::HostSide::window;
    CHECK(client.call(op::cuMemcpyDtoH_v2, pack(piece)).result == CUDA_SUCCESS);
    piece.chunk = ring::kChunks;
    CHECK(refused(client.call(op::cuMemcpyDtoH_v2, pack(piece))));
    piece.chunk = 0, piece.bytes = ring::kChunkBytes + 1;
    CHECK(refused(client.call(op::cuMemcpyDtoH_v2, pack(piece))));
    piece.bytes = 200'000, piece.stream = memory;
    CHECK(refused(client.call(op::cuMemcpyDtoH_v2, pack(piece))));
    piece.stream = 0, piece.source = memory + kBytes - 100;
    CHECK(refused(client.call(op::cuMemcpyDtoH_v2, pack(piece))));
  }
  CHECK(scene.damage() == "");
}
