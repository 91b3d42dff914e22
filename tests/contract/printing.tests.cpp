// SPDX-License-Identifier: Apache-2.0
// What kernels print is there when the wait for them has ended. CUDA C++ Programming Guide, formatted output.
#include "tests/contract/child.h"
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"
#include "tests/contract/poll.h"

namespace {

// greet(): prints "greetings" and a line feed
constexpr char kPrintPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.extern .func (.param .b32 result) vprintf(.param .b64 format, .param .b64 arguments);
.global .align 1 .b8 text[11] = {103, 114, 101, 101, 116, 105, 110, 103, 115, 10, 0};

.visible .entry greet()
{
  .reg .b32 %r<2>;
  .reg .b64 %rd<3>;
  mov.u64 %rd1, text;
  cvta.global.u64 %rd1, %rd1;
  mov.u64 %rd2, 0;
  {
    .param .b64 format;
    .param .b64 arguments;
    .param .b32 result;
    st.param.b64 [format], %rd1;
    st.param.b64 [arguments], %rd2;
    call.uni (result), vprintf, (format, arguments);
    ld.param.b32 %r1, [result];
  }
  ret;
}
)";

struct Greeting {
  Module module{kPrintPtx};
  CUfunction greet = module.function("greet");
  Stream stream;
  Event event;

  void start() const {
    REQUIRE_CUDA(launch(greet, 1, 1, stream));
    REQUIRE_CUDA(cuEventRecord(event, stream));
  }
  static void tell() { std::puts("waited"); }
};

// A kernel node without parameters that matter.
CUDA_KERNEL_NODE_PARAMS one_thread_of(CUfunction function) {
  static void* none[] = {nullptr};
  CUDA_KERNEL_NODE_PARAMS parameters = {};
  parameters.func = function;
  parameters.gridDimX = parameters.gridDimY = parameters.gridDimZ = 1;
  parameters.blockDimX = parameters.blockDimY = parameters.blockDimZ = 1;
  parameters.kernelParams = none;
  return parameters;
}

CUgraphNode add_kernel(CUgraph graph, CUfunction function) {
  CUgraphNode node = nullptr;
  const CUDA_KERNEL_NODE_PARAMS parameters = one_thread_of(function);
  REQUIRE_CUDA(cuGraphAddKernelNode(&node, graph, nullptr, 0, &parameters));
  return node;
}

void run_and_tell(const GraphExec& exec, CUstream stream) {
  REQUIRE_CUDA(cuGraphLaunch(exec, stream));
  CHECK_CUDA(cuStreamSynchronize(stream));
  Greeting::tell();
}

}  // namespace

TEST_CASE("a kernel's text comes before what is printed after the wait, though the stream was asked first",
          "[contract][progress]") {
  for (const char* tag : {"child-print-stream", "child-print-event", "child-print-context", "child-print-at-once",
                          "child-print-library", "child-print-graph", "child-print-capture",
                          "child-print-changed-graph", "child-print-child-graph", "child-print-after-silence"}) {
    const ChildResult child = run_child(tag);
    INFO(child.output);
    REQUIRE(child.exit_code == 0);
    const size_t text = child.output.find("greetings"), after = child.output.find("waited");
    REQUIRE(after != std::string::npos);
    CHECK(text < after);
  }
}

TEST_CASE_METHOD(Gpu, "child: prints, is asked, and the stream is waited for", "[.][child-print-stream]") {
  const Greeting greeting;
  greeting.start();
  CHECK(poll(greeting.stream) == CUDA_SUCCESS);
  CHECK_CUDA(cuStreamSynchronize(greeting.stream));
  Greeting::tell();
}

TEST_CASE_METHOD(Gpu, "child: prints, is asked, and the event is waited for", "[.][child-print-event]") {
  const Greeting greeting;
  greeting.start();
  CHECK(poll(greeting.event) == CUDA_SUCCESS);
  CHECK_CUDA(cuEventSynchronize(greeting.event));
  Greeting::tell();
}

TEST_CASE_METHOD(Gpu, "child: prints, is asked, and the context is waited for", "[.][child-print-context]") {
  const Greeting greeting;
  greeting.start();
  CHECK(poll(greeting.stream) == CUDA_SUCCESS);
  CHECK_CUDA(cuCtxSynchronize());
  Greeting::tell();
}

TEST_CASE_METHOD(Gpu, "child: prints, and the stream is waited for at once", "[.][child-print-at-once]") {
  const Greeting greeting;
  greeting.start();
  CHECK_CUDA(cuStreamSynchronize(greeting.stream));
  Greeting::tell();
}

TEST_CASE_METHOD(Gpu, "child: a library's kernel prints", "[.][child-print-library]") {
  const Stream stream;
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CUfunction function = nullptr;
  REQUIRE_CUDA(cuLibraryLoadData(&library, kPrintPtx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  REQUIRE_CUDA(cuLibraryGetKernel(&kernel, library, "greet"));
  REQUIRE_CUDA(cuKernelGetFunction(&function, kernel));
  REQUIRE_CUDA(launch(function, 1, 1, stream));
  CHECK_CUDA(cuStreamSynchronize(stream));
  Greeting::tell();
  CHECK_CUDA(cuLibraryUnload(library));
}

TEST_CASE_METHOD(Gpu, "child: a graph's kernel prints", "[.][child-print-graph]") {
  const Greeting greeting;
  const Graph graph;
  add_kernel(graph, greeting.greet);
  run_and_tell(GraphExec(graph), greeting.stream);
}

TEST_CASE_METHOD(Gpu, "child: a captured kernel prints", "[.][child-print-capture]") {
  const Greeting greeting;
  CUgraph graph = nullptr;
  REQUIRE_CUDA(cuStreamBeginCapture(greeting.stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  REQUIRE_CUDA(launch(greeting.greet, 1, 1, greeting.stream));
  REQUIRE_CUDA(cuStreamEndCapture(greeting.stream, &graph));
  run_and_tell(GraphExec(graph), greeting.stream);
  CHECK_CUDA(cuGraphDestroy(graph));
}

// The first launch of the graph prints nothing; then its kernel becomes one that does.
TEST_CASE_METHOD(Gpu, "child: a graph's kernel is changed to one that prints", "[.][child-print-changed-graph]") {
  const Module silent(kBasicPtx);
  const Greeting greeting;
  const Graph graph;
  const CUgraphNode node = add_kernel(graph, silent.function("empty"));
  const GraphExec exec(graph);
  for (int i = 0; i < 100; ++i) {
    REQUIRE_CUDA(cuGraphLaunch(exec, greeting.stream));
    REQUIRE_CUDA(cuStreamSynchronize(greeting.stream));
  }
  const CUDA_KERNEL_NODE_PARAMS parameters = one_thread_of(greeting.greet);
  REQUIRE_CUDA(cuGraphExecKernelNodeSetParams(exec, node, &parameters));
  run_and_tell(exec, greeting.stream);
}

TEST_CASE_METHOD(Gpu, "child: a kernel of a graph in a graph prints", "[.][child-print-child-graph]") {
  const Greeting greeting;
  const Graph inner, outer;
  add_kernel(inner, greeting.greet);
  CUgraphNode node = nullptr;
  REQUIRE_CUDA(cuGraphAddChildGraphNode(&node, outer, nullptr, 0, inner));
  run_and_tell(GraphExec(outer), greeting.stream);
}

// Whatever a driver has concluded from a thousand launches that printed nothing.
TEST_CASE_METHOD(Gpu, "child: prints after much that did not", "[.][child-print-after-silence]") {
  const Module silent(kBasicPtx);
  const CUfunction empty = silent.function("empty");
  const Greeting greeting;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE_CUDA(launch(empty, 1, 1, greeting.stream));
    REQUIRE_CUDA(cuStreamSynchronize(greeting.stream));
  }
  REQUIRE_CUDA(launch(greeting.greet, 1, 1, greeting.stream));
  REQUIRE_CUDA(launch(empty, 1, 1, greeting.stream));
  REQUIRE_CUDA(cuStreamSynchronize(greeting.stream));
  Greeting::tell();
}
