// SPDX-License-Identifier: Apache-2.0
#include "common/face/md2.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "common/face/integrity.h"
#include "tests/support/test.h"

using namespace vgpu::face;

namespace {

std::vector<uint8_t> bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

std::string hex(const Md2Digest& digest) {
  std::string out;
  for (const uint8_t byte : digest) {
    char text[3];
    std::snprintf(text, sizeof text, "%02x", byte);
    out += text;
  }
  return out;
}

std::string md2(std::string_view text) {
  Md2 hash;
  hash.update(bytes_of(text));
  return hex(hash.finish());
}

}  // namespace

TEST_CASE("MD2 gives the digests of RFC 1319's test suite", "[unit]") {
  CHECK(md2("") == "8350e5a3e24c153df2275c9f80692773");
  CHECK(md2("a") == "32ec01ec4a6dac72c0ab96fb34c0b5d1");
  CHECK(md2("abc") == "da853b0d3f88d99b30283a69e6ded6bb");
  CHECK(md2("message digest") == "ab4f496bfb2a530b219ff33031fe06b0");
  CHECK(md2("abcdefghijklmnopqrstuvwxyz") == "4e8ddff3650292ab5a4108c3aa47940b");
  CHECK(md2("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == "da33def2a42df13975352846c30338cd");
  CHECK(md2("12345678901234567890123456789012345678901234567890123456789012345678901234567890") ==
        "d5976f79d83d3a0dc9806c3c66f3efd8");
}

TEST_CASE("MD2 does not care how a message is cut into pieces", "[unit]") {
  const std::vector<uint8_t> message = bytes_of("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
  Md2 hash;

  for (size_t at = 0; at < message.size(); at += 5)
    hash.update(std::span(message).subspan(at, std::min<size_t>(5, message.size() - at)));

  CHECK(hex(hash.finish()) == md2("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"));
}

TEST_CASE("a key longer than a block counts as its digest", "[unit]") {
  const std::vector<uint8_t> key = bytes_of("a key of more than sixteen bytes");
  const std::vector<uint8_t> message = bytes_of("message");
  Md2 hash;
  hash.update(key);

  const Md2Digest shortened = hash.finish();

  CHECK(hmac_md2(key, message) == hmac_md2(shortened, message));
}

TEST_CASE("HMAC is the hash of the outer key and the hash of the inner key and message", "[unit]") {
  // RFC 2104, 2, spelled out for a key of one block.
  const std::vector<uint8_t> key = bytes_of("0123456789abcdef");
  std::vector<uint8_t> inner, outer;
  for (const uint8_t byte : key) {
    inner.push_back(byte ^ 0x36);
    outer.push_back(byte ^ 0x5c);
  }
  const std::vector<uint8_t> message = bytes_of("what do ya want for nothing?");
  Md2 first, second;
  first.update(inner);
  first.update(message);
  second.update(outer);
  second.update(first.finish());

  CHECK(hmac_md2(key, message) == second.finish());
}

TEST_CASE("the integrity reply to versions that end in 0 and 1 depends on nothing else", "[unit]") {
  IntegrityFacts facts{};
  facts.runtime_version = 13000;
  CHECK(hex(integrity_reply(facts, {})) == "5c67cb031c184133e8d14c1faa83d38e");
  facts.process_id = 1;
  facts.runtime_version = 13001;
  CHECK(hex(integrity_reply(facts, {})) == "5c67cb031c184118e8d14c1faa83d38e");
}

TEST_CASE("the integrity reply to other versions depends on process and devices", "[unit]") {
  IntegrityFacts facts{};
  facts.runtime_version = 13002;
  const IntegrityDevice device{{}, 0, 1, 0};
  const Md2Digest plain = integrity_reply(facts, {});

  CHECK(integrity_reply(facts, {&device, 1}) != plain);
  facts.process_id = 7;
  CHECK(integrity_reply(facts, {}) != plain);
}
