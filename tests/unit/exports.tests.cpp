// SPDX-License-Identifier: Apache-2.0
#include "host/worker/exports.h"

#include <cerrno>
#include <cstring>

#include "tests/support/test.h"

namespace vgpu::host {
namespace {

// Numbers tokens, and remembers what is on offer.
class CountingBroker final : public ObjectBroker {
 public:
  int offer(wire::SharedObject& object, int) override {
    object.token = {{++offers, 7}};
    ++open;
    return refusal;
  }
  int claim(wire::SharedObject&, UniqueFd&) override {
    ++claims;
    return 0;
  }
  void withdraw(const wire::Token& token) override {
    last = token.word[0];
    --open;
  }

  uint64_t offers = 0, claims = 0, open = 0, last = 0;
  int refusal = 0;
};

wire::SharedObject memory(uint8_t byte) {
  wire::SharedObject object = {};
  object.kind = wire::ShareKind::memory;
  std::memset(object.bytes, byte, sizeof object.bytes);
  return object;
}

constexpr uint64_t kAddress = 0x1000;

TEST_CASE("an object that is exported again keeps its name", "[unit]") {
  CountingBroker broker;
  Exports exports(broker);
  wire::SharedName first = {}, second = {};
  CHECK(exports.offer(memory(1), -1, kAddress, first) == 0);
  CHECK(exports.offer(memory(1), -1, kAddress, second) == 0);
  CHECK(first.token == second.token);
  CHECK(broker.offers == 1);
}

TEST_CASE("another object at the same address gets a new name, and the old one is withdrawn", "[unit]") {
  CountingBroker broker;
  Exports exports(broker);
  wire::SharedName first = {}, second = {};
  CHECK(exports.offer(memory(1), -1, kAddress, first) == 0);
  CHECK(exports.offer(memory(2), -1, kAddress, second) == 0);
  CHECK_FALSE(first.token == second.token);
  CHECK(broker.last == first.token.word[0]);
  CHECK(broker.open == 1);
}

TEST_CASE("what is freed is withdrawn, once", "[unit]") {
  CountingBroker broker;
  Exports exports(broker);
  wire::SharedName name = {};
  CHECK(exports.offer(memory(1), -1, kAddress, name) == 0);
  exports.forget(wire::ShareKind::event, kAddress);
  CHECK(broker.open == 1);
  exports.forget(wire::ShareKind::memory, kAddress);
  exports.forget(wire::ShareKind::memory, kAddress);
  CHECK(broker.open == 0);
}

TEST_CASE("a guest withdraws nothing but its own descriptors' exports", "[unit]") {
  CountingBroker broker;
  Exports exports(broker);
  wire::SharedName name = {};
  CHECK(exports.offer(memory(1), -1, 0, name) == 0);
  exports.withdraw({{99, 99}});
  CHECK(broker.open == 1);
  exports.withdraw(name.token);
  exports.withdraw(name.token);
  CHECK(broker.open == 0);
}

TEST_CASE("what is no name, or one of another kind, is not claimed", "[unit]") {
  CountingBroker broker;
  Exports exports(broker);
  wire::SharedObject object = {};
  UniqueFd file;
  wire::SharedName name = {wire::kSharedNameMagic, {{1, 2}}, wire::ShareKind::memory, 0};
  CHECK(exports.claim(name, wire::ShareKind::event, object, file) == EINVAL);
  name.magic ^= 1;
  CHECK(exports.claim(name, wire::ShareKind::memory, object, file) == EINVAL);
  name.magic ^= 1;
  name.reserved = 1;
  CHECK(exports.claim(name, wire::ShareKind::memory, object, file) == EINVAL);
  CHECK(broker.claims == 0);
  name.reserved = 0;
  CHECK(exports.claim(name, wire::ShareKind::memory, object, file) == 0);
}

TEST_CASE("a refused offer leaves no name behind", "[unit]") {
  CountingBroker broker;
  broker.refusal = ENOSPC;
  Exports exports(broker);
  wire::SharedName name = {};
  CHECK(exports.offer(memory(1), -1, kAddress, name) == ENOSPC);
  broker.refusal = 0;
  CHECK(exports.offer(memory(1), -1, kAddress, name) == 0);
  CHECK(broker.offers == 2);
}

}  // namespace
}  // namespace vgpu::host
