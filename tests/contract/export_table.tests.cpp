// SPDX-License-Identifier: Apache-2.0
// The private tables that NVIDIA's runtime relies on (docs/export-tables.md), as far as a driver's answers to them
// have been observed: this file holds on NVIDIA's own library too.
#include "common/face/cuda_api.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/support/test.h"

namespace {

using Uuid = std::array<unsigned char, 16>;
constexpr Uuid kCudartInterface = {0x6b, 0xd5, 0xfb, 0x6c, 0x5b, 0xf4, 0xe7, 0x4a,
                                   0x89, 0x87, 0xd9, 0x39, 0x12, 0xfd, 0x9d, 0xf9};
constexpr Uuid kToolsTls = {0x42, 0xd8, 0x5a, 0x81, 0x23, 0xf6, 0xcb, 0x47,
                            0x82, 0x98, 0xf6, 0xe7, 0x8a, 0x3a, 0xec, 0xdc};
constexpr Uuid kCallbackHooks = {0xa0, 0x94, 0x79, 0x8c, 0x2e, 0x74, 0x2e, 0x74,
                                 0x93, 0xf2, 0x08, 0x00, 0x20, 0x0c, 0x0a, 0x66};
constexpr Uuid kContextStorage = {0xc6, 0x93, 0x33, 0x6e, 0x11, 0x21, 0xdf, 0x11,
                                  0xa8, 0xc3, 0x68, 0xf3, 0x55, 0xd8, 0x95, 0x93};
constexpr Uuid kContextChecks = {0x26, 0x3e, 0x88, 0x60, 0x7c, 0xd2, 0x61, 0x43,
                                 0x92, 0xf6, 0xbb, 0xd5, 0x00, 0x6d, 0xfa, 0x7e};
constexpr Uuid kIntegrity = {0xd4, 0x08, 0x20, 0x55, 0xbd, 0xe6, 0x70, 0x4b,
                             0x8d, 0x34, 0xba, 0x12, 0x3c, 0x66, 0xe1, 0xf2};
constexpr Uuid kContextTools = {0x21, 0x31, 0x8c, 0x60, 0x97, 0x14, 0x32, 0x48,
                                0x8c, 0xa6, 0x41, 0xff, 0x73, 0x24, 0xc8, 0xf2};
constexpr Uuid kModuleTools = {0x6e, 0x16, 0x3f, 0xbe, 0xb9, 0x58, 0x44, 0x4d,
                               0x83, 0x5c, 0xe1, 0x82, 0xaf, 0xf1, 0x99, 0x1e};

const void* const* find_table(const Uuid& uuid) {
  CUuuid id;
  std::copy(uuid.begin(), uuid.end(), id.bytes);
  const void* table = nullptr;
  REQUIRE(cuGetExportTable(&table, &id) == CUDA_SUCCESS);
  REQUIRE(table != nullptr);
  return static_cast<const void* const*>(table);
}

template <class Function>
Function* slot(const Uuid& uuid, size_t index) {
  const void* entry = find_table(uuid)[index];
  REQUIRE(entry != nullptr);
  return reinterpret_cast<Function*>(const_cast<void*>(entry));
}

bool has_device() {
  int count = 0;
  return cuInit(0) == CUDA_SUCCESS && cuDeviceGetCount(&count) == CUDA_SUCCESS && count > 0;
}

// --- A, slot 2.
using PrimaryContext = CUresult(CUcontext*, CUdevice);

CUcontext primary_context() {
  CUcontext context = nullptr;
  REQUIRE(slot<PrimaryContext>(kCudartInterface, 2)(&context, 0) == CUDA_SUCCESS);
  REQUIRE(context != nullptr);
  return context;
}

bool is_primary_active() {
  unsigned flags = 0;
  int active = 0;
  REQUIRE(cuDevicePrimaryCtxGetState(0, &flags, &active) == CUDA_SUCCESS);
  return active != 0;
}

// --- D.
using Destructor = void(CUcontext, void* key, void* value);
using Put = CUresult(CUcontext, void* key, void* value, Destructor*);
using Remove = CUresult(CUcontext, void* key);
using Get = CUresult(void** value, CUcontext, void* key);

Put* put() { return slot<Put>(kContextStorage, 0); }
Remove* remove_key() { return slot<Remove>(kContextStorage, 1); }
Get* get() { return slot<Get>(kContextStorage, 2); }

// A context of the test's own, current from create to destroy.
class OwnContext {
 public:
  OwnContext() { REQUIRE(cuCtxCreate_v2(&context_, 0, 0) == CUDA_SUCCESS); }
  ~OwnContext() { destroy(); }
  void destroy() {
    if (context_ != nullptr) cuCtxDestroy_v2(context_);
    context_ = nullptr;
  }
  CUcontext get() const { return context_; }

 private:
  CUcontext context_ = nullptr;
};

struct Destroyed {
  void* key;
  void* value;
  CUcontext current;
  CUresult device_result;
  CUresult allocation_result;
};
std::vector<Destroyed> destroyed;

void note_destroyed(CUcontext, void* key, void* value) {
  Destroyed entry{key, value, nullptr, CUDA_ERROR_UNKNOWN, CUDA_ERROR_UNKNOWN};
  CUdevice device = -1;
  CUdeviceptr memory = 0;
  cuCtxGetCurrent(&entry.current);
  entry.device_result = cuCtxGetDevice(&device);
  entry.allocation_result = cuMemAlloc_v2(&memory, 4096);
  destroyed.push_back(entry);
}

int keys[3], values[3];

}  // namespace

#define REQUIRE_DEVICE() \
  if (!has_device()) SKIP("no device")

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

// The last argument: whether NULL means the calling thread's own default stream.
using StreamObject = CUresult(CUcontext, CUstream, void** object, uint8_t is_per_thread);

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
  void* object = &keys[0];
  const auto object_of = slot<StreamObject>(kContextTools, 51);
  CHECK(object_of(context.get(), reinterpret_cast<CUstream>(-1), &object, 0) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(object_of(nullptr, nullptr, &object, 0) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(object == &keys[0]);
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

TEST_CASE("context storage without a context is an invalid context", "[contract]") {
  REQUIRE_DEVICE();
  REQUIRE(cuCtxSetCurrent(nullptr) == CUDA_SUCCESS);
  void* value = &values[0];
  CHECK(put()(nullptr, &keys[0], &values[0], nullptr) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(get()(&value, nullptr, &keys[0]) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(value == &values[0]);
}

TEST_CASE("context storage of an unretained primary context works", "[contract]") {
  REQUIRE_DEVICE();
  REQUIRE(cuDevicePrimaryCtxReset_v2(0) == CUDA_SUCCESS);
  const CUcontext context = primary_context();
  void* value = nullptr;

  REQUIRE(put()(context, &keys[0], &values[0], nullptr) == CUDA_SUCCESS);

  CHECK(get()(&value, context, &keys[0]) == CUDA_SUCCESS);
  CHECK(value == &values[0]);
  CHECK(remove_key()(context, &keys[0]) == CUDA_SUCCESS);
}

TEST_CASE("context storage of no context is that of the current one", "[contract]") {
  REQUIRE_DEVICE();
  const OwnContext context;
  void* value = nullptr;

  REQUIRE(put()(nullptr, &keys[0], &values[0], nullptr) == CUDA_SUCCESS);

  CHECK(get()(&value, context.get(), &keys[0]) == CUDA_SUCCESS);
  CHECK(value == &values[0]);
}

TEST_CASE("a key of context storage cannot be put twice", "[contract]") {
  REQUIRE_DEVICE();
  const OwnContext context;
  void* value = nullptr;
  REQUIRE(put()(context.get(), &keys[0], &values[0], nullptr) == CUDA_SUCCESS);

  CHECK(put()(context.get(), &keys[0], &values[1], nullptr) == CUDA_ERROR_INVALID_HANDLE);

  CHECK(get()(&value, context.get(), &keys[0]) == CUDA_SUCCESS);
  CHECK(value == &values[0]);
}

TEST_CASE("a missing key of context storage is an invalid handle and leaves the result alone", "[contract]") {
  REQUIRE_DEVICE();
  const OwnContext context;
  void* value = &values[2];
  CHECK(get()(&value, context.get(), &keys[0]) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(value == &values[2]);
  CHECK(remove_key()(context.get(), &keys[0]) == CUDA_ERROR_INVALID_HANDLE);
}

TEST_CASE("removing a key of context storage does not call its destructor", "[contract]") {
  REQUIRE_DEVICE();
  OwnContext context;
  destroyed.clear();
  REQUIRE(put()(context.get(), &keys[0], &values[0], note_destroyed) == CUDA_SUCCESS);

  CHECK(remove_key()(context.get(), &keys[0]) == CUDA_SUCCESS);
  context.destroy();

  CHECK(destroyed.empty());
}

TEST_CASE("destroying a context runs the destructors of its storage, newest first", "[contract]") {
  REQUIRE_DEVICE();
  OwnContext context;
  const CUcontext handle = context.get();
  destroyed.clear();
  for (int i = 0; i < 3; ++i) REQUIRE(put()(handle, &keys[i], &values[i], note_destroyed) == CUDA_SUCCESS);

  context.destroy();

  REQUIRE(destroyed.size() == 3);
  for (size_t i = 0; i < 3; ++i) {
    CHECK(destroyed[i].key == &keys[2 - i]);
    CHECK(destroyed[i].value == &values[2 - i]);
    CHECK(destroyed[i].current == handle);
    CHECK(destroyed[i].device_result == CUDA_SUCCESS);
    CHECK(destroyed[i].allocation_result == CUDA_ERROR_CONTEXT_IS_DESTROYED);
  }
}

TEST_CASE("only the last release of a primary context runs the destructors of its storage", "[contract]") {
  REQUIRE_DEVICE();
  // Whatever other cases have retained: here the count begins at none.
  while (cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS) {
  }
  CUcontext context = nullptr;
  REQUIRE(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_SUCCESS);
  REQUIRE(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_SUCCESS);
  destroyed.clear();
  REQUIRE(put()(context, &keys[0], &values[0], note_destroyed) == CUDA_SUCCESS);

  REQUIRE(cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS);
  CHECK(destroyed.empty());
  REQUIRE(cuDevicePrimaryCtxRelease_v2(0) == CUDA_SUCCESS);

  CHECK(destroyed.size() == 1);
}

TEST_CASE("resetting a primary context runs the destructors of its storage and empties it", "[contract]") {
  REQUIRE_DEVICE();
  CUcontext context = nullptr;
  void* value = nullptr;
  REQUIRE(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_SUCCESS);
  destroyed.clear();
  REQUIRE(put()(context, &keys[0], &values[0], note_destroyed) == CUDA_SUCCESS);

  REQUIRE(cuDevicePrimaryCtxReset_v2(0) == CUDA_SUCCESS);

  CHECK(destroyed.size() == 1);
  CHECK(get()(&value, context, &keys[0]) == CUDA_ERROR_INVALID_HANDLE);
}
