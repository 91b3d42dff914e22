// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <vector>

#include "tests/runtime/fixture.h"

using namespace runtime_test;

TEST_CASE("no bytes are a NULL pointer", "[runtime][memory]") {
  void* memory = &memory;
  CHECK_OK(cudaMalloc(&memory, 0));
  CHECK(memory == nullptr);
  CHECK_OK(cudaFree(nullptr));
  CHECK_OK(cudaFreeHost(nullptr));
}

TEST_CASE("more memory than there is is refused", "[runtime][memory]") {
  void* memory = nullptr;
  CHECK_ERROR(cudaMalloc(&memory, size_t{1} << 50), cudaErrorMemoryAllocation);
}

TEST_CASE("what was not allocated is not freed", "[runtime][memory]") {
  int local = 0;
  CHECK_ERROR(cudaFree(&local), cudaErrorInvalidValue);
}

TEST_CASE("copies go each way", "[runtime][memory]") {
  const int in[] = {1, 2, 3};
  int out[3] = {};
  DeviceInts a(3);
  DeviceInts b(3);
  REQUIRE_OK(cudaMemcpy(a, in, sizeof in, cudaMemcpyHostToDevice));
  REQUIRE_OK(cudaMemcpy(b, a, sizeof in, cudaMemcpyDeviceToDevice));
  REQUIRE_OK(cudaMemcpy(out, b, sizeof in, cudaMemcpyDefault));
  CHECK(std::memcmp(in, out, sizeof in) == 0);
  int host[3] = {};
  REQUIRE_OK(cudaMemcpy(host, in, sizeof in, cudaMemcpyHostToHost));
  CHECK(std::memcmp(in, host, sizeof in) == 0);
}

TEST_CASE("a direction that does not exist is refused", "[runtime][memory]") {
  int out = 0;
  DeviceInts a(1);
  CHECK_ERROR(cudaMemcpy(&out, a, sizeof out, static_cast<cudaMemcpyKind>(9)), cudaErrorInvalidMemcpyDirection);
}

TEST_CASE("sets fill bytes", "[runtime][memory]") {
  DeviceInts a(4);
  REQUIRE_OK(cudaMemset(a, 0x11, 4 * sizeof(int)));
  CHECK(a.first() == 0x11111111);
  CHECK_OK(cudaMemset(a, 0, 0));
}

TEST_CASE("rectangles are copied row by row", "[runtime][memory]") {
  constexpr size_t kWidth = 12;
  constexpr size_t kHeight = 5;
  char in[kHeight][kWidth];
  char out[kHeight][kWidth] = {};
  for (size_t y = 0; y < kHeight; ++y)
    for (size_t x = 0; x < kWidth; ++x) in[y][x] = static_cast<char>(y * kWidth + x);
  void* memory = nullptr;
  size_t pitch = 0;
  REQUIRE_OK(cudaMallocPitch(&memory, &pitch, kWidth, kHeight));
  CHECK(pitch >= kWidth);
  REQUIRE_OK(cudaMemcpy2D(memory, pitch, in, kWidth, kWidth, kHeight, cudaMemcpyHostToDevice));
  REQUIRE_OK(cudaMemcpy2D(out, kWidth, memory, pitch, kWidth, kHeight, cudaMemcpyDeviceToHost));
  CHECK(std::memcmp(in, out, sizeof in) == 0);
  CHECK_ERROR(cudaMemcpy2D(out, kWidth - 1, memory, pitch, kWidth, kHeight, cudaMemcpyDeviceToHost),
              cudaErrorInvalidPitchValue);
  CHECK_OK(cudaFree(memory));
}

TEST_CASE("boxes are copied and set", "[runtime][memory]") {
  const cudaExtent extent{8, 3, 2};
  cudaPitchedPtr box{};
  char out[48] = {};
  REQUIRE_OK(cudaMalloc3D(&box, extent));
  REQUIRE_OK(cudaMemset3D(box, 7, extent));
  cudaMemcpy3DParms copy{};
  copy.srcPtr = box;
  copy.dstPtr = {out, 8, 8, 3};
  copy.extent = extent;
  copy.kind = cudaMemcpyDeviceToHost;
  REQUIRE_OK(cudaMemcpy3D(&copy));
  CHECK(std::vector<char>(out, out + 48) == std::vector<char>(48, 7));
  CHECK_OK(cudaFree(box.ptr));
}

TEST_CASE("pointers say what they point at", "[runtime][memory]") {
  DeviceInts device(1);
  void* pinned = nullptr;
  void* managed = nullptr;
  int local = 0;
  cudaPointerAttributes about{};
  REQUIRE_OK(cudaMallocHost(&pinned, 64));
  REQUIRE_OK(cudaMallocManaged(&managed, 64, cudaMemAttachGlobal));
  REQUIRE_OK(cudaPointerGetAttributes(&about, static_cast<int*>(device)));
  CHECK(about.type == cudaMemoryTypeDevice);
  CHECK(about.device == 0);
  CHECK(about.devicePointer == static_cast<int*>(device));
  CHECK(about.hostPointer == nullptr);
  REQUIRE_OK(cudaPointerGetAttributes(&about, pinned));
  CHECK(about.type == cudaMemoryTypeHost);
  CHECK(about.hostPointer == pinned);
  REQUIRE_OK(cudaPointerGetAttributes(&about, managed));
  CHECK(about.type == cudaMemoryTypeManaged);
  CHECK(about.hostPointer == managed);
  REQUIRE_OK(cudaPointerGetAttributes(&about, &local));
  CHECK(about.type == cudaMemoryTypeUnregistered);
  CHECK(about.device == -2);
  CHECK(about.devicePointer == nullptr);
  CHECK_OK(cudaFreeHost(pinned));
  CHECK_OK(cudaFree(managed));
}

TEST_CASE("memory of a pool comes in a stream's order", "[runtime][memory]") {
  Stream stream;
  int* memory = nullptr;
  int value = 0;
  cudaMemPool_t pool = nullptr;
  REQUIRE_OK(cudaDeviceGetDefaultMemPool(&pool, 0));
  REQUIRE_OK(cudaMallocAsync(reinterpret_cast<void**>(&memory), sizeof(int), stream));
  launch_add(1, 1, stream, memory, 20, 3);
  REQUIRE_OK(cudaMemcpyAsync(&value, memory, sizeof value, cudaMemcpyDeviceToHost, stream));
  REQUIRE_OK(cudaFreeAsync(memory, stream));
  REQUIRE_OK(cudaStreamSynchronize(stream));
  CHECK(value == 23);
}

TEST_CASE("free memory is no more than there is", "[runtime][memory]") {
  size_t available = 0;
  size_t total = 0;
  REQUIRE_OK(cudaMemGetInfo(&available, &total));
  CHECK(available <= total);
  CHECK(total > 0);
}
