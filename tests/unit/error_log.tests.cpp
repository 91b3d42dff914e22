// SPDX-License-Identifier: Apache-2.0
#include "libcuda/error_log.h"

#include <pthread.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/test.h"

using vgpu::guest::ErrorLog;

namespace {

std::string from_start(const ErrorLog& log, size_t most = SIZE_MAX) {
  CUlogIterator from = 0;
  return log.text(from, most);
}

size_t lines_of(const std::string& text) { return static_cast<size_t>(std::count(text.begin(), text.end(), '\n')); }

void count(void* data, CUlogLevel, char*, size_t) { ++*static_cast<int*>(data); }

struct Nested {
  ErrorLog* log;
  CUlogsCallbackHandle mine = nullptr, other = nullptr;
  int times = 0;
};

void fail_again(void* data, CUlogLevel, char*, size_t) {
  auto* nested = static_cast<Nested*>(data);
  ++nested->times;
  nested->log->note("cuNested", CUDA_ERROR_UNKNOWN);
  nested->log->remove(nested->mine);
  nested->log->remove(nested->other);
}

}  // namespace

TEST_CASE("a message says which call returned which error", "[unit][error_log]") {
  ErrorLog log;
  log.note("cuMemFree_v2", CUDA_ERROR_INVALID_VALUE);
  const std::string text = from_start(log);
  CHECK(text.find("[CUDA][E] Returning 1 (CUDA_ERROR_INVALID_VALUE) from cuMemFree_v2\n") != std::string::npos);
  CHECK(lines_of(text) == 1);
  CHECK(text.find("][" + std::to_string(pthread_self()) + "][CUDA]") != std::string::npos);
}

TEST_CASE("that something is not done yet is no error", "[unit][error_log]") {
  ErrorLog log;
  log.note("cuStreamQuery", CUDA_ERROR_NOT_READY);
  CHECK(log.end() == 0);
  CHECK(from_start(log).empty());
}

TEST_CASE("what a log has forgotten is said at its top", "[unit][error_log]") {
  ErrorLog log;
  for (int i = 0; i < 101; ++i) log.note("cuInit", CUDA_ERROR_UNKNOWN);
  const std::string all = from_start(log);
  CHECK(lines_of(all) == 101);
  CHECK(all.rfind("[CUDA][W]", 0) == 0);
  CUlogIterator oldest = 1;
  const std::string kept = log.text(oldest, SIZE_MAX);
  CHECK(lines_of(kept) == 100);
  CHECK(kept.rfind("[CUDA][W]", 0) != 0);
  CHECK(oldest == log.end());
}

TEST_CASE("the latest messages that fit are given", "[unit][error_log]") {
  ErrorLog log;
  for (int i = 0; i < 10; ++i) log.note("cuInit", CUDA_ERROR_UNKNOWN);
  const std::string all = from_start(log);
  CHECK(from_start(log, all.size()) == all);
  const std::string fewer = from_start(log, all.size() - 1);
  CHECK(fewer.size() <= all.size() - 1);
  CHECK(fewer.rfind("[CUDA][W]", 0) == 0);
  CHECK(lines_of(fewer) < 11);
  CHECK(fewer.substr(fewer.find('\n') + 1) == all.substr(all.size() - (fewer.size() - fewer.find('\n') - 1)));
  CHECK(from_start(log, 20).empty());
}

TEST_CASE("a callback may fail itself and take callbacks back", "[unit][error_log]") {
  ErrorLog log;
  int later = 0;
  Nested nested{&log};
  nested.mine = log.add(fail_again, &nested);
  nested.other = log.add(count, &later);
  log.note("cuInit", CUDA_ERROR_UNKNOWN);
  log.note("cuInit", CUDA_ERROR_UNKNOWN);
  CHECK(nested.times == 1);
  CHECK(later == 0);
  CHECK(log.end() == 3);
  CHECK_FALSE(log.remove(nested.mine));
  CHECK_FALSE(log.remove(nullptr));
}

TEST_CASE("a log is used by several threads at once", "[unit][error_log]") {
  ErrorLog log;
  int heard = 0;
  log.add(count, &heard);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) log.note("cuInit", CUDA_ERROR_UNKNOWN);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(log.end() == 400);
  CHECK(heard == 400);
  CHECK(lines_of(from_start(log)) == 101);
}
