// SPDX-License-Identifier: Apache-2.0
// NVML's calls on their way: every row's request and answer, and what a hostile end may send.
#include "common/nvml/reading.h"

#include <cstring>
#include <random>
#include <string>

#include "tests/support/test.h"
#include "vgpu/report.h"

namespace vgpu::nvml {
namespace {

uint32_t device_seven(nvmlDevice_t) { return 7; }

// Rows whose calls leave the guest, inner ones included.
std::vector<Call> travelling() {
  std::vector<Call> found;
  for (const std::span<const Call> rows : {calls(), inner_calls()})
    for (const Call& call : rows)
      if (call.path == Path::reading || call.path == Path::share) found.push_back(call);
  return found;
}

// Arguments as a program would pass them to any call: places that are large enough for everything.
struct Arguments {
  std::vector<std::byte> place[kMaxParams];
  unsigned count = 3;  // of lists
  Word argv[kMaxParams] = {};

  explicit Arguments(const Call& call, uint32_t size = 64) {
    int at = 0;
    for (int i = 0; i < call.params; ++i) {
      place[i].resize(kMaxStruct);
      const Word here = reinterpret_cast<Word>(place[i].data());
      const Role role = call.param[i].role;
      if (role == Role::sized) std::memcpy(place[i].data(), &size, sizeof size);
      if (role == Role::device) argv[at] = 0x1000;
      if (role == Role::value) argv[at] = call.param[i].limit - 1;
      if (role == Role::out || role == Role::sized || role == Role::text) argv[at] = here;
      if (role == Role::list) argv[at] = reinterpret_cast<Word>(&count);
      if (role == Role::fields) argv[at] = 2;
      if (role == Role::text) argv[at + 1] = 96;
      if (role == Role::list || role == Role::fields) argv[at + 1] = here;
      at += role == Role::text || role == Role::list || role == Role::fields ? 2 : 1;
    }
  }
};

std::vector<std::byte> request_of(const Call& call, const Arguments& arguments) {
  std::vector<std::byte> request;
  codec::Writer writer(request);
  put_request(call, arguments.argv, &device_seven, writer);
  return request;
}

std::optional<Prepared> prepare(std::span<const std::byte> request) {
  auto named = read_name(request);
  if (!named || named->call == nullptr) return std::nullopt;
  return Prepared::create(*named->call, named->parameters);
}

const Call& call_named(const char* name) {
  const Call* const call = find_call(name);
  REQUIRE(call != nullptr);
  return *call;
}

TEST_CASE("each name is found, and no other", "[unit][nvml]") {
  for (const Call& call : calls()) CHECK(find_call(call.name) == &call);
  for (const Call& call : inner_calls()) CHECK(find_call(call.name) == &call);
  CHECK(find_call("nvmlDeviceGetNothing") == nullptr);
  CHECK(find_call("") == nullptr);
}

TEST_CASE("every row that travels arrives as it was sent, and its results come back", "[unit][nvml]") {
  for (const Call& call : travelling()) {
    INFO(call.name);
    Arguments arguments(call);
    REQUIRE(check_arguments(call, arguments.argv) == NVML_SUCCESS);
    auto prepared = prepare(request_of(call, arguments));
    REQUIRE(prepared.has_value());
    for (const uint32_t device : prepared->devices()) CHECK(device == 7);
    // The host's library writes a byte everywhere.
    prepared->argv();
    for (int i = 0; i < call.params; ++i) {
      const Role role = call.param[i].role;
      if (role == Role::list) prepared->count(i) = 2;
      if (role == Role::text) std::memcpy(prepared->storage(i), "text", 5);
      else if (role != Role::sized) std::memset(prepared->storage(i), 0x5a, prepared->storage_bytes(i));
    }
    std::vector<std::byte> answer;
    codec::Writer writer(answer);
    prepared->put_answer(NVML_SUCCESS, writer);
    codec::Reader reader(answer);
    CHECK(take_answer(call, arguments.argv, reader) == NVML_SUCCESS);
    for (int i = 0; i < call.params; ++i) {
      if (call.param[i].role == Role::out) CHECK(arguments.place[i][call.param[i].bytes - 1] == std::byte{0x5a});
      if (call.param[i].role == Role::text) CHECK(std::memcmp(arguments.place[i].data(), "text", 5) == 0);
      if (call.param[i].role == Role::list) CHECK(arguments.count == 2);
    }
  }
}

TEST_CASE("a request that is cut off anywhere, or has more at its end, is refused", "[unit][nvml]") {
  for (const Call& call : travelling()) {
    INFO(call.name);
    std::vector<std::byte> request = request_of(call, Arguments(call));
    for (size_t length = 0; length < request.size(); ++length)
      CHECK_FALSE(prepare(std::span<const std::byte>(request).first(length)).has_value());
    request.push_back(std::byte{});
    CHECK_FALSE(prepare(request).has_value());
  }
}

TEST_CASE("an answer that is cut off anywhere, or has more at its end, is an unknown error", "[unit][nvml]") {
  for (const char* name : {"nvmlDeviceGetName", "nvmlDeviceGetMemoryInfo", "nvmlDeviceGetSupportedMemoryClocks",
                           "nvmlDeviceGetPciInfoExt", "nvmlDeviceGetFieldValues", "nvmlDeviceGetEccMode"}) {
    INFO(name);
    const Call& call = call_named(name);
    const Arguments arguments(call);
    auto prepared = prepare(request_of(call, arguments));
    REQUIRE(prepared.has_value());
    prepared->argv();
    for (int i = 0; i < call.params; ++i) prepared->count(i) = 2;
    std::vector<std::byte> answer;
    codec::Writer writer(answer);
    prepared->put_answer(NVML_SUCCESS, writer);
    for (size_t length = 0; length < answer.size(); ++length) {
      codec::Reader reader(std::span<const std::byte>(answer).first(length));
      CHECK(take_answer(call, arguments.argv, reader) == NVML_ERROR_UNKNOWN);
    }
    answer.push_back(std::byte{});
    codec::Reader reader(answer);
    CHECK(take_answer(call, arguments.argv, reader) == NVML_ERROR_UNKNOWN);
  }
}

TEST_CASE("answers of random bytes write nothing outside of their places", "[unit][nvml]") {
  std::mt19937 random(20260731);
  const std::vector<Call> rows = travelling();
  for (int round = 0; round < 2000; ++round) {
    const Call& call = rows[random() % rows.size()];
    Arguments arguments(call);
    std::vector<std::byte> answer(random() % 600);
    for (std::byte& byte : answer) byte = static_cast<std::byte>(random());
    // A result that is read on.
    if (answer.size() >= 4) std::memset(answer.data(), 0, 4);
    codec::Reader reader(answer);
    take_answer(call, arguments.argv, reader);
    for (int i = 0; i < call.params; ++i) {
      const Param& param = call.param[i];
      const size_t most = param.role == Role::list     ? 3 * param.bytes
                          : param.role == Role::fields ? 2 * param.bytes
                          : param.role == Role::text   ? 96
                          : param.role == Role::sized  ? 64
                                                       : param.bytes;
      for (size_t at = most; at < arguments.place[i].size(); at += 97) REQUIRE(arguments.place[i][at] == std::byte{});
    }
  }
}

TEST_CASE("null pointers and values that cannot be are refused before anything is sent", "[unit][nvml]") {
  const Call& power = call_named("nvmlDeviceGetPowerUsage");
  Arguments no_place(power);
  no_place.argv[1] = 0;
  CHECK(check_arguments(power, no_place.argv) == NVML_ERROR_INVALID_ARGUMENT);
  const Call& clock = call_named("nvmlDeviceGetClockInfo");
  Arguments no_clock(clock);
  no_clock.argv[1] = 4;
  CHECK(check_arguments(clock, no_clock.argv) == NVML_ERROR_INVALID_ARGUMENT);
  // The upper half of a register is not part of a 32-bit argument.
  no_clock.argv[1] = 0xdead000000000001;
  CHECK(check_arguments(clock, no_clock.argv) == NVML_SUCCESS);
}

TEST_CASE("a versioned struct without a version is a version mismatch", "[unit][nvml]") {
  const Call& call = call_named("nvmlDeviceGetMemoryInfo_v2");
  CHECK(check_arguments(call, Arguments(call, 0).argv) == NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
  CHECK(check_arguments(call, Arguments(call, kMaxStruct + 1).argv) == NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
  CHECK(check_arguments(call, Arguments(call, nvmlMemory_v2).argv) == NVML_SUCCESS);
}

// NVIDIA's library looks at fields of a struct before it looks at the version, and fills some structs in any case.
TEST_CASE("behind a versioned struct the host's library finds zeros, and room, and nothing of it travels",
          "[unit][nvml]") {
  constexpr uint32_t kUnknownVersion = 0x7f000004;
  const Call& call = call_named("nvmlDeviceGetTemperatureV");
  Arguments arguments(call, kUnknownVersion);
  std::memset(arguments.place[1].data() + 4, 0x5a, 100);
  auto prepared = prepare(request_of(call, arguments));
  REQUIRE(prepared.has_value());
  CHECK(prepared->storage_bytes(1) == 4);
  for (size_t at = 4; at < kMaxStruct; ++at) REQUIRE(prepared->storage(1)[at] == std::byte{});
  std::memset(prepared->storage(1), 0x33, kMaxStruct);
  std::vector<std::byte> answer;
  codec::Writer writer(answer);
  prepared->put_answer(NVML_SUCCESS, writer);
  CHECK(answer.size() == 8);
}

TEST_CASE("a struct that is larger than a request may be is asked for by its beginning, and comes back whole",
          "[unit][nvml]") {
  constexpr uint32_t kProfiles = 11256 | 1 << 24;
  const Call& call = call_named("nvmlDeviceWorkloadPowerProfileGetProfilesInfo");
  Arguments arguments(call, kProfiles);
  const auto request = request_of(call, arguments);
  CHECK(request.size() <= report::kMaxRequest);
  auto prepared = prepare(request);
  REQUIRE(prepared.has_value());
  std::memset(prepared->storage(1) + 4, 0x5a, 11252);
  std::vector<std::byte> answer;
  codec::Writer writer(answer);
  prepared->put_answer(NVML_SUCCESS, writer);
  codec::Reader reader(answer);
  REQUIRE(take_answer(call, arguments.argv, reader) == NVML_SUCCESS);
  CHECK((arguments.place[1][11255] == std::byte{0x5a} && arguments.place[1][11256] == std::byte{}));
}

TEST_CASE("a struct that is filled whatever its version says has its size in any case", "[unit][nvml]") {
  const Call& call = call_named("nvmlDeviceGetPlatformInfo");
  for (const uint32_t version : {0u, 0x7f000004u, 44u | 2u << 24}) {
    Arguments arguments(call, version);
    REQUIRE(check_arguments(call, arguments.argv) == NVML_SUCCESS);
    auto prepared = prepare(request_of(call, arguments));
    REQUIRE(prepared.has_value());
    CHECK(prepared->storage_bytes(1) == 44);
  }
}

TEST_CASE("a list without room for elements tells their number", "[unit][nvml]") {
  const Call& call = call_named("nvmlDeviceGetSupportedMemoryClocks");
  Arguments arguments(call);
  arguments.count = 0;
  arguments.argv[2] = 0;
  REQUIRE(check_arguments(call, arguments.argv) == NVML_SUCCESS);
  std::vector<std::byte> answer;
  codec::Writer writer(answer);
  writer.put(int32_t{NVML_SUCCESS});
  writer.put(uint32_t{2});
  writer.put(uint64_t{0});
  codec::Reader reader(answer);
  CHECK(take_answer(call, arguments.argv, reader) == NVML_ERROR_INSUFFICIENT_SIZE);
  CHECK(arguments.count == 2);
}

TEST_CASE("a text that does not fit is an insufficient size, and nothing is written", "[unit][nvml]") {
  const Call& call = call_named("nvmlDeviceGetName");
  Arguments arguments(call);
  arguments.argv[2] = 4;
  std::vector<std::byte> answer;
  codec::Writer writer(answer);
  writer.put(int32_t{NVML_SUCCESS});
  writer.string("card");
  codec::Reader reader(answer);
  CHECK(take_answer(call, arguments.argv, reader) == NVML_ERROR_INSUFFICIENT_SIZE);
  CHECK(arguments.place[1][0] == std::byte{});
}

TEST_CASE("a refusal carries no results", "[unit][nvml]") {
  const Call& call = call_named("nvmlDeviceGetName");
  const Arguments arguments(call);
  std::vector<std::byte> answer;
  codec::Writer writer(answer);
  put_refusal(NVML_ERROR_NOT_SUPPORTED, writer);
  codec::Reader reader(answer);
  CHECK(take_answer(call, arguments.argv, reader) == NVML_ERROR_NOT_SUPPORTED);
}

TEST_CASE("a list that is longer than promised is cut to what an answer may have", "[unit][nvml]") {
  const Call& call = call_named("nvmlDeviceGetSupportedMemoryClocks");
  auto prepared = prepare(request_of(call, Arguments(call)));
  REQUIRE(prepared.has_value());
  prepared->count(1) = ~0u;
  std::vector<std::byte> answer;
  codec::Writer writer(answer);
  prepared->put_answer(NVML_SUCCESS, writer);
  CHECK(answer.size() == 8 + kMaxElements * sizeof(unsigned));
}

}  // namespace
}  // namespace vgpu::nvml
