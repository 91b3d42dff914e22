// SPDX-License-Identifier: Apache-2.0
// Calls with one thing wrong, and what CUDA answers: one row per call. Where a driver does not have the call at all,
// the row is passed over. A second look at the context after each family: a refused call must leave no error behind.
// For wrong_calls.tests.cpp and wrong_memory_calls.tests.cpp.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "tests/contract/fixture.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace contract {

// Somewhere for every result to go, and one living object of each kind.
struct Scene {
  CUdevice gpu = 0, device = 0;
  CUcontext context_of_test = nullptr, context = nullptr;
  CUdeviceptr buffer = 0, address = 0;
  CUstream live_stream = nullptr, stream = nullptr;
  CUevent live_event = nullptr, event = nullptr;
  CUmodule live_module = nullptr, module = nullptr;
  CUfunction live_function = nullptr, function = nullptr;
  CUgraph live_graph = nullptr, graph = nullptr;
  CUgraphNode live_node = nullptr, node = nullptr;
  CUmemoryPool default_pool = nullptr, pool = nullptr;
  CUgraphExec exec = nullptr;
  CUgraphExecUpdateResultInfo update = {};
  CUgraphNodeType node_type = CU_GRAPH_NODE_TYPE_EMPTY;
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CUmemGenericAllocationHandle memory = 0;
  CUarray array = nullptr;
  CUmipmappedArray mipmap = nullptr;
  CUDA_ARRAY_DESCRIPTOR flat = {};
  CUDA_ARRAY3D_DESCRIPTOR box = {};
  CUDA_RESOURCE_DESC resource = {};
  CUDA_TEXTURE_DESC texture = {};
  CUtensorMap tensor_map = {};
  CUstreamAttrValue stream_value = {};
  CUuuid uuid = {};
  unsigned long long wide = 0;
  size_t size = 0;
  void* pointer = nullptr;
  const char* name = nullptr;
  char text[64] = {};
  int number = 0, other = 0;
  unsigned word = 0;
  float real = 0;
};

struct WrongCall {
  const char* text;
  CUresult (*call)(Scene&);
  CUresult expected;
};

// The documentation leaves the code open, and no card has settled it yet: any error will do.
inline constexpr CUresult kAnyError = CUDA_SUCCESS;

#define WRONG(expected, ...)                                                                          \
  {                                                                                                   \
#__VA_ARGS__, [](Scene & s) -> CUresult { return (static_cast<void>(s), __VA_ARGS__); }, expected \
  }

inline constexpr const char* kEmptyKernel =
    ".version 6.0\n.target sm_50\n.address_size 64\n.visible .entry empty() { ret; }\n";

// For whoever compares two drivers' answers (tests/gpu/wrong_calls): "result call" in the file that WRONG_CALLS_LOG
// names.
inline void note(const char* call, CUresult result) {
  const char* const path = std::getenv("WRONG_CALLS_LOG");
  std::FILE* const log = path == nullptr ? nullptr : std::fopen(path, "a");
  if (log == nullptr) return;
  std::fprintf(log, "%d %s\n", static_cast<int>(result), call);
  std::fclose(log);
}

class Wrong : public Gpu {
 public:
  Wrong() : buffer_(4096), module_(kEmptyKernel) {
    scene_.gpu = device;
    scene_.context_of_test = context;
    scene_.buffer = buffer_;
    scene_.live_stream = stream_;
    scene_.live_event = event_;
    scene_.live_module = module_;
    scene_.live_function = module_.function("empty");
    scene_.live_graph = graph_;
    REQUIRE_CUDA(cuGraphAddEmptyNode(&scene_.live_node, graph_, nullptr, 0));
    REQUIRE_CUDA(cuDeviceGetDefaultMemPool(&scene_.default_pool, device));
  }

  template <size_t N>
  void run(const WrongCall (&calls)[N]) {
    for (const WrongCall& wrong : calls) {
      INFO(wrong.text);
      const CUresult result = wrong.call(scene_);
      note(wrong.text, result);
      if (result == CUDA_ERROR_NOT_SUPPORTED) continue;
      if (wrong.expected == kAnyError) CHECK(result != CUDA_SUCCESS);
      else CHECK(result == wrong.expected);
    }
    CHECK_CUDA(cuCtxSynchronize());
    CUcontext current = nullptr;
    CHECK_CUDA(cuCtxGetCurrent(&current));
    CHECK(current == context);
  }

 private:
  Scene scene_;
  DeviceBuffer buffer_;
  Module module_;
  Stream stream_;
  Event event_;
  Graph graph_;
};

}  // namespace contract
