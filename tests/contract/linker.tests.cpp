// SPDX-License-Identifier: Apache-2.0
// Linking PTX texts into one program. CUDA driver API: cuLinkCreate and its family.
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

class Linker : public Gpu {
 public:
  Linker() { REQUIRE_CUDA(cuLinkCreate(0, nullptr, nullptr, &state)); }
  ~Linker() { cuLinkDestroy(state); }

  CUresult add(const char* ptx, const char* name) const {
    return cuLinkAddData(state, CU_JIT_INPUT_PTX, const_cast<char*>(ptx), std::strlen(ptx) + 1, name, 0, nullptr,
                         nullptr);
  }

  CUlinkState state = nullptr;
};

}  // namespace

TEST_CASE_METHOD(Linker, "a kernel calls a function of another text", "[contract][linker]") {
  REQUIRE_CUDA(add(kCallerPtx, "caller.ptx"));
  REQUIRE_CUDA(add(kCalleePtx, "callee.ptx"));
  void* image = nullptr;
  size_t size = 0;
  REQUIRE_CUDA(cuLinkComplete(state, &image, &size));
  CHECK(size > 0);
  CUmodule module = nullptr;
  REQUIRE_CUDA(cuModuleLoadData(&module, image));
  CUfunction caller = nullptr;
  REQUIRE_CUDA(cuModuleGetFunction(&caller, module, "caller"));
  DeviceBuffer out(4);
  REQUIRE_CUDA(launch(caller, 1, 1, nullptr, out.address));
  CHECK(read_words(out, 1)[0] == 42);
  CHECK_CUDA(cuModuleUnload(module));
}

TEST_CASE_METHOD(Linker, "one text links on its own", "[contract][linker]") {
  REQUIRE_CUDA(add(kBasicPtx, "basic.ptx"));
  void* image = nullptr;
  size_t size = 0;
  REQUIRE_CUDA(cuLinkComplete(state, &image, &size));
  CUmodule module = nullptr;
  REQUIRE_CUDA(cuModuleLoadData(&module, image));
  CUfunction fill = nullptr;
  CHECK_CUDA(cuModuleGetFunction(&fill, module, "fill"));
  CHECK_CUDA(cuModuleUnload(module));
}

TEST_CASE_METHOD(Linker, "a missing function keeps the link from completing", "[contract][linker]") {
  REQUIRE_CUDA(add(kCallerPtx, "caller.ptx"));
  void* image = nullptr;
  size_t size = 0;
  CHECK_REFUSED(cuLinkComplete(state, &image, &size));
}

TEST_CASE_METHOD(Linker, "PTX that does not parse is refused by the linker", "[contract][linker]") {
  CHECK(add(kBrokenPtx, "broken.ptx") == CUDA_ERROR_INVALID_PTX);
}

TEST_CASE_METHOD(Linker, "the linker refuses wrong arguments", "[contract][linker]") {
  CHECK_REFUSED(cuLinkAddFile(state, CU_JIT_INPUT_PTX, "/nonexistent/text.ptx", 0, nullptr, nullptr));
  CHECK(cuLinkCreate(0, nullptr, nullptr, nullptr) == CUDA_ERROR_INVALID_VALUE);
}
