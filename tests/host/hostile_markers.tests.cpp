// SPDX-License-Identifier: Apache-2.0
// Clients that ask for markers, words that the device writes, where there can be none.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include <unistd.h>

#include "tests/host/hostile_client.h"
#include "tests/support/row_arguments.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::test;
namespace op = vgpu::api::opcode;

TEST_CASE("markers that are out of range are malformed, and those that nobody can place are refused", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    CUstream stream = nullptr;
    CUevent event = nullptr;
    REQUIRE(client.row(api::spec::cuStreamCreate, &stream, unsigned{CU_STREAM_NON_BLOCKING}) == CUDA_SUCCESS);
    REQUIRE(client.row(api::spec::cuEventCreate, &event, unsigned{CU_EVENT_DISABLE_TIMING}) == CUDA_SUCCESS);
    uint64_t good = 0, recorded = 0;
    std::memcpy(&good, &stream, sizeof good);
    std::memcpy(&recorded, &event, sizeof recorded);
    using wire::Marker;
    for (const Marker bad : {Marker{good, ring::kMarkers, 1}, Marker{good, 0xffffffff, 1}, Marker{good, 0, 0},
                             Marker{good, 0, wire::kMarkerRefused}}) {
      CHECK(client.call(wire::kPlaceMarker, pack(bad)).malformed());
      CHECK(client.call(wire::kMarkedRecord, pack(recorded, bad)).malformed());
      CHECK(client.call(wire::kMarkedWait, pack(bad)).malformed());
    }
    CHECK(client.call(wire::kPlaceMarker, pack(good)).malformed());
    CHECK(client.call(wire::kMarkedRecord, pack(recorded)).malformed());
    CHECK(client.call(wire::kMarkedWait, pack(good)).malformed());

    const auto word = [&](uint32_t index) { return client.header().marker[index].load(); };
    CHECK(client.call(wire::kPlaceMarker, pack(Marker{recorded, 1, 5})).arrived);
    CHECK(word(1) == (5 | wire::kMarkerRefused));
    CHECK(client.call(wire::kMarkedRecord, pack(good, Marker{good, 2, 6})).result == CUDA_ERROR_INVALID_HANDLE);
    CHECK(word(2) == (6 | wire::kMarkerRefused));
    CHECK(client.call(wire::kMarkedRecord, pack(recorded, Marker{good, ring::kMarkers - 1, 7})).arrived);
    CHECK(eventually([&] { return word(ring::kMarkers - 1) == 7; }));
    CHECK(client.call(wire::kMarkedWait, pack(Marker{recorded, 5, 10})).arrived);
    CHECK(word(5) == (10 | wire::kMarkerRefused));
    CHECK(client.call(wire::kMarkedWait, pack(Marker{good, 6, 11})).arrived);
    CHECK(eventually([&] { return word(6) == 11; }));
    client.flags = ring::kHelper;
    CHECK(client.call(wire::kMarkedWait, pack(Marker{good, 6, 12})).malformed());
    client.flags = 0;
    // What it writes there itself deceives nobody else: the worker asks the driver.
    for (uint32_t i = 0; i < ring::kMarkers; ++i) client.header().marker[i] = 0xffffffff;
    CHECK(client.row(api::spec::cuEventQuery, event) == CUDA_SUCCESS);
    CHECK(client.row(api::spec::cuStreamSynchronize, stream) == CUDA_SUCCESS);
    // A context that died has taken its page along, and the next one gets one of its own.
    CHECK(client.row(api::spec::cuDevicePrimaryCtxReset_v2, 0) == CUDA_SUCCESS);
    client.context = 0;
    CHECK(client.call(wire::kPlaceMarker, pack(Marker{1, 3, 8})).arrived);
    CHECK(word(3) == (8 | wire::kMarkerRefused));
    REQUIRE(client.retain_context());
    CHECK(client.call(wire::kPlaceMarker, pack(Marker{1, 4, 9})).arrived);
    CHECK(eventually([&] { return word(4) == 9; }));
  }
  CHECK(scene.damage() == "");
}

TEST_CASE("a copy with a marker is made before the word is there, and refused where it may not be made", "[hostile]") {
  Scene scene;
  {
    RawClient client = scene.attacker();
    REQUIRE(client.retain_context());
    constexpr uint64_t kBase = wire::kSharedBase, kBytes = 4096;
    const UniqueFd file = create_memory_file("vgpu-test", kBytes).value();
    REQUIRE(client.map(file.get(), kBase, kBytes) == 0);
    REQUIRE(client.call(op::cuMemHostRegister_v2, pack(kBase, kBytes, uint32_t{0})).result == CUDA_SUCCESS);
    const uint64_t memory = client.allocate(kBytes);
    uint32_t word = 0;
    const auto copied = [&](const wire::Copy& copy, uint64_t call) {
      ++word;
      CHECK(client.call(wire::kMarkedCopy, pack(wire::MarkedCopy{copy, word, 7, call})).arrived);
      const auto present = [&] { return client.header().marker[word].load(); };
      CHECK(eventually([&] { return present() != 0; }));
      CHECK((present() == 7 || present() == (7 | wire::kMarkerRefused)));
      return present() == 7;
    };
    constexpr auto kNone = wire::HostSide::none;
    for (const uint64_t way : {uint64_t{op::cuMemcpyHtoD_v2}, uint64_t{op::cuMemcpy}}) {
      const uint32_t sent = 0x5eed0000 + static_cast<uint32_t>(way);
      REQUIRE(::pwrite(file.get(), &sent, sizeof sent, 0) == sizeof sent);
      CHECK(copied(copy_of(memory, kBase, sizeof sent, kNone), way));
      CHECK(copied(copy_of(kBase + 64, memory, sizeof sent, kNone), op::cuMemcpyDtoH_v2));
      uint32_t received = 0;
      REQUIRE(::pread(file.get(), &received, sizeof received, 64) == sizeof received);
      CHECK(received == sent);
    }
    for (const uint64_t address : kWorkerAddresses) {
      INFO("address " << std::hex << address);
      CHECK_FALSE(copied(copy_of(memory, address, 64, kNone), op::cuMemcpyHtoD_v2));
      CHECK_FALSE(copied(copy_of(address, memory, 64, kNone), op::cuMemcpyDtoH_v2));
      CHECK_FALSE(copied(copy_of(address, memory, 64, kNone), op::cuMemcpy));
    }
    wire::Copy elsewhere = copy_of(memory, kBase, 64, kNone);
    elsewhere.stream = memory;
    CHECK_FALSE(copied(elsewhere, op::cuMemcpyHtoD_v2));

    using wire::MarkedCopy;
    const wire::Copy good = copy_of(memory, kBase, 64, kNone);
    const auto malformed = [&](const MarkedCopy& message) {
      return client.call(wire::kMarkedCopy, pack(message)).malformed();
    };
    CHECK(malformed({good, ring::kMarkers, 1, op::cuMemcpyHtoD_v2}));
    CHECK(malformed({good, 0, 0, op::cuMemcpyHtoD_v2}));
    CHECK(malformed({good, 0, wire::kMarkerRefused, op::cuMemcpyHtoD_v2}));
    for (const uint64_t call : {uint64_t{op::cuMemcpyHtoDAsync_v2}, uint64_t{op::cuMemcpyAsync},
                                uint64_t{op::cuMemAlloc_v2}, uint64_t{op::cuMemcpyHtoD_v2} | 1 << 16, ~uint64_t{0}})
      CHECK(malformed({good, 0, 1, call}));
    for (const auto side : {wire::HostSide::inline_data, wire::HostSide::window, static_cast<wire::HostSide>(9)})
      CHECK(malformed({copy_of(memory, kBase, 64, side), 0, 1, op::cuMemcpyHtoD_v2}));
    CHECK(client.call(wire::kMarkedCopy, pack(good)).malformed());
    client.flags = ring::kHelper;
    CHECK(malformed({good, 0, 1, op::cuMemcpyHtoD_v2}));
    client.flags = 0;
    CHECK(client.header().marker[0].load() == 0);
  }
  CHECK(scene.damage() == "");
}
