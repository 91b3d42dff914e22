// SPDX-License-Identifier: Apache-2.0
// Requests and replies of every row that the codec interprets, made of random arguments. Used by api_rows*.tests.cpp.
#pragma once

#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "vgpu/api/rows.h"

#include <algorithm>
#include <map>
#include <span>

#include "tests/support/row_arguments.h"
#include "tests/support/test.h"

namespace vgpu::test {

using codec::Decoded;

inline constexpr uint16_t kOpcodes = 1024;

inline std::vector<const Call*> carried_rows() {
  std::vector<const Call*> rows;
  for (uint16_t opcode = 0; opcode < kOpcodes; ++opcode) {
    const Call* call = api::find_row(opcode);
    if (call != nullptr && call->path != Path::local && call->path != Path::refuse && call->carried_by_row())
      rows.push_back(call);
  }
  return rows;
}

using Bytes = std::vector<std::byte>;

inline Bytes encode(const Call& call, RowArguments& arguments) {
  Bytes message;
  codec::Writer writer(message);
  REQUIRE(codec::encode_request(call, arguments.argv(), writer));
  return message;
}

// Where parameter `index` begins in the message.
inline size_t offset_of(const Call& call, RowArguments& arguments, int index) {
  Call beginning = call;
  beginning.argc = static_cast<uint8_t>(index);
  return encode(beginning, arguments).size();
}

// A decoded request with everything that it points to.
struct Request {
  codec::Arena arena;
  MirrorHandles handles;
  codec::Arguments arguments;
  codec::DecodeResult result;

  Request(const Call& call, std::span<const std::byte> message) {
    codec::Reader reader(message);
    result = codec::decode_request(call, reader, handles, arena, arguments);
  }
  std::byte* pointer(int i) const {
    std::byte* out = nullptr;
    std::memcpy(&out, arguments.argv[i], sizeof out);
    return out;
  }
};

inline uint64_t word_at(const std::byte* from) {
  uint64_t value = 0;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// What a driver leaves behind its output pointers: random values, handles where handles belong. Returns what the
// program must then find, by argument.
inline std::map<int, Bytes> fill_outputs(const Call& call, Request& request, Random& random) {
  std::map<int, Bytes> expected;
  const auto fill = [&](int i, size_t size) {
    random.fill(request.pointer(i), size);
    expected[i].assign(request.pointer(i), request.pointer(i) + size);
  };
  for (int i = 0; i < call.argc; ++i) {
    const Param& param = call.param[i];
    if (!is_pointer(param.role) || request.pointer(i) == nullptr) continue;
    if (param.role == Role::out || param.role == Role::inout) fill(i, param.size);
    if (param.role == Role::sized_out)
      fill(i, param.size_of(
                  static_cast<int32_t>(word_at(static_cast<std::byte*>(request.arguments.argv[param.count_arg])))));
    if (param.role != Role::make && param.role != Role::borrow) continue;
    const uint64_t wire = random.handle(param.kind), real = wire ^ kMirror;
    std::memcpy(request.pointer(i), &real, sizeof real);
    expected[i].resize(sizeof wire);
    std::memcpy(expected[i].data(), &wire, sizeof wire);
  }
  for (int i = 0; i < call.argc; ++i) {
    const Param& param = call.param[i];
    if (param.role != Role::writes || request.pointer(i) == nullptr) continue;
    uint64_t count = request.arguments.capacity[i];
    if (param.count_is_pointer && request.pointer(param.count_arg) != nullptr) {
      // Arrays that share their count have the same capacity, so writing it again changes nothing.
      std::memcpy(request.pointer(param.count_arg), &count, param.count_size);
      std::memcpy(expected[param.count_arg].data(), &count, param.count_size);
    }
    Bytes& elements = expected[i];
    elements.resize(count * param.size);
    random.fill(elements.data(), elements.size());
    for (uint64_t e = 0; param.kind != Kind::none && e < count; ++e) {
      const uint64_t wire = random.handle(param.kind);
      std::memcpy(elements.data() + e * param.size, &wire, sizeof wire);
    }
    std::copy(elements.begin(), elements.end(), request.pointer(i));
    for (uint64_t e = 0; param.kind != Kind::none && e < count; ++e) {
      const uint64_t real = word_at(elements.data() + e * param.size) ^ kMirror;
      std::memcpy(request.pointer(i) + e * param.size, &real, sizeof real);
    }
  }
  return expected;
}

inline Bytes reply_to(const Call& call, Request& request) {
  Bytes reply;
  codec::Writer writer(reply);
  codec::encode_reply(call, request.arguments, request.handles, writer);
  return reply;
}

inline bool accept(const Call& call, std::span<const std::byte> reply, RowArguments& arguments) {
  codec::Reader reader(reply);
  RecordingObserver observer;
  return codec::decode_reply(call, reader, arguments.argv(), observer);
}

inline void put_word(Bytes& message, size_t at, uint64_t value) {
  std::memcpy(message.data() + at, &value, sizeof value);
}

inline Decoded status_of(const Call& call, std::span<const std::byte> message) {
  return Request(call, message).result.status;
}

}  // namespace vgpu::test
