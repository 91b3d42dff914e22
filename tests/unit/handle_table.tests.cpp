// SPDX-License-Identifier: Apache-2.0
#include "host/worker/handle_table.h"

#include <set>
#include <thread>
#include <vector>

#include "tests/support/test.h"

using namespace vgpu;
using host::HandleTable;

namespace {

bool resolves(const HandleTable& table, Kind kind, uint64_t wire) {
  uint64_t real = 0;
  return table.resolve(kind, wire, real);
}

uint64_t real_of(const HandleTable& table, Kind kind, uint64_t wire) {
  uint64_t real = 0;
  return table.resolve(kind, wire, real) ? real : 0;
}

}  // namespace

TEST_CASE("a handle resolves to what it was made for, as its own kind only", "[unit][handles]") {
  HandleTable table;
  const uint64_t stream = table.add(Kind::stream, 0x1000, 0);
  CHECK(real_of(table, Kind::stream, stream) == 0x1000);
  CHECK_FALSE(resolves(table, Kind::event, stream));
  CHECK(table.live() == 1);
}

TEST_CASE("a kernel is accepted as a function, and not the other way round", "[unit][handles]") {
  HandleTable table;
  const uint64_t kernel = table.add(Kind::kernel, 1, 0), function = table.add(Kind::function, 2, 0);
  CHECK(resolves(table, Kind::function, kernel));
  CHECK_FALSE(resolves(table, Kind::kernel, function));
}

TEST_CASE("a dropped handle is dead though its place is used again", "[unit][handles]") {
  HandleTable table;
  const uint64_t first = table.add(Kind::event, 1, 0);
  table.drop(first);
  const uint64_t second = table.add(Kind::event, 2, 0);
  CHECK(handle::index_of(first) == handle::index_of(second));
  CHECK_FALSE(resolves(table, Kind::event, first));
  CHECK(real_of(table, Kind::event, second) == 2);
}

TEST_CASE("no handle of 100000 that were made and dropped ever comes back", "[unit][handles]") {
  HandleTable table;
  std::set<uint64_t> seen;
  for (uint64_t i = 0; i < 100'000; ++i) {
    const uint64_t wire = table.add(Kind::event, i + 1, 0);
    REQUIRE(seen.insert(wire).second);  // more than a generation has numbers: places are retired
    table.drop(wire);
    REQUIRE_FALSE(resolves(table, Kind::event, wire));
  }
  CHECK(table.live() == 0);
}

TEST_CASE("children die with their owner, and theirs with them", "[unit][handles]") {
  HandleTable table;
  const uint64_t context = table.add(Kind::context, 1, 0);
  const uint64_t module = table.add(Kind::module, 2, context);
  const uint64_t function = table.add(Kind::function, 3, module);
  const uint64_t other = table.add(Kind::stream, 4, 0);
  table.drop(context);
  CHECK_FALSE(resolves(table, Kind::module, module));
  CHECK_FALSE(resolves(table, Kind::function, function));
  CHECK(resolves(table, Kind::stream, other));
  CHECK(table.live() == 1);
}

TEST_CASE("a child that died before its owner is not touched when its place is used again", "[unit][handles]") {
  HandleTable table;
  const uint64_t graph = table.add(Kind::graph, 1, 0);
  const uint64_t node = table.add(Kind::graph_node, 2, graph);
  table.drop(node);
  const uint64_t stream = table.add(Kind::stream, 3, 0);
  table.drop(graph);
  CHECK(real_of(table, Kind::stream, stream) == 3);
}

TEST_CASE("what is known already keeps its handle", "[unit][handles]") {
  HandleTable table;
  const uint64_t graph = table.find_or_add(Kind::graph, 0x10, 0);
  CHECK(table.find_or_add(Kind::graph, 0x10, 0) == graph);
  CHECK(table.find_or_add(Kind::event, 0x10, 0) != graph);
  table.drop(graph);
  CHECK(table.find_or_add(Kind::graph, 0x10, 0) != graph);
}

TEST_CASE("a reserved handle is dead until it is bound, and is bound once", "[unit][handles]") {
  HandleTable table;
  const uint64_t graph = table.add(Kind::graph, 1, 0);
  const std::vector<uint64_t> names = table.reserve(Kind::graph_node, 3);
  REQUIRE(names.size() == 3);
  CHECK(std::set<uint64_t>(names.begin(), names.end()).size() == 3);
  CHECK_FALSE(resolves(table, Kind::graph_node, names[0]));
  CHECK(table.live() == 1);
  CHECK(table.bind(names[0], 0x20, graph));
  CHECK(real_of(table, Kind::graph_node, names[0]) == 0x20);
  CHECK(table.handle_of(Kind::graph_node, 0x20) == names[0]);
  CHECK_FALSE(table.bind(names[0], 0x30, graph));
  CHECK(real_of(table, Kind::graph_node, names[0]) == 0x20);
  table.drop(graph);
  CHECK_FALSE(resolves(table, Kind::graph_node, names[0]));
}

TEST_CASE("a handle that was not reserved, or was given up, cannot be bound", "[unit][handles]") {
  HandleTable table;
  const uint64_t event = table.add(Kind::event, 1, 0);
  const uint64_t name = table.reserve(Kind::graph_node, 1).at(0);
  table.give_up(name);
  table.give_up(event);
  CHECK_FALSE(table.is_reserved(name));
  for (const uint64_t wire : {uint64_t{0}, ~uint64_t{0}, event, name, handle::make(Kind::graph_node, 999, 1)})
    CHECK_FALSE(table.bind(wire, 2, 0));
  CHECK(real_of(table, Kind::event, event) == 1);
  // Its place is used again, under another generation.
  const uint64_t next = table.add(Kind::graph_node, 3, 0);
  CHECK(handle::index_of(next) == handle::index_of(name));
  CHECK(next != name);
}

TEST_CASE("handles that are reserved and never bound do not fill the table", "[unit][handles]") {
  HandleTable table;
  size_t reserved = 0;
  for (int i = 0; i < 1000; ++i) reserved += table.reserve(Kind::graph_node, 64).size();
  CHECK(reserved == 4096);
  CHECK(table.add(Kind::event, 1, 0) != 0);
}

TEST_CASE("made-up handles resolve to nothing", "[unit][handles]") {
  HandleTable table;
  table.add(Kind::stream, 1, 0);
  for (const uint64_t wire :
       {uint64_t{0}, ~uint64_t{0}, uint64_t{1} << 63, handle::make(Kind::stream, handle::kMaxIndex, 1),
        handle::make(Kind::stream, handle::kPrimaryContexts, 2),
        handle::make(Kind::stream, handle::kPrimaryContexts, 1) + 1})
    for (int kind = 0; kind < static_cast<int>(Kind::count_); ++kind)
      CHECK_FALSE(resolves(table, static_cast<Kind>(kind), wire));
}

TEST_CASE("dropping what does not exist, or twice, changes nothing", "[unit][handles]") {
  HandleTable table;
  const uint64_t stream = table.add(Kind::stream, 1, 0);
  table.drop(handle::make(Kind::stream, 12345, 7));
  table.drop(~uint64_t{0});
  table.drop(0);
  CHECK(table.live() == 1);
  table.drop(stream);
  table.drop(stream);
  CHECK(table.live() == 0);
}

TEST_CASE("a primary context comes and goes under one handle and cannot be dropped", "[unit][handles]") {
  HandleTable table;
  const uint64_t primary = handle::primary_context(0);
  CHECK_FALSE(resolves(table, Kind::context, primary));
  table.set_primary(0, 0x77);
  const uint64_t stream = table.add(Kind::stream, 1, primary);
  table.drop(primary);
  CHECK(real_of(table, Kind::context, primary) == 0x77);
  table.set_primary(0, 0);
  CHECK_FALSE(resolves(table, Kind::context, primary));
  CHECK_FALSE(resolves(table, Kind::stream, stream));
}

TEST_CASE("a reader never sees the handle of something else while handles come and go", "[unit][handles]") {
  HandleTable table;
  std::atomic<uint64_t> current{0};
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> wrong{0};
  // Each real handle tells which wire handle it was made under, but for the generation, which is its lower half.
  std::thread reader([&] {
    while (!stop.load()) {
      const uint64_t wire = current.load();
      uint64_t real = 0;
      if (wire != 0 && table.resolve(Kind::event, wire, real) && real != handle::generation_of(wire))
        wrong.fetch_add(1);
    }
  });
  for (uint32_t i = 0; i < 20'000; ++i) {
    const uint64_t wire = table.add(Kind::event, i + 1, 0);
    if (i < handle::kMaxGeneration - 1) REQUIRE(handle::generation_of(wire) == i + 1);
    current.store(wire);
    table.drop(wire);
  }
  stop.store(true);
  reader.join();
  CHECK(wrong.load() == 0);
}
