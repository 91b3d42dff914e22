// SPDX-License-Identifier: Apache-2.0
#include "host/worker/kept_modules.h"

#include "tests/support/test.h"

namespace vgpu::host {
namespace {

constexpr uint64_t kContext = 1, kOther = 2;

std::vector<std::byte> image(uint64_t number) { return std::vector<std::byte>(100, static_cast<std::byte>(number)); }

// Loads an image that is the module's number, repeated.
void load(KeptModules& modules, uint64_t module, uint64_t context = kContext) {
  modules.loaded(context, module, image(module));
}

TEST_CASE("a module that was unloaded is given out for the same image, once", "[unit][kept-modules]") {
  KeptModules modules;
  load(modules, 7);
  CHECK(modules.revive(kContext, image(7)) == 0);
  CHECK(modules.unloads_nothing(7));
  CHECK(modules.unload(7, true) == 0);
  CHECK(modules.has(kContext, image(7)));
  CHECK(modules.revive(kContext, image(7)) == 7);
  CHECK(modules.revive(kContext, image(7)) == 0);
  CHECK(modules.unload(7, true) == 0);
}

TEST_CASE("another image, or another context, gets no module that is kept", "[unit][kept-modules]") {
  KeptModules modules;
  load(modules, 7);
  CHECK(modules.unload(7, true) == 0);
  std::vector<std::byte> longer = image(7);
  longer.push_back(std::byte{0});
  CHECK(modules.revive(kContext, image(8)) == 0);
  CHECK(modules.revive(kContext, longer) == 0);
  CHECK(modules.revive(kContext, std::span(longer).first(99)) == 0);
  CHECK(modules.revive(kOther, image(7)) == 0);
}

TEST_CASE("modules that nobody has told of are the driver's to unload", "[unit][kept-modules]") {
  KeptModules modules;
  CHECK_FALSE(modules.unloads_nothing(7));
  CHECK(modules.unload(7, true) == 7);
  modules.loaded(kContext, 8, std::vector<std::byte>(KeptModules::kMostBytes + 1));
  CHECK(modules.unload(8, true) == 8);
}

TEST_CASE("a module that may not be kept is forgotten", "[unit][kept-modules]") {
  KeptModules modules;
  load(modules, 7);
  modules.found(7, "f", 70);
  CHECK(modules.unload(7, false) == 7);
  CHECK(modules.revive(kContext, image(7)) == 0);
  CHECK(modules.find(7, "f") == 0);
}

TEST_CASE("a module whose function was changed is not kept", "[unit][kept-modules]") {
  KeptModules modules;
  load(modules, 7);
  modules.found(7, "f", 70);
  modules.told(70, image(1));
  modules.changed(7);
  CHECK_FALSE(modules.facts_of(70));
  CHECK(modules.find(7, "f") == 0);
  CHECK(modules.unload(7, true) == 7);
}

TEST_CASE("functions, and what is known of them, come back with their module", "[unit][kept-modules]") {
  KeptModules modules;
  load(modules, 7);
  modules.found(7, "f", 70);
  modules.told(70, image(1));
  CHECK(modules.find(7, "f") == 70);
  CHECK(modules.find(7, "g") == 0);
  CHECK(modules.facts_of(70) == image(1));
  CHECK(modules.unload(7, true) == 0);
  CHECK(modules.find(7, "f") == 0);
  CHECK_FALSE(modules.facts_of(70));
  CHECK(modules.revive(kContext, image(7)) == 7);
  CHECK(modules.find(7, "f") == 70);
  CHECK(modules.facts_of(70) == image(1));
}

TEST_CASE("the oldest leaves when too many are kept, in its own context only", "[unit][kept-modules]") {
  KeptModules modules;
  for (uint64_t module = 1; module <= KeptModules::kMostKept + 1; ++module) load(modules, module);
  load(modules, 100, kOther);
  for (uint64_t module = 1; module <= KeptModules::kMostKept; ++module) CHECK(modules.unload(module, true) == 0);
  CHECK_FALSE(modules.unloads_nothing(KeptModules::kMostKept + 1));
  CHECK(modules.unload(KeptModules::kMostKept + 1, true) == 1);
  CHECK_FALSE(modules.has(kContext, image(1)));
  CHECK(modules.has(kContext, image(2)));
  CHECK(modules.unload(100, true) == 100);
}

TEST_CASE("when memory runs out, what is kept in a context is taken", "[unit][kept-modules]") {
  KeptModules modules;
  load(modules, 1);
  load(modules, 2);
  load(modules, 3, kOther);
  for (const uint64_t module : {1, 2, 3}) CHECK(modules.unload(module, true) == 0);
  CHECK(modules.take_all(kContext) == std::vector<uint64_t>{1, 2});
  CHECK(modules.take_all(kContext).empty());
  CHECK(modules.has(kOther, image(3)));
}

TEST_CASE("modules die with their context, kept or not", "[unit][kept-modules]") {
  KeptModules modules;
  load(modules, 1);
  load(modules, 2);
  modules.found(2, "f", 20);
  modules.told(20, image(9));
  CHECK(modules.unload(1, true) == 0);
  modules.forget_context(kContext);
  CHECK_FALSE(modules.has(kContext, image(1)));
  CHECK_FALSE(modules.facts_of(20));
  CHECK(modules.unload(2, true) == 2);
}

}  // namespace
}  // namespace vgpu::host
