// SPDX-License-Identifier: Apache-2.0
// What traces say of a call's messages: with good ones, and with those that a guest made up.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "common/codec/call_text.h"

#include <random>

#include "common/api_names.h"
#include "tests/support/row_arguments.h"
#include "tests/support/test.h"
#include "vgpu/api/rows.h"

using namespace vgpu;
using namespace vgpu::test;
using codec::CallText;

namespace {

using Bytes = std::vector<std::byte>;

template <class... T>
Bytes pack(const T&... values) {
  Bytes out;
  codec::Writer writer(out);
  (writer.put(values), ...);
  return out;
}

CallText text_of(const Call& call) { return CallText(call, api::find_parameter_names(call.opcode)); }

std::string joined(const std::vector<codec::NamedText>& list) {
  std::string text;
  for (const auto& [name, value] : list) text += (text.empty() ? "" : ", ") + name + "=" + value;
  return text;
}

TEST_CASE("a call's arguments and results are told by name", "[unit][trace]") {
  CallText allocate = text_of(api::spec::cuMemAlloc_v2);
  CHECK(joined(allocate.request(pack(uint8_t{1}, uint64_t{4096}))) == "bytesize=4096");
  CHECK(joined(allocate.reply(pack(uint64_t{0x700000001000}))) == "dptr=0x700000001000");
  CallText without = text_of(api::spec::cuMemAlloc_v2);
  CHECK(joined(without.request(pack(uint8_t{0}, uint64_t{1}))) == "dptr=NULL, bytesize=1");
  CHECK(without.reply({}).empty());
  CallText create = text_of(api::spec::cuStreamCreateWithPriority);
  CHECK(joined(create.request(pack(uint8_t{1}, uint32_t{1}, int32_t{-5}))) == "flags=1, priority=-5");
  CHECK(joined(create.reply(pack(uint64_t{0xabc}))) == "phStream=0xabc");
}

TEST_CASE("strings are quoted, and cut", "[unit][trace]") {
  CHECK(codec::quoted_text("a \"b\" \\ \n\xff") == R"("a \"b\" \\ \x0a\xff")");
  CHECK(codec::quoted_text(std::string(1000, 'x')).size() < 80);
}

TEST_CASE("every call that its row carries can be told, and never from a message that was cut", "[unit][trace]") {
  Random random(1);
  for (uint16_t opcode = 0; opcode < 1024; ++opcode) {
    const Call* const call = api::find_row(opcode);
    if (call == nullptr || !call->carried_by_row() || call->path == Path::local || call->path == Path::refuse) continue;
    REQUIRE(api::find_call_name(opcode) == std::string(call->name));
    CAPTURE(call->name);
    RowArguments arguments(*call, random);
    Bytes message;
    codec::Writer writer(message);
    REQUIRE(codec::encode_request(*call, arguments.argv(), writer));
    CallText whole = text_of(*call);
    const auto told = whole.request(message);
    for (const auto& [name, text] : told) {
      CHECK_FALSE(name.empty());
      CHECK(text.size() < 400);
    }
    for (size_t length = 0; length < message.size(); ++length)
      CHECK(text_of(*call).request(std::span(message).first(length)).empty());
  }
}

TEST_CASE("what a guest makes up is told, or not, and harms nobody", "[unit][trace]") {
  std::mt19937 random(2);
  size_t told = 0;
  for (uint16_t opcode = 0; opcode < 1024; ++opcode) {
    const Call* const call = api::find_row(opcode);
    if (call == nullptr) continue;
    for (int round = 0; round < 16; ++round) {
      Bytes message(random() % 100);
      // Small numbers get further: as marks of presence, and as counts.
      for (std::byte& byte : message) byte = static_cast<std::byte>(random() % 4 != 0 ? random() % 2 : random());
      CallText text = text_of(*call);
      told += text.request(message).size() + text.reply(message).size();
    }
  }
  CHECK(told > 0);
}

}  // namespace
