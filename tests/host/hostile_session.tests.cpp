// SPDX-License-Identifier: Apache-2.0
// Clients whose commands are well formed and whose contents are not: host pointers, launches, code images.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/contract/kernels.h"
#include "tests/host/hostile_client.h"
#include "tests/support/row_arguments.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;
namespace op = vgpu::api::opcode;

TEST_CASE("a primary context that was named before it was there is current once it is", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.is_open());
    client.context = handle::primary_context(0);
    CHECK(client.allocate(4096) == 0);
    CHECK(client.retain_context());
    CHECK(client.allocate(4096) != 0);
    CHECK(client.call(op::cuDevicePrimaryCtxReset_v2, pack(int32_t{0})).result == CUDA_SUCCESS);
    CHECK(client.allocate(4096) == 0);
    CHECK(client.retain_context());
    CHECK(client.allocate(4096) != 0);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("copies from and to addresses that are not shared are refused", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const uint64_t memory = client.allocate(4096);
    const uint64_t forms[] = {op::cuMemcpyHtoD_v2, op::cuMemcpyHtoDAsync_v2,
                              op::cuMemcpyDtoH_v2, op::cuMemcpyDtoHAsync_v2,
                              op::cuMemcpy,        op::cuMemcpyAsync};
    for (const uint64_t address : kWorkerAddresses)
      for (const uint64_t form : forms) {
        INFO("opcode " << form << " address " << std::hex << address);
        const auto opcode = static_cast<uint16_t>(form);
        CHECK(refused(client.call(opcode, pack(copy_of(memory, address, 64, wire::HostSide::none)))));
        CHECK(refused(client.call(opcode, pack(copy_of(address, memory, 64, wire::HostSide::none)))));
      }
    CHECK(client.call(wire::kStatistics, {}).arrived);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("device calls do not reach the worker's own memory", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const CUdeviceptr memory = client.allocate(4096);
    for (const CUdeviceptr address : kWorkerAddresses) {
      INFO("address " << std::hex << address);
      CHECK(client.row(api::spec::cuMemcpyDtoD_v2, memory, address, size_t{64}) != CUDA_SUCCESS);
      CHECK(client.row(api::spec::cuMemcpyDtoD_v2, address, memory, size_t{64}) != CUDA_SUCCESS);
      CHECK(client.row(api::spec::cuMemsetD8_v2, address, static_cast<unsigned char>(1), size_t{64}) != CUDA_SUCCESS);
      CHECK(client.row(api::spec::cuMemsetD32Async, address, 1u, size_t{64}, CUstream{}) != CUDA_SUCCESS);
      CHECK(client.row(api::spec::cuStreamWriteValue32_v2, CUstream{}, address, cuuint32_t{1}, 0u) != CUDA_SUCCESS);
      CHECK(refused(client.call(op::cuMemHostRegister_v2, pack(uint64_t{address}, uint64_t{4096}, uint32_t{0}))));
      CHECK(refused(client.call(op::cuMemHostUnregister, pack(uint64_t{address}))));
    }
    CHECK(client.row(api::spec::cuMemcpyDtoD_v2, memory, memory + 4090, size_t{64}) != CUDA_SUCCESS);
    CHECK(client.row(api::spec::cuMemsetD8_v2, memory, static_cast<unsigned char>(1), ~size_t{0}) != CUDA_SUCCESS);
    CHECK(client.call(wire::kStatistics, {}).arrived);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("staging chunks and inline data that do not exist are refused", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const uint64_t memory = client.allocate(4 << 20);
    wire::Copy copy = copy_of(memory, 0, 64, wire::HostSide::window);
    copy.chunk = ring::kChunks, copy.release_chunk = 1;
    CHECK(client.call(op::cuMemcpyHtoD_v2, pack(copy)).malformed());
    copy.chunk = 0xffffffff;
    CHECK(client.call(op::cuMemcpyHtoD_v2, pack(copy)).malformed());
    copy.chunk = 0, copy.bytes = ring::kChunkBytes + 1;
    CHECK(client.call(op::cuMemcpyHtoD_v2, pack(copy)).malformed());
    copy.bytes = ~uint64_t{0};
    CHECK(client.call(op::cuMemcpyHtoD_v2, pack(copy)).malformed());
    copy = copy_of(memory, 0, 64, wire::HostSide::inline_data);
    CHECK(client.call(op::cuMemcpyHtoD_v2, pack(copy)).malformed());  // no data follows
    copy = copy_of(0, memory, ~uint64_t{0}, wire::HostSide::inline_data);
    CHECK(client.call(op::cuMemcpyDtoH_v2, pack(copy)).malformed());
    copy = copy_of(memory, 0, 64, static_cast<wire::HostSide>(99));
    CHECK(client.call(op::cuMemcpyHtoD_v2, pack(copy)).malformed());
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("boxes whose host side lies outside of shared pages are refused", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const uint64_t memory = client.allocate(1 << 20);
    wire::CopyBox box = {};
    box.source_type = CU_MEMORYTYPE_HOST, box.destination_type = CU_MEMORYTYPE_DEVICE;
    box.destination_device = memory, box.destination_pitch = 64;
    box.width = 64, box.height = 4, box.depth = 1, box.source_pitch = 64;
    for (const uint64_t address : kWorkerAddresses) {
      box.source_host = address;
      CHECK(refused(client.call(op::cuMemcpy2D_v2, pack(box))));
      CHECK(refused(client.call(op::cuMemcpy3D_v2, pack(box))));
    }
    // Into the window, and out of it again at its end or by overflow.
    box.source_in_window = 1;
    for (const uint64_t offset : {uint64_t{ring::kChunks} * ring::kChunkBytes - 10, ~uint64_t{0}}) {
      box.source_host = offset;
      CHECK(refused(client.call(op::cuMemcpy2D_v2, pack(box))));
    }
    box.source_host = 0, box.source_pitch = ~uint64_t{0} / 2;
    CHECK(refused(client.call(op::cuMemcpy2D_v2, pack(box))));
    box.source_pitch = 64, box.height = ~uint64_t{0}, box.depth = ~uint64_t{0};
    CHECK(refused(client.call(op::cuMemcpy3D_v2, pack(box))));
    // Unified: the driver would find out by itself what the address is.
    box = {};
    box.source_type = CU_MEMORYTYPE_UNIFIED, box.destination_type = CU_MEMORYTYPE_DEVICE;
    box.destination_device = memory, box.destination_pitch = 64, box.width = 64, box.height = 4, box.depth = 1;
    box.source_pitch = 64;
    for (const uint64_t address : kWorkerAddresses) {
      box.source_device = address;
      INFO("unified " << std::hex << address);
      CHECK(refused(client.call(op::cuMemcpy2D_v2, pack(box))));
    }
    CHECK(client.call(wire::kStatistics, {}).arrived);
  }
  CHECK(scene.damage() == "");
}

namespace {

constexpr uint64_t kAddress = 0x300000000000, kBytes = 1 << 16;

// A client with device memory, which shares kBytes at kAddress with its worker.
struct PageSharer {
  explicit PageSharer(Scene& scene) : client(scene.attacker()) {
    REQUIRE(client.retain_context());
    memory = client.allocate(1 << 20);
    file = create_memory_file("hostile", kBytes).value();
    REQUIRE(client.map(file.get(), kAddress, kBytes) == 0);
  }

  RawClient client;
  uint64_t memory = 0;
  UniqueFd file;
};

}  // namespace

TEST_CASE("boxes that leave shared pages where rows or layers have no length of their own are refused", "[hostile]") {
  Scene scene;
  {
    PageSharer sharer(scene);
    RawClient& client = sharer.client;
    const uint64_t memory = sharer.memory;
    wire::CopyBox box = {};
    box.source_type = CU_MEMORYTYPE_HOST, box.destination_type = CU_MEMORYTYPE_DEVICE;
    box.source_host = kAddress, box.destination_device = memory, box.destination_pitch = 256;
    box.width = 64, box.height = 4, box.depth = 1;
    // The rows are packed, and as long as what is left out of each and what is copied.
    CHECK(client.call(op::cuMemcpy2D_v2, pack(box)).result == CUDA_SUCCESS);
    box.source_y = kBytes / 64 - 4;
    CHECK(client.call(op::cuMemcpy2D_v2, pack(box)).result == CUDA_SUCCESS);
    box.source_y = kBytes / 64 - 3;
    CHECK(refused(client.call(op::cuMemcpy2D_v2, pack(box))));
    box.source_y = 0, box.source_x = kBytes / 4;
    CHECK(refused(client.call(op::cuMemcpy2D_v2, pack(box))));
    box.source_x = 0, box.source_z = kBytes / 256;
    CHECK(refused(client.call(op::cuMemcpy3D_v2, pack(box))));
    box.source_y = 60, box.source_z = 8, box.source_pitch = 128;
    CHECK(refused(client.call(op::cuMemcpy3D_v2, pack(box))));
    // The other way round, and where the driver has to find out what the address is.
    box.source_y = kBytes / 64, box.source_z = 0, box.source_pitch = 0;
    box.source_type = CU_MEMORYTYPE_UNIFIED, box.source_device = kAddress;
    CHECK(refused(client.call(op::cuMemcpy2D_v2, pack(box))));
    box = {};
    box.source_type = CU_MEMORYTYPE_DEVICE, box.source_device = memory, box.source_pitch = 256;
    box.destination_type = CU_MEMORYTYPE_HOST, box.destination_host = kAddress, box.destination_y = kBytes / 64;
    box.width = 64, box.height = 4, box.depth = 1;
    CHECK(refused(client.call(op::cuMemcpy2D_v2, pack(box))));
    CHECK(client.call(wire::kStatistics, {}).arrived);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a flat box has no layers that its check could be led astray with", "[hostile]") {
  const uint16_t opcode = GENERATE(uint16_t{op::cuMemcpy2D_v2}, uint16_t{op::cuMemcpy2DAsync_v2});
  Scene scene;
  {
    PageSharer sharer(scene);
    RawClient& client = sharer.client;
    const uint64_t memory = sharer.memory;
    wire::CopyBox box = {};
    box.source_type = CU_MEMORYTYPE_HOST, box.destination_type = CU_MEMORYTYPE_DEVICE;
    box.destination_device = memory, box.destination_pitch = box.source_pitch = 256;
    box.width = 64, box.height = 4;
    // Nothing to be copied, says the depth, and so it may begin at the last byte.
    box.source_host = kAddress + kBytes - 1;
    CHECK(refused(client.call(opcode, pack(box))));
    // It begins in shared pages, says the layer.
    box.source_host = kAddress - (1 << 20);
    box.depth = 1, box.source_height = 1 << 12, box.source_z = 1;
    CHECK(refused(client.call(opcode, pack(box))));
    CHECK(client.call(wire::kStatistics, {}).arrived);
    CHECK(client.row(api::spec::cuCtxSynchronize) == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a captured copy does not keep a pointer into a message", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const uint64_t memory = client.allocate(4096);
    CUstream stream = nullptr;
    REQUIRE(client.row(api::spec::cuStreamCreate, &stream, 0u) == CUDA_SUCCESS);
    wire::Copy copy = copy_of(memory, 0, 64, wire::HostSide::inline_data);
    std::memcpy(&copy.stream, &stream, sizeof stream);
    REQUIRE(client.row(api::spec::cuStreamBeginCapture_v2, stream, CU_STREAM_CAPTURE_MODE_RELAXED) == CUDA_SUCCESS);
    CHECK(refused(client.call(op::cuMemcpyHtoDAsync_v2, pack(copy) + Bytes(64))));
    copy = copy_of(0, memory, 64, wire::HostSide::inline_data);
    std::memcpy(&copy.stream, &stream, sizeof stream);
    CHECK(refused(client.call(op::cuMemcpyDtoHAsync_v2, pack(copy))));
    CHECK(client.call(wire::kStatistics, {}).arrived);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a captured launch that is refused makes its capture invalid, which tells it", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const uint64_t memory = client.allocate(4096);
    wire::Launch launch = {};
    launch.function = client.function(client.load(contract::kBasicPtx), "fill");
    launch.grid[0] = launch.grid[1] = launch.grid[2] = launch.block[1] = launch.block[2] = 1;
    launch.block[0] = 4096;
    const Bytes parameters = pack(memory, uint32_t{1}, uint32_t{4});
    launch.parameter_bytes = static_cast<uint32_t>(parameters.size());
    CUstream stream = nullptr;
    REQUIRE(client.row(api::spec::cuStreamCreate, &stream, 0u) == CUDA_SUCCESS);
    std::memcpy(&launch.stream, &stream, sizeof stream);
    CHECK(refused(client.call(wire::kCapturedLaunch, pack(launch) + parameters)));
    CHECK(client.call(wire::kCapturedLaunch, pack(launch)).malformed());
    REQUIRE(client.row(api::spec::cuStreamBeginCapture_v2, stream, CU_STREAM_CAPTURE_MODE_RELAXED) == CUDA_SUCCESS);
    client.post(wire::kCapturedLaunch, pack(launch) + parameters);
    CUstreamCaptureStatus state = CU_STREAM_CAPTURE_STATUS_NONE;
    CHECK(client.row(api::spec::cuStreamIsCapturing, stream, &state) == CUDA_SUCCESS);
    CHECK(state == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    CUgraph graph = nullptr;
    CHECK(client.row(api::spec::cuStreamEndCapture, stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    launch.stream = memory;
    CHECK(refused(client.call(wire::kCapturedLaunch, pack(launch) + parameters)));
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("launches with too few or too many parameter bytes are refused", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const uint64_t memory = client.allocate(4096);
    const uint64_t fill = client.function(client.load(contract::kBasicPtx), "fill");
    REQUIRE(fill != 0);
    const Bytes good = pack(memory, uint32_t{1}, uint32_t{4});
    CHECK(client.launch(fill, good).result == CUDA_SUCCESS);
    for (size_t length = 0; length < good.size(); ++length) {
      // A driver may take a short buffer for one whose rest is zero; it must not read on behind it.
      INFO(length);
      CHECK(client.launch(fill, Bytes(good.begin(), good.begin() + static_cast<ptrdiff_t>(length))).arrived);
    }
    CHECK(refused(client.launch(fill, {})));
    CHECK(refused(client.launch(fill, good + Bytes(1))));
    CHECK(refused(client.launch(0, good)));
    CHECK(refused(client.launch(memory, good)));
    wire::Launch lie = {};
    lie.function = fill, lie.parameter_bytes = 0xffffffff;
    CHECK(client.call(op::cuLaunchKernel, pack(lie)).malformed());
    lie.parameter_bytes = 0, lie.attribute_count = 0xffffffff;
    CHECK(client.call(op::cuLaunchKernelEx, pack(lie)).malformed());
    CHECK(client.call(op::cuLaunchKernel, pack(wire::Launch{}) + Bytes(5)).malformed());
    // Grids and blocks of any size are the driver's to judge.
    CHECK(refused(client.launch(fill, good, 1, 4096)));
    CHECK(refused(client.launch(fill, good, 0, 1)));
    CHECK(client.launch(fill, good).result == CUDA_SUCCESS);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("code images of random bytes fail to load, and the session goes on", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    Random random(41);
    const std::string beginnings[] = {"", std::string("\x50\xed\x55\xba", 4),
                                      "\x7f"
                                      "ELF",
                                      ".version 7.8\n.target sm_75\n"};
    for (int i = 0; i < 100; ++i) {
      std::string image = beginnings[i % 4] + std::string(random.below(3000), '\0');
      random.fill(reinterpret_cast<std::byte*>(image.data()) + beginnings[i % 4].size(),
                  image.size() - beginnings[i % 4].size());
      CHECK(client.load(image) == 0);
      REQUIRE(client.call(wire::kStatistics, {}).arrived);
    }
    // Damaged in one place: either it still is PTX, or it is refused.
    const std::string good = contract::kBasicPtx;
    for (int i = 0; i < 200; ++i) {
      std::string image = good;
      image[random.below(image.size())] = static_cast<char>(random.next());
      static_cast<void>(client.load(image));
      REQUIRE(client.call(wire::kStatistics, {}).arrived);
    }
    for (size_t length = 0; length < good.size(); length += 97) static_cast<void>(client.load(good.substr(0, length)));
    CHECK(refused(client.call(op::cuModuleLoadDataEx, pack(uint32_t{0}, ~uint64_t{0}))));
    CHECK(client.call(op::cuModuleLoadDataEx, pack(~uint32_t{0})).malformed());
    CHECK(client.load(good) != 0);
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("just-in-time options that are pointers do not let the driver follow them", "[hostile]") {
  Scene scene;
  RawClient client = scene.attacker();
  REQUIRE(client.retain_context());
  const std::string ptx = contract::kBasicPtx;
  Bytes image = pack(uint64_t{ptx.size()});
  codec::Writer(image).bytes(ptx.data(), ptx.size());
  codec::Writer(image).put(uint32_t{0});
  for (uint32_t id = 0; id < 40; ++id) {
    Bytes payload = pack(uint32_t{2}, wire::JitOption{id, 0, 0x1234}, wire::JitOption{id, 0, 0x100000000000});
    static_cast<void>(client.call(op::cuModuleLoadDataEx, payload + image));
    INFO("option " << id);
    CHECK(client.call(wire::kStatistics, {}).arrived);
  }
  // Logs named twice, of different sizes: none may be freed while the driver has it.
  Bytes twice = pack(uint32_t{4}, wire::JitOption{CU_JIT_ERROR_LOG_BUFFER, 0, 8},
                     wire::JitOption{CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 0, 8},
                     wire::JitOption{CU_JIT_ERROR_LOG_BUFFER, 0, 1 << 19},
                     wire::JitOption{CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 0, 1 << 19});
  static_cast<void>(
      client.call(op::cuModuleLoadDataEx, twice + pack(uint64_t{8}) + Bytes(8, std::byte{'x'}) + pack(uint32_t{0})));
  CHECK(client.call(wire::kStatistics, {}).arrived);
}

TEST_CASE("a shared file that shrinks under the worker costs its own session only", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    const uint64_t memory = client.allocate(1 << 16);
    const UniqueFd file(::memfd_create("vgpu-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    REQUIRE(::ftruncate(file.get(), 1 << 16) == 0);
    REQUIRE(client.map(file.get(), wire::kSharedBase, 1 << 16) == 0);
    REQUIRE(::ftruncate(file.get(), 0) == 0);
    const Reply reply =
        client.call(op::cuMemcpyHtoD_v2, pack(copy_of(memory, wire::kSharedBase, 1 << 16, wire::HostSide::none)));
    CHECK_FALSE((reply.arrived && reply.result == CUDA_SUCCESS));
  }
  CHECK(scene.damage() == "");
}
