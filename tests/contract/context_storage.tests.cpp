// SPDX-License-Identifier: Apache-2.0
// What tools and libraries keep with a context, by a private table (docs/export-tables.md), as far as a driver's
// answers have been observed: this file holds on NVIDIA's own library too.
#include <vector>

#include "tests/contract/export_tables.h"

using namespace contract;

namespace {

using Destructor = void(CUcontext, void* key, void* value);
using Put = CUresult(CUcontext, void* key, void* value, Destructor*);
using Remove = CUresult(CUcontext, void* key);
using Get = CUresult(void** value, CUcontext, void* key);

Put* put() { return slot<Put>(kContextStorage, 0); }
Remove* remove_key() { return slot<Remove>(kContextStorage, 1); }
Get* get() { return slot<Get>(kContextStorage, 2); }

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
