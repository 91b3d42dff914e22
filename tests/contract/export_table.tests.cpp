// SPDX-License-Identifier: Apache-2.0
// The private tables that NVIDIA's runtime relies on (docs/export-tables.md), as far as a driver's answers to them
// have been observed: this file holds on NVIDIA's own library too.
#include <set>
#include <string>

#include "tests/contract/export_tables.h"

using namespace contract;

namespace {

bool is_primary_active() {
  unsigned flags = 0;
  int active = 0;
  REQUIRE(cuDevicePrimaryCtxGetState(0, &flags, &active) == CUDA_SUCCESS);
  return active != 0;
}

// The last argument: whether NULL means the calling thread's own default stream.
using StreamObject = CUresult(CUcontext, CUstream, void** object, uint8_t is_per_thread);

}  // namespace

TEST_CASE("an unknown export table is an invalid value and leaves no pointer behind", "[contract]") {
  REQUIRE_DEVICE();
  const CUuuid unknown{{1, 2, 3}};
  const void* table = &unknown;

  CHECK(cuGetExportTable(&table, &unknown) == CUDA_ERROR_INVALID_VALUE);

  CHECK(table == nullptr);
}

TEST_CASE("cuGetExportTable without an id or without a place for the table is an invalid value", "[contract]") {
  const CUuuid id{};
  const void* table = nullptr;
  CHECK(cuGetExportTable(nullptr, &id) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGetExportTable(&table, nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("a table keeps its address", "[contract]") {
  for (const Uuid& uuid : {kCudartInterface, kIntegrity}) CHECK(find_table(uuid) == find_table(uuid));
}

TEST_CASE("tables begin with a size that reaches the slots in use", "[contract]") {
  const auto words = [](const Uuid& uuid) {
    return (reinterpret_cast<uintptr_t>(find_table(uuid)[0]) & 0xffffffff) / 8;
  };
  CHECK(words(kCudartInterface) >= 10);
  CHECK(words(kToolsTls) >= 3);
  CHECK(words(kCallbackHooks) >= 7);
  CHECK(words(kContextChecks) >= 4);
  CHECK(words(kIntegrity) >= 2);
  CHECK(words(kContextTools) >= 52);
}

TEST_CASE("asking for the primary context's handle does not activate the context", "[contract]") {
  REQUIRE_DEVICE();
  REQUIRE(cuDevicePrimaryCtxReset_v2(0) == CUDA_SUCCESS);
  REQUIRE_FALSE(is_primary_active());

  primary_context();

  CHECK_FALSE(is_primary_active());
}

TEST_CASE("the primary context's handle is what a retain gives, before and after a reset", "[contract]") {
  REQUIRE_DEVICE();
  const CUcontext before = primary_context();
  CUcontext retained = nullptr;
  REQUIRE(cuDevicePrimaryCtxRetain(&retained, 0) == CUDA_SUCCESS);
  CHECK(retained == before);
  REQUIRE(cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS);
  REQUIRE(cuDevicePrimaryCtxReset_v2(0) == CUDA_SUCCESS);

  CHECK(primary_context() == before);
}

TEST_CASE("an unretained primary context can be made current and knows its device", "[contract]") {
  REQUIRE_DEVICE();
  REQUIRE(cuDevicePrimaryCtxReset_v2(0) == CUDA_SUCCESS);
  CUdevice device = -1;

  REQUIRE(cuCtxSetCurrent(primary_context()) == CUDA_SUCCESS);
  CHECK(cuCtxGetDevice(&device) == CUDA_SUCCESS);

  CHECK(device == 0);
  CHECK(cuCtxSetCurrent(nullptr) == CUDA_SUCCESS);
}

TEST_CASE("the tools' current context is the current context", "[contract]") {
  REQUIRE_DEVICE();
  const auto tools_current = slot<CUresult(CUcontext*)>(kToolsTls, 2);
  REQUIRE(cuCtxSetCurrent(nullptr) == CUDA_SUCCESS);
  CUcontext none = reinterpret_cast<CUcontext>(1), own = nullptr;
  CHECK(tools_current(&none) == CUDA_SUCCESS);
  CHECK(none == nullptr);
  const OwnContext context;

  CHECK(tools_current(&own) == CUDA_SUCCESS);

  CHECK(own == context.get());
}

TEST_CASE("no tool watches the runtime's calls", "[contract]") {
  for (const auto& [index, words] : {std::pair{2, 1024}, std::pair{6, 14}}) {
    void* flags = nullptr;
    size_t count = 0;
    slot<void(void**, size_t*)>(kCallbackHooks, static_cast<size_t>(index))(&flags, &count);
    REQUIRE(count == static_cast<size_t>(words));
    const uint32_t* word = static_cast<uint32_t*>(flags);
    CHECK(std::all_of(word, word + count, [](uint32_t value) { return value == 0; }));
  }
}

TEST_CASE("the callback hooks of a table without tools exist", "[contract]") {
  for (const size_t index : {1, 3, 4, 5}) CHECK(find_table(kCallbackHooks)[index] != nullptr);
}

TEST_CASE("a primary context is an ordinary context", "[contract]") {
  REQUIRE_DEVICE();
  uint32_t kind = 7;
  void* inner = &kind;

  CHECK(slot<CUresult(CUcontext, uint32_t*, void**)>(kContextChecks, 2)(primary_context(), &kind, &inner) ==
        CUDA_SUCCESS);

  CHECK(kind == 0);
  CHECK(inner == &kind);
}

TEST_CASE("a question about the kind of no context is about the current one", "[contract]") {
  REQUIRE_DEVICE();
  const auto kind_of = slot<CUresult(CUcontext, uint32_t*, void**)>(kContextChecks, 2);
  uint32_t kind = 7;
  void* inner = &kind;
  REQUIRE(cuCtxSetCurrent(nullptr) == CUDA_SUCCESS);
  CHECK(kind_of(nullptr, &kind, &inner) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(kind == 7);
  const OwnContext context;
  CHECK(kind_of(nullptr, &kind, &inner) == CUDA_SUCCESS);
  CHECK(kind == 0);
}

TEST_CASE("the runtime's one question about special modes is answered no", "[contract]") {
  REQUIRE_DEVICE();
  CHECK(slot<uint32_t()>(kContextChecks, 3)() == 0);
}

TEST_CASE("the tools' context id is the context's id", "[contract]") {
  REQUIRE_DEVICE();
  const OwnContext context;
  unsigned long long expected = 0;
  uint64_t id = 0;
  REQUIRE(cuCtxGetId(context.get(), &expected) == CUDA_SUCCESS);

  CHECK(slot<CUresult(CUcontext, uint64_t*)>(kContextTools, 4)(context.get(), &id) == CUDA_SUCCESS);

  CHECK(id == expected);
}

TEST_CASE("the tools' object of a stream carries the stream's id", "[contract]") {
  REQUIRE_DEVICE();
  const OwnContext context;
  const auto object_of = slot<StreamObject>(kContextTools, 51);
  const auto id_of = slot<CUresult(CUcontext, void*, uint64_t*)>(kContextTools, 39);
  CUstream own = nullptr;
  REQUIRE(cuStreamCreate(&own, 0) == CUDA_SUCCESS);
  for (const CUstream stream : {CUstream{}, CU_STREAM_LEGACY, CU_STREAM_PER_THREAD, own}) {
    INFO("stream " << stream);
    unsigned long long expected = 0;
    void* object = nullptr;
    uint64_t id = 0;
    REQUIRE(object_of(context.get(), stream, &object, 0) == CUDA_SUCCESS);
    CHECK(object != nullptr);
    CHECK(id_of(context.get(), object, &id) == CUDA_SUCCESS);
    // Last, because a thread's own stream is made on its first use and has no id of its own before.
    REQUIRE(cuStreamGetId(stream, &expected) == CUDA_SUCCESS);
    CHECK(id == expected);
  }
}

TEST_CASE("the tools' object of no stream is that of the default stream the caller means", "[contract]") {
  REQUIRE_DEVICE();
  const OwnContext context;
  const auto object_of = slot<StreamObject>(kContextTools, 51);
  const auto id_of = slot<CUresult(CUcontext, void*, uint64_t*)>(kContextTools, 39);
  for (const auto& [flag, expected_stream] : {std::pair{0, CU_STREAM_LEGACY}, std::pair{1, CU_STREAM_PER_THREAD}}) {
    void* object = nullptr;
    uint64_t id = 0;
    unsigned long long expected = 0;
    REQUIRE(object_of(context.get(), nullptr, &object, static_cast<uint8_t>(flag)) == CUDA_SUCCESS);
    REQUIRE(id_of(context.get(), object, &id) == CUDA_SUCCESS);
    REQUIRE(cuStreamGetId(expected_stream, &expected) == CUDA_SUCCESS);
    CHECK(id == expected);
  }
}

TEST_CASE("the tools have no object of a stream that does not exist", "[contract]") {
  REQUIRE_DEVICE();
  const OwnContext context;
  int untouched = 0;
  void* object = &untouched;
  const auto object_of = slot<StreamObject>(kContextTools, 51);
  CHECK(object_of(context.get(), reinterpret_cast<CUstream>(-1), &object, 0) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(object_of(nullptr, nullptr, &object, 0) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(object == &untouched);
}

TEST_CASE("the tools' walk over a module visits each function and returns their number", "[contract]") {
  REQUIRE_DEVICE();
  const OwnContext context;
  CUmodule module = nullptr;
  const char* two_functions =
      ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry first() { ret; }\n.visible .entry second() { "
      "ret; }\n";
  REQUIRE(cuModuleLoadData(&module, two_functions) == CUDA_SUCCESS);
  std::set<std::string> visited;
  const auto note = +[](void* user, CUfunction function, const char* name) {
    const char* expected = nullptr;
    CHECK(cuFuncGetName(&expected, function) == CUDA_SUCCESS);
    CHECK(std::string(name) == expected);
    static_cast<std::set<std::string>*>(user)->insert(name);
  };

  const int count = slot<int(CUcontext, CUmodule, void (*)(void*, CUfunction, const char*), void*)>(kModuleTools, 7)(
      context.get(), module, note, &visited);

  CHECK(count == 2);
  CHECK(visited == std::set<std::string>{"first", "second"});
}
