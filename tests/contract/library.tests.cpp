// SPDX-License-Identifier: Apache-2.0
// Libraries, which belong to no context, and their kernels. CUDA driver API: Library management.
#include <algorithm>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

class Library {
 public:
  explicit Library(const char* ptx) {
    REQUIRE_CUDA(cuLibraryLoadData(&handle, ptx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  }
  ~Library() { cuLibraryUnload(handle); }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  CUkernel kernel(const char* name) const {
    CUkernel found = nullptr;
    REQUIRE_CUDA(cuLibraryGetKernel(&found, handle, name));
    return found;
  }

  CUlibrary handle = nullptr;
};

}  // namespace

TEST_CASE_METHOD(Gpu, "a kernel of a library is launched like a function", "[contract][library]") {
  Library library(kBasicPtx);
  DeviceBuffer memory(200 * 4);
  const auto function = reinterpret_cast<CUfunction>(library.kernel("fill"));
  REQUIRE_CUDA(launch(function, 2, 128, nullptr, memory.address, 3u, 200u));
  CHECK(read_words(memory, 200) == repeated(200, 3));
}

TEST_CASE_METHOD(Gpu, "a kernel gives a function in the current context", "[contract][library]") {
  Library library(kBasicPtx);
  CUfunction function = nullptr;
  REQUIRE_CUDA(cuKernelGetFunction(&function, library.kernel("iota")));
  DeviceBuffer memory(40);
  REQUIRE_CUDA(launch(function, 1, 32, nullptr, memory.address, 10u));
  CHECK(read_words(memory, 10)[9] == 9);
  CUmodule module = nullptr;
  CHECK_CUDA(cuLibraryGetModule(&module, library.handle));
  CHECK_CUDA(cuModuleGetFunction(&function, module, "iota"));
}

TEST_CASE_METHOD(Gpu, "a graph's node names the kernel that it was given beside a function", "[contract][library]") {
  Library library(kBasicPtx);
  DeviceBuffer memory(40);
  CUgraph graph = nullptr;
  CUgraphNode node = nullptr;
  unsigned count = 10;
  void* arguments[] = {&memory.address, &count};
  // So NVIDIA's runtime adds a kernel, and by the CUkernel it knows it again.
  CUDA_KERNEL_NODE_PARAMS params = {};
  params.kern = library.kernel("iota");
  REQUIRE_CUDA(cuKernelGetFunction(&params.func, params.kern));
  params.gridDimX = params.gridDimY = params.gridDimZ = params.blockDimY = params.blockDimZ = 1;
  params.blockDimX = 32;
  params.kernelParams = arguments;
  REQUIRE_CUDA(cuGraphCreate(&graph, 0));
  REQUIRE_CUDA(cuGraphAddKernelNode(&node, graph, nullptr, 0, &params));
  CUDA_KERNEL_NODE_PARAMS read = {};
  CHECK_CUDA(cuGraphKernelNodeGetParams(node, &read));
  CHECK(read.kern == params.kern);
  params.kern = library.kernel("fill");
  REQUIRE_CUDA(cuKernelGetFunction(&params.func, params.kern));
  unsigned value = 1;
  void* others[] = {&memory.address, &value, &count};
  params.kernelParams = others;
  REQUIRE_CUDA(cuGraphKernelNodeSetParams(node, &params));
  CHECK_CUDA(cuGraphKernelNodeGetParams(node, &read));
  CHECK(read.kern == params.kern);
  CHECK_CUDA(cuGraphDestroy(graph));
}

TEST_CASE_METHOD(Gpu, "a captured launch of a library's kernel names that kernel", "[contract][library]") {
  Library library(kBasicPtx);
  DeviceBuffer memory(40);
  unsigned count = 10;
  void* arguments[] = {&memory.address, &count};
  const CUkernel kernel = library.kernel("iota");
  CUstream stream = nullptr;
  CUgraph graph = nullptr;
  REQUIRE_CUDA(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  REQUIRE_CUDA(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  // So NVIDIA's runtime launches a kernel.
  REQUIRE_CUDA(cuLaunchKernel(reinterpret_cast<CUfunction>(kernel), 1, 1, 1, 32, 1, 1, 0, stream, arguments, nullptr));
  REQUIRE_CUDA(cuStreamEndCapture(stream, &graph));
  CUgraphNode node = nullptr;
  size_t nodes = 1;
  REQUIRE_CUDA(cuGraphGetNodes(graph, &node, &nodes));
  CUDA_KERNEL_NODE_PARAMS read = {};
  CHECK_CUDA(cuGraphKernelNodeGetParams(node, &read));
  CHECK(read.kern == kernel);
  CHECK_CUDA(cuGraphDestroy(graph));
  CHECK_CUDA(cuStreamDestroy(stream));
}

TEST_CASE_METHOD(NoContext, "a library is loaded without a context", "[contract][library]") {
  Library library(kBasicPtx);
  CHECK(library.kernel("fill") != nullptr);
  const char* name = nullptr;
  CHECK_CUDA(cuKernelGetName(&name, library.kernel("fill")));
  CHECK(std::string(name) == "fill");
}

TEST_CASE_METHOD(Gpu, "a kernel knows its library", "[contract][library]") {
  Library library(kBasicPtx);
  CUlibrary found = nullptr;
  CHECK_CUDA(cuKernelGetLibrary(&found, library.kernel("add")));
  CHECK(found == library.handle);
}

TEST_CASE_METHOD(Gpu, "the kernels of a library can be counted and listed", "[contract][library]") {
  Library library(kBasicPtx);
  unsigned count = 0;
  REQUIRE_CUDA(cuLibraryGetKernelCount(&count, library.handle));
  REQUIRE(count == 5);
  CUkernel kernels[5] = {};
  REQUIRE_CUDA(cuLibraryEnumerateKernels(kernels, 5, library.handle));
  for (CUkernel kernel : kernels) CHECK(kernel != nullptr);
}

TEST_CASE_METHOD(Gpu, "globals of a library have an address and values", "[contract][library]") {
  Library library(kGlobalsPtx);
  CUdeviceptr address = 0;
  size_t size = 0;
  REQUIRE_CUDA(cuLibraryGetGlobal(&address, &size, library.handle, "table"));
  CHECK(size == 16);
  CHECK(read_words(address, 4) == std::vector<unsigned>{1, 2, 3, 4});
  CHECK(cuLibraryGetGlobal(&address, &size, library.handle, "absent") == CUDA_ERROR_NOT_FOUND);
}

TEST_CASE_METHOD(Gpu, "kernel attributes are asked per device", "[contract][library]") {
  Library library(kShapesPtx);
  int value = 0;
  CHECK_CUDA(cuKernelGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, library.kernel("bounded"), device));
  CHECK(value == 64);
  CHECK_CUDA(
      cuKernelGetAttribute(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, library.kernel("static_shared"), device));
  CHECK(value == 1024);
  CHECK_CUDA(cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 2048,
                                  library.kernel("dynamic_shared"), device));
}

TEST_CASE_METHOD(Gpu, "a kernel's attribute is what it was set to, however often it was asked before",
                 "[contract][library]") {
  constexpr auto kRoom = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
  Library library(kShapesPtx);
  const CUkernel kernel = library.kernel("dynamic_shared"), other = library.kernel("bounded");
  const auto room_of = [&](CUkernel which) {
    int value = -1;
    CHECK_CUDA(cuKernelGetAttribute(&value, kRoom, which, device));
    return value;
  };
  const int at_first = room_of(kernel);
  CHECK(room_of(kernel) == at_first);
  for (const int bytes : {2048, 4096, 2048}) {
    CHECK_CUDA(cuKernelSetAttribute(kRoom, bytes, kernel, device));
    CHECK(room_of(kernel) == bytes);
    CHECK(room_of(kernel) == bytes);
    CHECK(room_of(other) == at_first);
  }
  int value = 7;
  CHECK(cuKernelGetAttribute(nullptr, kRoom, kernel, device) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuKernelGetAttribute(&value, kRoom, kernel, 99) != CUDA_SUCCESS);
  CHECK(value == 7);
}

TEST_CASE_METHOD(Gpu, "a kernel describes its parameters", "[contract][library]") {
  Library library(kParametersPtx);
  size_t offset = 99, size = 0;
  CHECK_CUDA(cuKernelGetParamInfo(library.kernel("mixed"), 4, &offset, &size));
  CHECK(offset == 16);
  CHECK(size == 8);
  CHECK(cuKernelGetParamInfo(library.kernel("mixed"), 8, &offset, &size) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "library calls refuse what is wrong or missing", "[contract][library]") {
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CHECK(cuLibraryLoadData(nullptr, kBasicPtx, nullptr, nullptr, 0, nullptr, nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuLibraryLoadData(&library, nullptr, nullptr, nullptr, 0, nullptr, nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  Library good(kBasicPtx);
  CHECK(cuLibraryGetKernel(&kernel, good.handle, "absent") == CUDA_ERROR_NOT_FOUND);
  CHECK_REFUSED(cuLibraryUnload(nullptr));
}

TEST_CASE_METHOD(Gpu, "PTX that does not parse gives no kernel", "[contract][library]") {
  // A lazy driver compiles when the first kernel is asked for, an eager one at once.
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CUfunction function = nullptr;
  CUresult result = cuLibraryLoadData(&library, kBrokenPtx, nullptr, nullptr, 0, nullptr, nullptr, 0);
  if (result == CUDA_SUCCESS) result = cuLibraryGetKernel(&kernel, library, "broken");
  if (result == CUDA_SUCCESS) result = cuKernelGetFunction(&function, kernel);
  CHECK(result != CUDA_SUCCESS);
  if (library) cuLibraryUnload(library);
}

TEST_CASE_METHOD(Gpu, "a library copies the caller's code", "[contract][library]") {
  std::string text = kBasicPtx;
  Library library(text.c_str());
  std::fill(text.begin(), text.end(), ' ');
  DeviceBuffer memory(4);
  const auto function = reinterpret_cast<CUfunction>(library.kernel("fill"));
  REQUIRE_CUDA(launch(function, 1, 1, nullptr, memory.address, 6u, 1u));
  CHECK(read_words(memory, 1)[0] == 6);
}

TEST_CASE_METHOD(Gpu, "a library without host code has no unified functions", "[contract][library]") {
  const Library library(kBasicPtx);
  void* code = nullptr;
  CHECK_REFUSED(cuLibraryGetUnifiedFunction(&code, library.handle, "iota"));
  CHECK_REFUSED(cuLibraryGetUnifiedFunction(&code, nullptr, "iota"));
  CHECK_REFUSED(cuLibraryGetUnifiedFunction(nullptr, library.handle, "iota"));
  CHECK_REFUSED(cuLibraryGetUnifiedFunction(&code, library.handle, nullptr));
  CHECK(code == nullptr);
}
