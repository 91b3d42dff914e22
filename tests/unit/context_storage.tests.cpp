// SPDX-License-Identifier: Apache-2.0
#include "common/face/context_storage.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/test.h"

using namespace vgpu::face;

namespace {

// The store is one per process, so each test has contexts of its own. They are never dereferenced.
CUcontext new_context() {
  static std::atomic<uintptr_t> next{0x1000};
  return reinterpret_cast<CUcontext>(next += 0x10);
}

int keys[3];
int value;
std::vector<void*> destroyed;

void note_destroyed(CUcontext, void* key, void*) { destroyed.push_back(key); }

void remove_first(CUcontext context, void* key, void*) {
  destroyed.push_back(key);
  remove_storage(context, &keys[0]);
}

void put_another(CUcontext context, void* key, void*) {
  destroyed.push_back(key);
  put_storage(context, &keys[2], &value, note_destroyed);
}

void find_itself(CUcontext context, void* key, void*) {
  if (find_storage(context, key).has_value()) destroyed.push_back(key);
}

}  // namespace

TEST_CASE("storage that was put is found until it is removed", "[unit]") {
  const CUcontext context = new_context();
  REQUIRE(put_storage(context, &keys[0], &value, nullptr));
  CHECK(find_storage(context, &keys[0]) == &value);

  REQUIRE(remove_storage(context, &keys[0]));

  CHECK_FALSE(find_storage(context, &keys[0]).has_value());
  CHECK_FALSE(remove_storage(context, &keys[0]));
}

TEST_CASE("storage that holds NULL is found", "[unit]") {
  const CUcontext context = new_context();
  REQUIRE(put_storage(context, &keys[0], nullptr, nullptr));
  REQUIRE(find_storage(context, &keys[0]).has_value());
  CHECK(*find_storage(context, &keys[0]) == nullptr);
}

TEST_CASE("a second put under the same key is refused and keeps the first value", "[unit]") {
  const CUcontext context = new_context();
  REQUIRE(put_storage(context, &keys[0], &value, nullptr));
  CHECK_FALSE(put_storage(context, &keys[0], nullptr, nullptr));
  CHECK(find_storage(context, &keys[0]) == &value);
}

TEST_CASE("contexts do not see each other's storage", "[unit]") {
  const CUcontext one = new_context(), other = new_context();
  REQUIRE(put_storage(one, &keys[0], &value, nullptr));
  CHECK_FALSE(find_storage(other, &keys[0]).has_value());
}

TEST_CASE("a dying context's destructors run newest first", "[unit]") {
  const CUcontext context = new_context();
  for (int& key : keys) REQUIRE(put_storage(context, &key, &value, note_destroyed));
  destroyed.clear();

  destroy_storage(context);

  CHECK(destroyed == std::vector<void*>{&keys[2], &keys[1], &keys[0]});
  CHECK_FALSE(find_storage(context, &keys[0]).has_value());
}

TEST_CASE("storage without a destructor vanishes with its context", "[unit]") {
  const CUcontext context = new_context();
  REQUIRE(put_storage(context, &keys[0], &value, nullptr));
  REQUIRE(find_storage(context, &keys[0]).has_value());

  destroy_storage(context);

  CHECK_FALSE(find_storage(context, &keys[0]).has_value());
}

TEST_CASE("what a destructor removes is not destroyed", "[unit]") {
  const CUcontext context = new_context();
  REQUIRE(put_storage(context, &keys[0], &value, note_destroyed));
  REQUIRE(put_storage(context, &keys[1], &value, remove_first));
  destroyed.clear();

  destroy_storage(context);

  CHECK(destroyed == std::vector<void*>{&keys[1]});
}

TEST_CASE("what a destructor puts into its dying context is destroyed next", "[unit]") {
  const CUcontext context = new_context();
  REQUIRE(put_storage(context, &keys[0], &value, note_destroyed));
  REQUIRE(put_storage(context, &keys[1], &value, put_another));
  destroyed.clear();

  destroy_storage(context);

  CHECK(destroyed == std::vector<void*>{&keys[1], &keys[2], &keys[0]});
  CHECK_FALSE(find_storage(context, &keys[2]).has_value());
}

TEST_CASE("an entry is found until its destructor has returned", "[unit]") {
  const CUcontext context = new_context();
  REQUIRE(put_storage(context, &keys[0], &value, find_itself));
  destroyed.clear();

  destroy_storage(context);

  CHECK(destroyed == std::vector<void*>{&keys[0]});
  CHECK_FALSE(find_storage(context, &keys[0]).has_value());
}

TEST_CASE("a thread that has read a value sees its replacement by another thread", "[unit]") {
  const CUcontext context = new_context();
  int replacement = 0;
  REQUIRE(put_storage(context, &keys[0], &value, nullptr));
  REQUIRE(find_storage(context, &keys[0]) == &value);

  std::thread([&] {
    remove_storage(context, &keys[0]);
    put_storage(context, &keys[0], &replacement, nullptr);
  }).join();

  CHECK(find_storage(context, &keys[0]) == &replacement);
}
