// SPDX-License-Identifier: Apache-2.0
#include "common/file_run.h"

#include <sys/mman.h>

#include "tests/support/test.h"

namespace vgpu {
namespace {

constexpr uint64_t kPage = 4096;

TEST_CASE("a slice of runs begins and ends inside of runs", "[unit]") {
  const std::vector<FileRun> runs = {{0, kPage}, {10 * kPage, 3 * kPage}, {5 * kPage, kPage}};
  const std::vector<FileRun> slice = slice_runs(runs, 2 * kPage, 3 * kPage);
  REQUIRE(slice.size() == 2);
  CHECK(slice[0] == FileRun{11 * kPage, 2 * kPage});
  CHECK(slice[1] == FileRun{5 * kPage, kPage});
  CHECK(slice_runs(runs, 5 * kPage, kPage).empty());
}

TEST_CASE("the sum of runs that would overflow is 0", "[unit]") {
  const std::vector<FileRun> runs = {{0, ~uint64_t{0}}, {0, kPage}};
  CHECK(total_bytes(runs) == 0);
}

TEST_CASE("runs are mapped one after another in the order of the list", "[unit]") {
  const UniqueFd file = create_memory_file("test", 4 * kPage).value();
  const Mapping whole = Mapping::shared(file.get(), 4 * kPage).value();
  for (size_t page = 0; page < 4; ++page) whole.data()[page * kPage] = static_cast<std::byte>(page);
  void* const room = ::mmap(nullptr, 3 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const Mapping view(room, 3 * kPage);
  const std::vector<FileRun> runs = {{3 * kPage, kPage}, {0, 2 * kPage}};
  REQUIRE(map_runs(room, file.get(), runs) == 0);
  CHECK(view.data()[0] == std::byte{3});
  CHECK(view.data()[kPage] == std::byte{0});
  CHECK(view.data()[2 * kPage] == std::byte{1});
}

TEST_CASE("a table of runs arrives as it was written", "[unit]") {
  const std::vector<FileRun> runs = {{kPage, kPage}, {0, kPage}};
  const UniqueFd table = write_run_table(runs).value();
  const std::vector<FileRun> read = read_run_table(table.get(), 2).value();
  REQUIRE(read.size() == 2);
  CHECK(read[0] == runs[0]);
  CHECK(read[1] == runs[1]);
}

TEST_CASE("a table of an impossible length is refused", "[unit]") {
  const UniqueFd table = write_run_table(std::vector<FileRun>{{0, kPage}}).value();
  CHECK_FALSE(read_run_table(table.get(), 0).ok());
  CHECK_FALSE(read_run_table(table.get(), ~uint64_t{0}).ok());
}

}  // namespace
}  // namespace vgpu
