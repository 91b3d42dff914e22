// SPDX-License-Identifier: Apache-2.0
#include "libcuda/pointer_facts.h"

#include "tests/support/test.h"

using vgpu::guest::AllocationFacts;
using vgpu::guest::PointerFact;
using vgpu::guest::PointerFacts;
using State = PointerFact::State;

TEST_CASE("a fact about an allocation holds for all of its addresses and no other", "[unit][pointer_facts]") {
  PointerFacts facts;
  AllocationFacts device;
  device.set(CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 0x1000, {State::known, CU_MEMORYTYPE_DEVICE});
  facts.add(0x1000, 0x100, device);
  REQUIRE(facts.find(0x10ff).has_value());
  const PointerFact type = facts.find(0x10ff)->find(CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 0x10ff);
  CHECK(type.state == State::known);
  CHECK(type.value == CU_MEMORYTYPE_DEVICE);
  CHECK_FALSE(facts.find(0x1100).has_value());
  CHECK_FALSE(facts.find(0xfff).has_value());
  CHECK_FALSE(facts.find(0).has_value());
  CHECK_FALSE(facts.find(~uint64_t{0}).has_value());
}

TEST_CASE("a learnt pointer goes along with the address that is asked about", "[unit][pointer_facts]") {
  PointerFacts facts;
  facts.add(0x1000, 0x100, {});
  facts.learn(0x1010, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, {State::known, 0x9010});
  CHECK(facts.find(0x1020)->find(CU_POINTER_ATTRIBUTE_DEVICE_POINTER, 0x1020).value == 0x9020);
  facts.learn(0x1010, CU_POINTER_ATTRIBUTE_HOST_POINTER, {State::refused, 0});
  CHECK(facts.find(0x1000)->find(CU_POINTER_ATTRIBUTE_HOST_POINTER, 0x1000).state == State::refused);
  CHECK(facts.find(0x1000)->find(CU_POINTER_ATTRIBUTE_CONTEXT, 0x1000).state == State::unknown);
}

TEST_CASE("an attribute that may change is not kept", "[unit][pointer_facts]") {
  PointerFacts facts;
  facts.add(0x1000, 0x100, {});
  for (const CUpointer_attribute attribute :
       {CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, CU_POINTER_ATTRIBUTE_BUFFER_ID, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE,
        CU_POINTER_ATTRIBUTE_ACCESS_FLAGS, static_cast<CUpointer_attribute>(9999)}) {
    CHECK_FALSE(AllocationFacts::keeps(attribute));
    facts.learn(0x1000, attribute, {State::known, 1});
    CHECK(facts.find(0x1000)->find(attribute, 0x1000).state == State::unknown);
  }
}

TEST_CASE("facts end with their allocation", "[unit][pointer_facts]") {
  PointerFacts facts;
  facts.add(0, 16, {});
  facts.add(0x2000, 0, {});
  CHECK_FALSE(facts.find(0x2000).has_value());
  facts.add(0x1000, 16, {});
  facts.learn(0x1000, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, {State::known, 3});
  facts.add(0x1000, 32, {});
  CHECK(facts.find(0x1000)->find(CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, 0x1000).state == State::unknown);
  facts.remove(0x1008);
  CHECK(facts.find(0x1000).has_value());
  facts.remove(0x1000);
  CHECK_FALSE(facts.find(0x1000).has_value());
  facts.learn(0x1000, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, {State::known, 3});
  CHECK_FALSE(facts.find(0x1000).has_value());
  facts.add(0x1000, 16, {});
  facts.clear();
  CHECK_FALSE(facts.find(0x1000).has_value());
}
