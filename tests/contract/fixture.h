// SPDX-License-Identifier: Apache-2.0
// What contract tests share: a device with its primary context current, owners for memory, streams, events and
// modules, a gate that holds a stream back, and CUresult printed by name. The primary context stays retained from the
// first test to the end of the process, because making one takes a quarter of a second on a real card. Assertions of
// Catch2 belong to the test's own thread: other threads collect results and the test looks at them after joining.
#pragma once

#include <cuda.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/test.h"

namespace Catch {
template <>
struct StringMaker<CUresult> {
  static std::string convert(CUresult result) {
    const char* name = nullptr;
    const bool known = cuGetErrorName(result, &name) == CUDA_SUCCESS && name;
    return (known ? std::string(name) : std::string("CUresult")) + " (" + std::to_string(static_cast<int>(result)) +
           ")";
  }
};
}  // namespace Catch

#define REQUIRE_CUDA(call) REQUIRE((call) == CUDA_SUCCESS)
#define CHECK_CUDA(call) CHECK((call) == CUDA_SUCCESS)
// For refusals whose code the documentation leaves open.
#define CHECK_REFUSED(call) CHECK((call) != CUDA_SUCCESS)

namespace contract {

// Tests that watch the primary context's state begin with nobody holding it.
inline void drop_shared_primary() {
  cuCtxSetCurrent(nullptr);
  while (cuDevicePrimaryCtxRelease(0) == CUDA_SUCCESS) {
  }
}

// Device 0's primary context, retained by the first test that asks and again after a test that reset or dropped it.
inline CUcontext shared_primary() {
  static CUcontext context = nullptr;
  unsigned flags = 0;
  int active = 0;
  REQUIRE_CUDA(cuDevicePrimaryCtxGetState(0, &flags, &active));
  if (!active || !context) REQUIRE_CUDA(cuDevicePrimaryCtxRetain(&context, 0));
  return context;
}

inline void empty_context_stack() {
  CUcontext popped = nullptr;
  for (int depth = 0; depth < 100 && cuCtxPopCurrent(&popped) == CUDA_SUCCESS; ++depth) {
  }
}

// The fixture of most tests: device 0, its primary context alone on the thread's stack.
class Gpu {
 public:
  Gpu() {
    REQUIRE_CUDA(cuInit(0));
    REQUIRE_CUDA(cuDeviceGet(&device, 0));
    empty_context_stack();
    context = shared_primary();
    REQUIRE_CUDA(cuCtxSetCurrent(context));
  }

  int attribute(CUdevice_attribute which) const {
    int value = -1;
    REQUIRE_CUDA(cuDeviceGetAttribute(&value, which, device));
    return value;
  }

  CUdevice device = -1;
  CUcontext context = nullptr;
};

// Only a driver that is initialised, no context: for the tests of contexts themselves.
class NoContext {
 public:
  NoContext() {
    REQUIRE_CUDA(cuInit(0));
    REQUIRE_CUDA(cuDeviceGet(&device, 0));
    empty_context_stack();
  }
  ~NoContext() { empty_context_stack(); }

  CUdevice device = -1;
};

class DeviceBuffer {
 public:
  explicit DeviceBuffer(size_t bytes) : size(bytes) { REQUIRE_CUDA(cuMemAlloc(&address, bytes)); }
  ~DeviceBuffer() { cuMemFree(address); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  operator CUdeviceptr() const { return address; }

  CUdeviceptr address = 0;
  size_t size = 0;
};

class HostBuffer {
 public:
  explicit HostBuffer(size_t bytes, unsigned flags = 0) : size(bytes) {
    void* memory = nullptr;
    REQUIRE_CUDA(cuMemHostAlloc(&memory, bytes, flags));
    data = static_cast<unsigned char*>(memory);
  }
  ~HostBuffer() { cuMemFreeHost(data); }
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;

  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
  CUdeviceptr device() const {
    CUdeviceptr address = 0;
    REQUIRE_CUDA(cuMemHostGetDevicePointer(&address, data, 0));
    return address;
  }

  unsigned char* data = nullptr;
  size_t size = 0;
};

class Stream {
 public:
  explicit Stream(unsigned flags = CU_STREAM_NON_BLOCKING) { REQUIRE_CUDA(cuStreamCreate(&handle, flags)); }
  ~Stream() { cuStreamDestroy(handle); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  operator CUstream() const { return handle; }
  void synchronize() const { REQUIRE_CUDA(cuStreamSynchronize(handle)); }

  CUstream handle = nullptr;
};

class Event {
 public:
  explicit Event(unsigned flags = CU_EVENT_DEFAULT) { REQUIRE_CUDA(cuEventCreate(&handle, flags)); }
  ~Event() { cuEventDestroy(handle); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  operator CUevent() const { return handle; }

  CUevent handle = nullptr;
};

class Module {
 public:
  explicit Module(const char* ptx) { REQUIRE_CUDA(cuModuleLoadData(&handle, ptx)); }
  ~Module() { cuModuleUnload(handle); }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  operator CUmodule() const { return handle; }
  CUfunction function(const char* name) const {
    CUfunction found = nullptr;
    REQUIRE_CUDA(cuModuleGetFunction(&found, handle, name));
    return found;
  }

  CUmodule handle = nullptr;
};

class Graph {
 public:
  Graph() { REQUIRE_CUDA(cuGraphCreate(&handle, 0)); }
  explicit Graph(CUgraph graph) : handle(graph) {}
  ~Graph() { cuGraphDestroy(handle); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  operator CUgraph() const { return handle; }

  CUgraph handle = nullptr;
};

class GraphExec {
 public:
  explicit GraphExec(CUgraph graph) { REQUIRE_CUDA(cuGraphInstantiate(&handle, graph, 0)); }
  ~GraphExec() { cuGraphExecDestroy(handle); }
  GraphExec(const GraphExec&) = delete;
  GraphExec& operator=(const GraphExec&) = delete;

  operator CUgraphExec() const { return handle; }

  CUgraphExec handle = nullptr;
};

// Holds back everything that comes after it in a stream, by a host function that waits until open(). The function
// gives up after ten seconds, so a driver that runs it inside the call fails the test instead of hanging.
class Gate {
 public:
  explicit Gate(CUstream stream) : state_(std::make_shared<State>()) {
    auto* argument = new std::shared_ptr<State>(state_);
    const CUresult result = cuLaunchHostFunc(stream, wait, argument);
    if (result != CUDA_SUCCESS) delete argument;
    REQUIRE(result == CUDA_SUCCESS);
  }
  ~Gate() { open(); }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;

  void open() { state_->is_open = true; }
  bool timed_out() const { return state_->timed_out; }

 private:
  struct State {
    std::atomic<bool> is_open{false};
    std::atomic<bool> timed_out{false};
  };

  static void wait(void* data) {
    std::unique_ptr<std::shared_ptr<State>> state(static_cast<std::shared_ptr<State>*>(data));
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!(*state)->is_open && std::chrono::steady_clock::now() < limit)
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    if (!(*state)->is_open) (*state)->timed_out = true;
  }

  std::shared_ptr<State> state_;
};

// Launches a kernel over one dimension; the arguments' addresses go into kernelParams as they are.
template <class... Arguments>
CUresult launch(CUfunction function, unsigned blocks, unsigned threads, CUstream stream, Arguments... arguments) {
  void* parameters[] = {static_cast<void*>(&arguments)..., nullptr};
  return cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, parameters, nullptr);
}

inline std::vector<unsigned> read_words(CUdeviceptr address, size_t count) {
  std::vector<unsigned> words(count, 0xdeadbeefu);
  REQUIRE_CUDA(cuMemcpyDtoH(words.data(), address, count * sizeof(unsigned)));
  return words;
}

inline std::vector<unsigned char> read_bytes(CUdeviceptr address, size_t count) {
  std::vector<unsigned char> bytes(count, 0xee);
  REQUIRE_CUDA(cuMemcpyDtoH(bytes.data(), address, count));
  return bytes;
}

// Bytes that differ from their neighbours, from one place to the next and from page to page.
inline std::vector<unsigned char> pattern(size_t count, unsigned seed = 1) {
  std::vector<unsigned char> bytes(count);
  uint32_t state = seed * 2654435761u + 1;
  for (unsigned char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<unsigned char>(state >> 24);
  }
  return bytes;
}

inline std::vector<unsigned> repeated(size_t count, unsigned value) { return std::vector<unsigned>(count, value); }

}  // namespace contract

using namespace contract;
