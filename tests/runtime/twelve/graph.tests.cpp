// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "tests/runtime/fixture.h"
#include "tests/runtime/twelve/calls.h"

using namespace runtime_test;
namespace twelve = vgpu::runtime::twelve;

namespace {

// Two empty nodes without an edge.
struct Pair {
  cudaGraph_t graph = nullptr;
  cudaGraphNode_t first = nullptr;
  cudaGraphNode_t second = nullptr;
  Pair() {
    REQUIRE_OK(cudaGraphCreate(&graph, 0));
    REQUIRE_OK(cudaGraphAddEmptyNode(&first, graph, nullptr, 0));
    REQUIRE_OK(cudaGraphAddEmptyNode(&second, graph, nullptr, 0));
  }
  ~Pair() { cudaGraphDestroy(graph); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
};

size_t edges_of(cudaGraph_t graph) {
  size_t count = 99;
  REQUIRE_OK(old_cudaGraphGetEdges(graph, nullptr, nullptr, &count));
  return count;
}

}  // namespace

TEST_CASE("edges are added, read and removed without data", "[twelve][graph]") {
  Pair pair;
  cudaGraphNode_t from = nullptr;
  cudaGraphNode_t to = nullptr;
  size_t count = 1;
  REQUIRE_OK(old_cudaGraphAddDependencies(pair.graph, &pair.first, &pair.second, 1));
  CHECK_OK(old_cudaGraphGetEdges(pair.graph, &from, &to, &count));
  CHECK((count == 1 && from == pair.first && to == pair.second));
  count = 1;
  CHECK_OK(old_cudaGraphNodeGetDependencies(pair.second, &from, &count));
  CHECK((count == 1 && from == pair.first));
  count = 1;
  CHECK_OK(old_cudaGraphNodeGetDependentNodes(pair.first, &to, &count));
  CHECK((count == 1 && to == pair.second));
  CHECK_OK(old_cudaGraphRemoveDependencies(pair.graph, &pair.first, &pair.second, 1));
  CHECK(edges_of(pair.graph) == 0);
}

TEST_CASE("edges are added, read and removed with data", "[twelve][graph]") {
  Pair pair;
  cudaGraphNode_t from = nullptr;
  cudaGraphNode_t to = nullptr;
  cudaGraphEdgeData data{};
  cudaGraphEdgeData read{1, 1, 1, {}};
  size_t count = 1;
  REQUIRE_OK(old_cudaGraphAddDependencies_v2(pair.graph, &pair.first, &pair.second, &data, 1));
  CHECK_OK(old_cudaGraphGetEdges_v2(pair.graph, &from, &to, &read, &count));
  CHECK((count == 1 && from == pair.first && to == pair.second && read.type == 0));
  count = 1;
  CHECK_OK(old_cudaGraphNodeGetDependencies_v2(pair.second, &from, &read, &count));
  CHECK((count == 1 && from == pair.first));
  count = 1;
  CHECK_OK(old_cudaGraphNodeGetDependentNodes_v2(pair.first, &to, &read, &count));
  CHECK((count == 1 && to == pair.second));
  CHECK_OK(old_cudaGraphRemoveDependencies_v2(pair.graph, &pair.first, &pair.second, nullptr, 1));
  CHECK(edges_of(pair.graph) == 0);
}

TEST_CASE("edges that cannot be are refused", "[twelve][graph]") {
  Pair pair;
  size_t count = 0;
  CHECK_REFUSED(old_cudaGraphAddDependencies(pair.graph, &pair.first, &pair.first, 1));
  CHECK_REFUSED(old_cudaGraphRemoveDependencies(pair.graph, &pair.first, &pair.second, 1));
  CHECK_ERROR(old_cudaGraphGetEdges(pair.graph, nullptr, nullptr, nullptr), cudaErrorInvalidValue);
  CHECK_OK(old_cudaGraphGetEdges(pair.graph, nullptr, nullptr, &count));
}

TEST_CASE("a node is added by its parameters, with edges' data or without", "[twelve][graph]") {
  Pair pair;
  cudaGraphNode_t node = nullptr;
  cudaGraphNode_t other = nullptr;
  cudaGraphEdgeData data{};
  cudaGraphNodeParams parameters{};
  parameters.type = cudaGraphNodeTypeEmpty;
  CHECK_OK(old_cudaGraphAddNode(&node, pair.graph, &pair.first, 1, &parameters));
  CHECK_OK(old_cudaGraphAddNode_v2(&other, pair.graph, &pair.second, &data, 1, &parameters));
  CHECK(edges_of(pair.graph) == 2);
  CHECK_REFUSED(old_cudaGraphAddNode(&node, pair.graph, nullptr, 0, nullptr));
}

TEST_CASE("a capture is described to each age of programs", "[twelve][capture]") {
  Stream stream;
  DeviceInts out(1);
  cudaStreamCaptureStatus status{};
  unsigned long long ids[3] = {1, 2, 3};
  cudaGraph_t graph = nullptr;
  cudaGraph_t same = nullptr;
  const cudaGraphNode_t* dependencies = nullptr;
  const cudaGraphEdgeData* edges = nullptr;
  size_t count = 99;
  CHECK_OK(old_cudaStreamGetCaptureInfo(stream, &status, &ids[0]));
  CHECK(status == cudaStreamCaptureStatusNone);
  REQUIRE_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  launch_add(1, 1, stream, out, 1, 2);
  CHECK_OK(old_cudaStreamGetCaptureInfo(stream, &status, &ids[0]));
  CHECK(status == cudaStreamCaptureStatusActive);
  CHECK_OK(old_cudaStreamGetCaptureInfo_v2(stream, &status, &ids[1], &graph, &dependencies, &count));
  CHECK((count == 1 && ids[1] == ids[0] && graph != nullptr));
  CHECK_OK(old_cudaStreamGetCaptureInfo_v3(stream, &status, &ids[2], &same, &dependencies, &edges, &count));
  CHECK((count == 1 && ids[2] == ids[0] && same == graph));
  CHECK_OK(old_cudaStreamUpdateCaptureDependencies(stream, nullptr, 0, cudaStreamSetCaptureDependencies));
  CHECK_OK(old_cudaStreamGetCaptureInfo_v2(stream, &status, nullptr, nullptr, nullptr, &count));
  CHECK(count == 0);
  CHECK_OK(old_cudaStreamUpdateCaptureDependencies_v2(stream, nullptr, nullptr, 0, cudaStreamAddCaptureDependencies));
  CHECK_OK(cudaStreamEndCapture(stream, &graph));
  CHECK_OK(cudaGraphDestroy(graph));
}

TEST_CASE("what other APIs share is refused, or taken, but not misread", "[twelve][foreign]") {
  // A descriptor that cannot be one.
  twelve::ExternalMemoryHandle memory{};
  twelve::ExternalSemaphoreHandle semaphore{};
  memory.type = cudaExternalMemoryHandleTypeOpaqueFd;
  memory.handle[0] = reinterpret_cast<void*>(0xffffffff);
  memory.size = 4096;
  semaphore.type = cudaExternalSemaphoreHandleTypeOpaqueFd;
  semaphore.handle[0] = reinterpret_cast<void*>(0xffffffff);
  cudaExternalMemory_t imported = nullptr;
  cudaExternalSemaphore_t imported_semaphore = nullptr;
  CHECK_REFUSED(old_cudaImportExternalMemory(&imported, &memory));
  CHECK_REFUSED(old_cudaImportExternalMemory(&imported, nullptr));
  CHECK_REFUSED(old_cudaImportExternalSemaphore(&imported_semaphore, &semaphore));
  CHECK_REFUSED(old_cudaImportExternalSemaphore(&imported_semaphore, nullptr));
  CHECK(imported == nullptr);
}

TEST_CASE("a launch on several devices needs something to launch", "[twelve][launch]") {
  CHECK_ERROR(old_cudaLaunchCooperativeKernelMultiDevice(nullptr, 1, 0), cudaErrorInvalidValue);
  twelve::LaunchParameters launch{};
  int unknown = 0;
  launch.function = &unknown;
  launch.grid = launch.block = dim3(1);
  CHECK_ERROR(old_cudaLaunchCooperativeKernelMultiDevice(&launch, 0, 0), cudaErrorInvalidValue);
  CHECK_ERROR(old_cudaLaunchCooperativeKernelMultiDevice(&launch, 1, 0), cudaErrorInvalidDeviceFunction);
}

// NVIDIA's driver (580) dies of a semaphore that is none.
TEST_CASE("semaphores of other APIs need values, in each age's layout", "[twelve][foreign][soft]") {
  cudaExternalSemaphore_t none = nullptr;
  twelve::SemaphoreSignalV1 signal{};
  twelve::SemaphoreWaitV1 wait{};
  cudaExternalSemaphoreSignalParams newer_signal{};
  cudaExternalSemaphoreWaitParams newer_wait{};
  CHECK_ERROR(old_cudaSignalExternalSemaphoresAsync(&none, nullptr, 1, nullptr), cudaErrorInvalidValue);
  CHECK_ERROR(old_cudaWaitExternalSemaphoresAsync(&none, nullptr, 1, nullptr), cudaErrorInvalidValue);
  CHECK_REFUSED(old_cudaSignalExternalSemaphoresAsync(&none, &signal, 1, nullptr));
  CHECK_REFUSED(old_cudaWaitExternalSemaphoresAsync(&none, &wait, 1, nullptr));
  CHECK_REFUSED(old_cudaSignalExternalSemaphoresAsync_v2(&none, &newer_signal, 1, nullptr));
  CHECK_REFUSED(old_cudaWaitExternalSemaphoresAsync_v2(&none, &newer_wait, 1, nullptr));
}

TEST_CASE("memory of other APIs is mapped by a description", "[twelve][foreign]") {
  void* address = nullptr;
  CHECK_ERROR(old_cudaExternalMemoryGetMappedBuffer(&address, nullptr, nullptr), cudaErrorInvalidValue);
}
