// SPDX-License-Identifier: Apache-2.0
// Captured copies from and to ordinary memory: the graph reads and writes it whenever it runs. CUDA driver API: Graph
// Management; programming guide: Creating a graph using stream capture.
#include <functional>
#include <vector>

#include "tests/contract/fixture.h"
#include "tests/contract/pages.h"

namespace {

constexpr size_t kWords = 5000;  // more than rides in a message, and no multiple of a page
constexpr size_t kPages = 5;     // for those words

class CapturedCopy : public Gpu {
 public:
  CapturedCopy() : memory(kWords * 4) {}

  CUgraph captured(const std::function<void()>& work) const {
    REQUIRE_CUDA(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    work();
    CUgraph graph = nullptr;
    REQUIRE_CUDA(cuStreamEndCapture(stream, &graph));
    return graph;
  }
  void fill(unsigned value) const {
    REQUIRE_CUDA(cuMemsetD32(memory, value, kWords));
    REQUIRE_CUDA(cuCtxSynchronize());
  }
  void run(CUgraphExec exec) const {
    REQUIRE_CUDA(cuGraphLaunch(exec, stream));
    stream.synchronize();
  }
  CUdeviceptr unified(const void* data) const { return reinterpret_cast<CUdeviceptr>(data); }
  // Rows of 40 bytes in memory of the device, of 60 at home.
  CUDA_MEMCPY3D rows(void* home) const {
    CUDA_MEMCPY3D box = {};
    box.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    box.srcDevice = memory;
    box.srcPitch = 40;
    box.dstMemoryType = CU_MEMORYTYPE_HOST;
    box.dstHost = home;
    box.dstPitch = 60;
    box.WidthInBytes = 40;
    box.srcHeight = box.dstHeight = box.Height = 3;
    box.Depth = 1;
    return box;
  }

  DeviceBuffer memory;
  Stream stream;
};

}  // namespace

TEST_CASE_METHOD(CapturedCopy, "a captured copy's destination may be ordinary memory", "[contract][capture]") {
  Pages pages(kPages);
  auto* const words = pages.as<unsigned>();
  unsigned last = 0;
  Graph graph(captured([&] {
    REQUIRE_CUDA(cuMemcpyDtoHAsync(words, memory, kWords * 4, stream));
    REQUIRE_CUDA(cuMemcpyAsync(unified(&last), memory + (kWords - 1) * 4, 4, stream));
  }));
  GraphExec exec(graph);
  CHECK(last == 0);
  for (const unsigned value : {3u, 4u}) {
    fill(value);
    run(exec);
    CHECK(std::vector<unsigned>(words, words + kWords) == std::vector<unsigned>(kWords, value));
    CHECK(last == value);
  }
}

TEST_CASE_METHOD(CapturedCopy, "a captured copy reads ordinary memory when its graph runs", "[contract][capture]") {
  Pages pages(kPages);
  auto* const words = pages.as<unsigned>();
  unsigned first = 1;
  Graph graph(captured([&] {
    REQUIRE_CUDA(cuMemcpyHtoDAsync(memory, words, kWords * 4, stream));
    REQUIRE_CUDA(cuMemcpyAsync(memory, unified(&first), 4, stream));
  }));
  GraphExec exec(graph);
  for (const unsigned value : {5u, 6u}) {
    std::fill_n(words, kWords, value);
    first = 10 * value;
    run(exec);
    CHECK(read_words(memory, 1)[0] == 10 * value);
    CHECK(read_words(memory, kWords)[kWords - 1] == value);
  }
}

TEST_CASE_METHOD(CapturedCopy, "captured copies of rows leave the gaps of ordinary memory alone",
                 "[contract][capture]") {
  Pages pages(1);
  auto* const home = pages.as<unsigned>();
  std::fill_n(home, 45, 1u);
  const CUDA_MEMCPY3D box = rows(home);
  Graph graph(captured([&] { REQUIRE_CUDA(cuMemcpy3DAsync(&box, stream)); }));
  GraphExec exec(graph);
  fill(8);
  CHECK(home[0] == 1);
  run(exec);
  CHECK(home[0] == 8);
  CHECK(home[10] == 1);
  CHECK(home[39] == 8);
  CHECK(home[40] == 1);
}

TEST_CASE_METHOD(CapturedCopy, "captured copies of two dimensions read ordinary memory when their graph runs",
                 "[contract][capture]") {
  Pages pages(1);
  auto* const home = pages.as<unsigned>();
  std::fill_n(home, 45, 1u);
  CUDA_MEMCPY2D box = {};
  box.srcMemoryType = CU_MEMORYTYPE_UNIFIED;
  box.srcDevice = unified(home);
  box.srcPitch = 60;
  box.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  box.dstDevice = memory;
  box.dstPitch = box.WidthInBytes = 40;
  box.Height = 3;
  fill(0);
  Graph graph(captured([&] { REQUIRE_CUDA(cuMemcpy2DAsync(&box, stream)); }));
  GraphExec exec(graph);
  CHECK(read_words(memory, 1)[0] == 0);
  home[0] = home[39] = 9;
  run(exec);
  const std::vector<unsigned> there = read_words(memory, 31);
  CHECK(there[0] == 9);
  CHECK(there[1] == 1);
  CHECK(there[29] == 9);
  CHECK(there[30] == 0);
}

TEST_CASE_METHOD(CapturedCopy, "a captured copy within ordinary memory is made when its graph runs",
                 "[contract][capture]") {
  unsigned from = 1, to = 0;
  Graph graph(captured([&] { REQUIRE_CUDA(cuMemcpyAsync(unified(&to), unified(&from), 4, stream)); }));
  GraphExec exec(graph);
  from = 7;
  CHECK(to == 0);
  run(exec);
  CHECK(to == 7);
}

TEST_CASE_METHOD(CapturedCopy, "a copy beside a capture is made at once", "[contract][capture]") {
  Stream other;
  fill(2);
  unsigned word = 0;
  Graph graph(captured([&] {
    REQUIRE_CUDA(cuMemsetD32Async(memory, 7, kWords, stream));
    REQUIRE_CUDA(cuMemcpyDtoHAsync(&word, memory, 4, other));
  }));
  other.synchronize();
  CHECK(word == 2);
}
