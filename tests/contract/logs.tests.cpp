// SPDX-License-Identifier: Apache-2.0
// The log of errors. CUDA driver API: Error Log Management Functions; CUDA Programming Guide: Error Log Management.
// What a message says is the driver's affair, but for the name of the call, which the guide shows in each.
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/contract/child.h"
#include "tests/contract/fixture.h"

namespace {

constexpr size_t kAllText = 25600;  // what the documentation calls the maximum

class Logs : public Gpu {
 public:
  Logs() {
    const CUresult result = cuLogsCurrent(&start, 0);
    kept = result != CUDA_ERROR_NOT_SUPPORTED;
    if (kept) REQUIRE(result == CUDA_SUCCESS);
  }

  // The guide's own example of a call that leaves a message.
  static void fail() {
    size_t size = 16;
    REQUIRE(cuLogsDumpToMemory(nullptr, nullptr, &size, 0) == CUDA_ERROR_INVALID_VALUE);
  }

  static std::string dump(CUlogIterator* from) {
    std::vector<char> text(kAllText + 1, 'x');
    size_t size = text.size();
    REQUIRE_CUDA(cuLogsDumpToMemory(from, text.data(), &size, 0));
    REQUIRE(size < text.size());
    if (size > 0) CHECK(text[size] == '\0');  // NVIDIA's driver leaves the buffer alone when there is nothing to say
    return {text.data(), size};
  }

  bool kept = false;
  CUlogIterator start = 0;
};

struct Told {
  std::atomic<int> times{0};
  std::atomic<CUlogLevel> level{CU_LOG_LEVEL_WARNING};
  std::atomic<size_t> length{0};
};

void hear(void* data, CUlogLevel level, char* message, size_t length) {
  auto* told = static_cast<Told*>(data);
  if (message == nullptr) return;
  told->level = level;
  told->length = length;
  ++told->times;
}

}  // namespace

TEST_CASE_METHOD(Logs, "a failed call leaves a message that names it", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  fail();
  CUlogIterator from = start;
  const std::string text = dump(&from);
  CHECK(text.find("[CUDA][E]") != std::string::npos);
  CHECK(text.find("cuLogsDumpToMemory") != std::string::npos);
}

TEST_CASE_METHOD(Logs, "dumping the log moves the iterator to its end", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  fail();
  CUlogIterator from = start, end = start;
  CHECK_FALSE(dump(&from).empty());
  REQUIRE_CUDA(cuLogsCurrent(&end, 0));
  CHECK(from == end);
  CHECK(dump(&from).empty());
}

TEST_CASE_METHOD(Logs, "without an iterator, all of the log is dumped", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  fail();
  CUlogIterator from = start;
  const std::string last = dump(&from);
  const std::string all = dump(nullptr);
  REQUIRE(all.size() >= last.size());
  CHECK(all.substr(all.size() - last.size()) == last);
}

TEST_CASE_METHOD(Logs, "a buffer without room for a message is refused", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  fail();
  CUlogIterator from = start;
  char little[4] = "abc";
  size_t size = sizeof little;
  CHECK(cuLogsDumpToMemory(&from, little, &size, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(size == 0);
}

TEST_CASE_METHOD(Logs, "a log that has overflown ends with the latest message", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  for (int i = 0; i < 500; ++i) fail();
  CUlogIterator latest = 0;
  REQUIRE_CUDA(cuLogsCurrent(&latest, 0));
  fail();
  const std::string last = dump(&latest);
  CUlogIterator from = start;
  const std::string text = dump(&from);
  REQUIRE(text.size() > last.size());
  CHECK(text.substr(text.size() - last.size()) == last);
}

TEST_CASE_METHOD(Logs, "the log is dumped to a file", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  fail();
  char path[] = "/tmp/contract-log-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  CUlogIterator from = start, same = start;
  std::string text = dump(&same);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const CUresult result = cuLogsDumpToFile(&from, path, 0);
  std::ifstream stream(path);
  const std::string written{std::istreambuf_iterator<char>(stream), {}};
  std::remove(path);
  close(file);
  REQUIRE(result == CUDA_SUCCESS);
  CHECK_FALSE(text.empty());
  CHECK(written.find(text) != std::string::npos);
  CHECK(from == same);
}

TEST_CASE_METHOD(Logs, "a callback hears of an error until it is taken back", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  Told told;
  CUlogsCallbackHandle handle = nullptr;
  REQUIRE_CUDA(cuLogsRegisterCallback(hear, &told, &handle));
  fail();
  CHECK(told.times > 0);
  CHECK(told.level == CU_LOG_LEVEL_ERROR);
  CHECK(told.length > 0);
  REQUIRE_CUDA(cuLogsUnregisterCallback(handle));
  const int before = told.times;
  fail();
  CHECK(told.times == before);
}

TEST_CASE_METHOD(Logs, "wrong calls about the log are refused", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  CUlogIterator from = start;
  char text[16];
  CHECK(cuLogsCurrent(nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuLogsDumpToMemory(&from, text, nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuLogsDumpToFile(&from, nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuLogsRegisterCallback(nullptr, nullptr, nullptr) == CUDA_ERROR_INVALID_VALUE);
  CHECK(from == start);
}

// The documentation reserves the flags; NVIDIA's driver (580) does not look at them.
TEST_CASE_METHOD(Logs, "flags of calls about the log mean nothing", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  fail();
  char path[] = "/tmp/contract-log-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  close(file);
  CUlogIterator end = start, from = start;
  CHECK_CUDA(cuLogsCurrent(&end, 1));
  CHECK_CUDA(cuLogsDumpToFile(&from, path, 1));
  std::remove(path);
  CHECK(end != start);
  CHECK(from == end);
}

TEST_CASE_METHOD(Logs, "CUDA_LOG_FILE names a file that errors are written to", "[contract][logs]") {
  if (!kept) SKIP("the driver keeps no log");
  char path[] = "/tmp/contract-log-XXXXXX";
  const int file = mkstemp(path);
  REQUIRE(file >= 0);
  close(file);
  const ChildResult child = run_child("child-log-file", {{"CUDA_LOG_FILE", path}});
  std::ifstream stream(path);
  const std::string written{std::istreambuf_iterator<char>(stream), {}};
  std::remove(path);
  INFO(child.output);
  REQUIRE(child.exit_code == 0);
  CHECK(written.find("cuLogsDumpToMemory") != std::string::npos);
}

TEST_CASE_METHOD(Logs, "child: an error with a log file", "[.][child-log-file]") {
  fail();
  CHECK(kept);
}
