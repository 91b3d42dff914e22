// SPDX-License-Identifier: Apache-2.0
// The handle table of the software GPU: what stale, foreign and made-up handles find.
#include <thread>
#include <vector>

#include "softgpu/driver/object.h"
#include "tests/support/test.h"

using namespace vgpu::soft;

namespace {

int live_things = 0;

class Thing final : public Object {
 public:
  using Handle = struct ThingHandle*;
  static constexpr Kind kKind = Kind::event;
  explicit Thing(int what) : Object(kKind), value(what) { ++live_things; }
  ~Thing() override { --live_things; }
  const int value;
};

class Other final : public Object {
 public:
  using Handle = struct OtherHandle*;
  static constexpr Kind kKind = Kind::stream;
  Other() : Object(kKind) {}
};

}  // namespace

TEST_CASE("a published object is found by its handle", "[unit][object]") {
  const Ref<Thing> thing = make_ref<Thing>(7);
  REQUIRE(publish(thing) != 0);
  const Ref<Thing> found = find<Thing>(handle_of(*thing));
  REQUIRE(found);
  CHECK(found->value == 7);
  CHECK(retire(thing));
}

TEST_CASE("a retired handle finds nothing and retires once", "[unit][object]") {
  const Ref<Thing> thing = make_ref<Thing>(1);
  publish(thing);
  CHECK(retire(thing));
  CHECK_FALSE(retire(thing));
  CHECK_FALSE(find<Thing>(handle_of(*thing)));
}

TEST_CASE("a handle of another kind finds nothing", "[unit][object]") {
  const Ref<Thing> thing = make_ref<Thing>(1);
  publish(thing);
  CHECK_FALSE(find<Other>(reinterpret_cast<Other::Handle>(handle_of(*thing))));
  CHECK(retire(thing));
}

TEST_CASE("made-up handles find nothing", "[unit][object]") {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{0x10}, ~uint64_t{0}, uint64_t{1} << 47})
    CHECK_FALSE(find<Thing>(reinterpret_cast<Thing::Handle>(value)));
}

TEST_CASE("handles are not reused", "[unit][object]") {
  const Ref<Thing> first = make_ref<Thing>(0);
  publish(first);
  const uint64_t stale = first->handle_value();
  retire(first);
  bool reused = false;
  for (int i = 0; i < 10000; ++i) {
    const Ref<Thing> next = make_ref<Thing>(i);
    reused |= publish(next) == stale;
    retire(next);
  }
  CHECK_FALSE(reused);
}

TEST_CASE("an object that was found outlives its handle", "[unit][object]") {
  const int before = live_things;
  Ref<Thing> thing = make_ref<Thing>(3);
  publish(thing);
  Ref<Thing> found = find<Thing>(handle_of(*thing));
  retire(thing);
  thing = nullptr;
  CHECK(found->value == 3);
  found = nullptr;
  CHECK(live_things == before);
}

TEST_CASE("threads may look up what another thread retires", "[unit][object]") {
  std::vector<Ref<Thing>> things;
  for (int i = 0; i < 1000; ++i) {
    things.push_back(make_ref<Thing>(i));
    publish(things.back());
  }
  bool wrong = false;
  std::thread reader([&] {
    for (int round = 0; round < 20; ++round)
      for (int i = 0; i < 1000; ++i)
        if (const Ref<Thing> found = find<Thing>(handle_of(*things[static_cast<size_t>(i)])))
          wrong |= found->value != i;
  });
  for (const Ref<Thing>& thing : things) retire(thing);
  reader.join();
  CHECK_FALSE(wrong);
}
