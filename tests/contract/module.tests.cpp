// SPDX-License-Identifier: Apache-2.0
// Modules: loading PTX, its logs and errors, functions and globals. CUDA driver API: Module management.
#include <unistd.h>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

// What a load with both logs returned and wrote.
struct Load {
  CUresult result;
  std::string information, errors;
};

Load load_with_logs(const char* ptx) {
  char information[4096] = "", errors[4096] = "";
  CUjit_option options[] = {CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, CU_JIT_ERROR_LOG_BUFFER,
                            CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, CU_JIT_LOG_VERBOSE};
  void* values[] = {information, reinterpret_cast<void*>(sizeof information), errors,
                    reinterpret_cast<void*>(sizeof errors), reinterpret_cast<void*>(1)};
  CUmodule module = nullptr;
  const CUresult result = cuModuleLoadDataEx(&module, ptx, 5, options, values);
  if (result == CUDA_SUCCESS) cuModuleUnload(module);
  return {result, information, errors};
}

int attribute_of(CUfunction function, CUfunction_attribute which) {
  int value = -1;
  REQUIRE_CUDA(cuFuncGetAttribute(&value, which, function));
  return value;
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a module is loaded from PTX text and its kernel runs", "[contract][module]") {
  Module module(kBasicPtx);
  DeviceBuffer memory(100 * 4);
  REQUIRE_CUDA(launch(module.function("fill"), 1, 128, nullptr, memory.address, 5u, 100u));
  CHECK(read_words(memory, 100) == repeated(100, 5));
}

TEST_CASE_METHOD(Gpu, "functions are found by name, each its own handle", "[contract][module]") {
  Module module(kBasicPtx);
  CHECK(module.function("fill") == module.function("fill"));
  CHECK(module.function("fill") != module.function("add"));
}

TEST_CASE_METHOD(Gpu, "a function that is not there is not found", "[contract][module]") {
  Module module(kBasicPtx);
  CUfunction function = nullptr;
  CHECK(cuModuleGetFunction(&function, module, "absent") == CUDA_ERROR_NOT_FOUND);
  CHECK(cuModuleGetFunction(&function, module, "fil") == CUDA_ERROR_NOT_FOUND);
  CHECK(cuModuleGetFunction(nullptr, module, "fill") == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuModuleGetFunction(&function, module, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

// Refused by the load, or by what looks for the kernel.
static void check_only_declared(const std::string& name) {
  const std::string text = ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry " + name + ";\n";
  CUmodule module = nullptr;
  const CUresult loaded = cuModuleLoadData(&module, text.c_str());
  CUfunction function = nullptr;
  const CUresult found = loaded == CUDA_SUCCESS ? cuModuleGetFunction(&function, module, name.c_str()) : loaded;
  CHECK(found != CUDA_SUCCESS);
  if (loaded == CUDA_SUCCESS) CHECK_CUDA(cuModuleUnload(module));
}

TEST_CASE_METHOD(Gpu, "a kernel that is only declared cannot be had", "[contract][module]") {
  check_only_declared("declared");
}

// The compiler of NVIDIA's driver 580 dies of it.
TEST_CASE_METHOD(Gpu, "a kernel that is only declared cannot be had where every program has a function of its name",
                 "[contract][module][soft]") {
  check_only_declared("free");
}

TEST_CASE_METHOD(Gpu, "PTX that does not parse is refused", "[contract][module]") {
  CUmodule module = nullptr;
  CHECK(cuModuleLoadData(&module, kBrokenPtx) == CUDA_ERROR_INVALID_PTX);
}

TEST_CASE_METHOD(Gpu, "the error log names what is wrong with the PTX", "[contract][module]") {
  const Load load = load_with_logs(kBrokenPtx);
  CHECK(load.result == CUDA_ERROR_INVALID_PTX);
  CHECK(!load.errors.empty());
}

TEST_CASE_METHOD(Gpu, "good PTX leaves the error log empty", "[contract][module]") {
  const Load load = load_with_logs(kBasicPtx);
  CHECK(load.result == CUDA_SUCCESS);
  CHECK(load.errors.empty());
}

TEST_CASE_METHOD(Gpu, "a log buffer is never written past its size", "[contract][module]") {
  char errors[64];
  std::memset(errors, '~', sizeof errors);
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {errors, reinterpret_cast<void*>(size_t{16})};
  CUmodule module = nullptr;
  CHECK(cuModuleLoadDataEx(&module, kBrokenPtx, 2, options, values) == CUDA_ERROR_INVALID_PTX);
  for (size_t i = 16; i < sizeof errors; ++i) CHECK(errors[i] == '~');
}

TEST_CASE_METHOD(Gpu, "options of the compiler are accepted", "[contract][module]") {
  CUjit_option options[] = {CU_JIT_MAX_REGISTERS, CU_JIT_OPTIMIZATION_LEVEL, CU_JIT_GENERATE_LINE_INFO};
  void* values[] = {reinterpret_cast<void*>(size_t{32}), reinterpret_cast<void*>(size_t{2}),
                    reinterpret_cast<void*>(size_t{1})};
  CUmodule module = nullptr;
  REQUIRE_CUDA(cuModuleLoadDataEx(&module, kBasicPtx, 3, options, values));
  CUfunction function = nullptr;
  CHECK_CUDA(cuModuleGetFunction(&function, module, "fill"));
  CHECK_CUDA(cuModuleUnload(module));
}

TEST_CASE_METHOD(Gpu, "PTX of a version from the future is refused", "[contract][module]") {
  CUmodule module = nullptr;
  const char future[] = ".version 99.0\n.target sm_52\n.address_size 64\n.visible .entry f() { ret; }\n";
  CHECK_REFUSED(cuModuleLoadData(&module, future));
}

TEST_CASE_METHOD(Gpu, "an image that is neither PTX nor binary is refused", "[contract][module]") {
  CUmodule module = nullptr;
  CHECK_REFUSED(cuModuleLoadData(&module, "This text is no program."));
  CHECK(cuModuleLoadData(&module, nullptr) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuModuleLoadData(nullptr, kBasicPtx) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "a module is loaded from a file", "[contract][module]") {
  char path[] = "/tmp/vgpu-contract-XXXXXX";
  const int fd = mkstemp(path);
  REQUIRE(fd >= 0);
  const ssize_t length = static_cast<ssize_t>(std::strlen(kBasicPtx));
  REQUIRE(write(fd, kBasicPtx, static_cast<size_t>(length)) == length);
  close(fd);
  CUmodule module = nullptr;
  const CUresult result = cuModuleLoad(&module, path);
  unlink(path);
  REQUIRE(result == CUDA_SUCCESS);
  CUfunction function = nullptr;
  CHECK_CUDA(cuModuleGetFunction(&function, module, "iota"));
  CHECK_CUDA(cuModuleUnload(module));
  CHECK(cuModuleLoad(&module, "/nonexistent/module.ptx") == CUDA_ERROR_FILE_NOT_FOUND);
}

TEST_CASE_METHOD(Gpu, "globals have an address, a size and their initial values", "[contract][module]") {
  Module module(kGlobalsPtx);
  CUdeviceptr address = 0;
  size_t size = 0;
  REQUIRE_CUDA(cuModuleGetGlobal(&address, &size, module, "table"));
  CHECK(size == 16);
  CHECK(read_words(address, 4) == std::vector<unsigned>{1, 2, 3, 4});
  REQUIRE_CUDA(cuModuleGetGlobal(&address, &size, module, "factors"));
  CHECK(size == 16);
  CHECK(read_words(address, 4) == std::vector<unsigned>{10, 20, 30, 40});
}

TEST_CASE_METHOD(Gpu, "a global without an initial value is zero", "[contract][module]") {
  Module module(kGlobalsPtx);
  CUdeviceptr address = 0;
  size_t size = 0;
  REQUIRE_CUDA(cuModuleGetGlobal(&address, &size, module, "spare"));
  CHECK(size == 256);
  CHECK(read_bytes(address, 256) == std::vector<unsigned char>(256, 0));
}

TEST_CASE_METHOD(Gpu, "kernels see what the host wrote to globals and constants", "[contract][module]") {
  Module module(kGlobalsPtx);
  DeviceBuffer out(16);
  REQUIRE_CUDA(launch(module.function("products"), 1, 4, nullptr, out.address));
  CHECK(read_words(out, 4) == std::vector<unsigned>{10, 40, 90, 160});
  CUdeviceptr table = 0, factors = 0;
  REQUIRE_CUDA(cuModuleGetGlobal(&table, nullptr, module, "table"));
  REQUIRE_CUDA(cuModuleGetGlobal(&factors, nullptr, module, "factors"));
  const unsigned new_table[] = {5, 6, 7, 8}, new_factors[] = {1, 2, 3, 4};
  REQUIRE_CUDA(cuMemcpyHtoD(table, new_table, 16));
  REQUIRE_CUDA(cuMemcpyHtoD(factors, new_factors, 16));
  REQUIRE_CUDA(launch(module.function("products"), 1, 4, nullptr, out.address));
  CHECK(read_words(out, 4) == std::vector<unsigned>{5, 12, 21, 32});
}

// Constants are so for the instructions that read them; by its address, such memory is like any other (hashcat clears
// its own so).
TEST_CASE_METHOD(Gpu, "a kernel changes constants by their address for the kernels after it", "[contract][module]") {
  Module module(kGlobalsPtx), basic(kBasicPtx);
  DeviceBuffer out(16);
  CUdeviceptr factors = 0;
  REQUIRE_CUDA(cuModuleGetGlobal(&factors, nullptr, module, "factors"));
  REQUIRE_CUDA(launch(basic.function("fill"), 1, 4, nullptr, factors, 3u, 4u));
  REQUIRE_CUDA(launch(module.function("products"), 1, 4, nullptr, out.address));
  CHECK(read_words(out, 4) == std::vector<unsigned>{3, 6, 9, 12});
}

TEST_CASE_METHOD(Gpu, "a global that is not there is not found", "[contract][module]") {
  Module module(kGlobalsPtx);
  CUdeviceptr address = 0;
  size_t size = 0;
  CHECK(cuModuleGetGlobal(&address, &size, module, "absent") == CUDA_ERROR_NOT_FOUND);
  CHECK(cuModuleGetGlobal(&address, &size, module, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "two loads of one text have globals of their own", "[contract][module]") {
  Module first(kGlobalsPtx), second(kGlobalsPtx);
  CUdeviceptr a = 0, b = 0;
  REQUIRE_CUDA(cuModuleGetGlobal(&a, nullptr, first, "table"));
  REQUIRE_CUDA(cuModuleGetGlobal(&b, nullptr, second, "table"));
  CHECK(a != b);
  REQUIRE_CUDA(cuMemsetD32(a, 99, 4));
  CHECK(read_words(b, 4) == std::vector<unsigned>{1, 2, 3, 4});
}

TEST_CASE_METHOD(Gpu, "a module that is loaded again has the initial values of its globals", "[contract][module]") {
  for (int round = 0; round < 3; ++round) {
    Module module(kGlobalsPtx);
    CUdeviceptr address = 0;
    REQUIRE_CUDA(cuModuleGetGlobal(&address, nullptr, module, "table"));
    CHECK(read_words(address, 4) == std::vector<unsigned>{1, 2, 3, 4});
    REQUIRE_CUDA(cuMemsetD32(address, 99, 4));
  }
}

TEST_CASE_METHOD(Gpu, "modules that are loaded again and again work each time", "[contract][module]") {
  DeviceBuffer memory(64 * 4);
  for (unsigned round = 0; round < 3; ++round) {
    for (unsigned text = 0; text < 20; ++text) {
      Module module((std::string(kBasicPtx) + "// " + std::to_string(text)).c_str());
      REQUIRE_CUDA(launch(module.function("fill"), 1, 64, nullptr, memory.address, 100 * round + text, 64u));
      CHECK(read_words(memory, 64) == repeated(64, 100 * round + text));
      CHECK(attribute_of(module.function("add"), CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK) >= 64);
    }
  }
}

TEST_CASE_METHOD(Gpu, "attributes that were set are as new when the module is loaded again", "[contract][module]") {
  constexpr CUfunction_attribute kSet = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
  int before = 0;
  for (int round = 0; round < 3; ++round) {
    Module module(kBasicPtx);
    if (round == 0) before = attribute_of(module.function("fill"), kSet);
    CHECK(attribute_of(module.function("fill"), kSet) == before);
    REQUIRE_CUDA(cuFuncSetAttribute(module.function("fill"), kSet, 1024));
    CHECK(attribute_of(module.function("fill"), kSet) == 1024);
  }
}

TEST_CASE_METHOD(Gpu, "attributes of functions that were listed are as new when the module is loaded again",
                 "[contract][module]") {
  constexpr CUfunction_attribute kSet = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
  int before = 0;
  for (int round = 0; round < 3; ++round) {
    Module module(kBasicPtx);
    std::vector<CUfunction> functions(5);
    REQUIRE_CUDA(cuModuleEnumerateFunctions(functions.data(), 5, module));
    // Listing them loads none, and one that is not loaded has no attributes.
    for (const CUfunction function : functions) REQUIRE_CUDA(cuFuncLoad(function));
    // None of them has shared memory of its own, so that all are alike.
    if (round == 0) before = attribute_of(functions[0], kSet);
    for (const CUfunction function : functions) {
      CHECK(attribute_of(function, kSet) == before);
      REQUIRE_CUDA(cuFuncSetAttribute(function, kSet, 1024));
    }
  }
}

TEST_CASE_METHOD(Gpu, "two loads of one text are two modules, and each is unloaded by itself", "[contract][module]") {
  DeviceBuffer memory(4);
  Module first(kBasicPtx);
  {
    Module second(kBasicPtx);
    CHECK(second.handle != first.handle);
    CHECK(second.function("fill") != first.function("fill"));
  }
  Module third(kBasicPtx);
  CHECK(third.handle != first.handle);
  for (const Module* module : {&first, &third}) {
    REQUIRE_CUDA(launch(module->function("fill"), 1, 1, nullptr, memory.address, 7u, 1u));
    CHECK(read_words(memory, 1) == repeated(1, 7));
  }
}

TEST_CASE_METHOD(Gpu, "a function that is not there is not found in a module that is loaded again",
                 "[contract][module]") {
  for (int round = 0; round < 2; ++round) {
    Module module(kBasicPtx);
    CUfunction function = nullptr;
    CHECK_CUDA(cuModuleGetFunction(&function, module, "fill"));
    CHECK(cuModuleGetFunction(&function, module, "absent") == CUDA_ERROR_NOT_FOUND);
    CHECK(cuModuleGetFunction(nullptr, module, "fill") == CUDA_ERROR_INVALID_VALUE);
  }
}

TEST_CASE_METHOD(Gpu, "a module that is loaded again after a reset of its context works", "[contract][module]") {
  for (int round = 0; round < 3; ++round) {
    {
      DeviceBuffer memory(4);
      Module module(kBasicPtx);
      REQUIRE_CUDA(launch(module.function("fill"), 1, 1, nullptr, memory.address, 7u, 1u));
      CHECK(read_words(memory, 1) == repeated(1, 7));
    }
    REQUIRE_CUDA(cuDevicePrimaryCtxReset(device));
    REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, device));
    REQUIRE_CUDA(cuCtxSetCurrent(context));
  }
}

TEST_CASE_METHOD(Gpu, "the functions of a module can be counted and listed", "[contract][module]") {
  Module module(kBasicPtx);
  unsigned count = 0;
  REQUIRE_CUDA(cuModuleGetFunctionCount(&count, module));
  REQUIRE(count == 5);
  CUfunction functions[5] = {};
  REQUIRE_CUDA(cuModuleEnumerateFunctions(functions, 5, module));
  for (CUfunction function : functions) {
    const char* name = nullptr;
    CHECK_CUDA(cuFuncGetName(&name, function));
    CHECK(module.function(name) == function);
  }
}

TEST_CASE_METHOD(Gpu, "unloading no module is refused", "[contract][module]") {
  CHECK_REFUSED(cuModuleUnload(nullptr));
}

TEST_CASE_METHOD(Gpu, "functions of a module that were listed, not looked up, have attributes and can be launched",
                 "[contract][module]") {
  Module module(kBasicPtx);
  unsigned count = 0;
  REQUIRE_CUDA(cuModuleGetFunctionCount(&count, module.handle));
  REQUIRE(count > 0);
  std::vector<CUfunction> functions(count);
  REQUIRE_CUDA(cuModuleEnumerateFunctions(functions.data(), count, module.handle));
  for (const CUfunction function : functions) {
    const char* name = nullptr;
    REQUIRE_CUDA(cuFuncGetName(&name, function));
    if (std::string_view(name) != "empty") continue;
    REQUIRE_CUDA(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr));
    REQUIRE_CUDA(cuCtxSynchronize());
    int threads = 0;
    REQUIRE_CUDA(cuFuncGetAttribute(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function));
    CHECK(threads >= 32);
  }
}
