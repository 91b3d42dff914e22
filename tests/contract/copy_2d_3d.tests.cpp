// SPDX-License-Identifier: Apache-2.0
// Copies with pitch, in two and three dimensions. CUDA driver API: cuMemcpy2D, cuMemcpy2DUnaligned, cuMemcpy3D.
#include "tests/contract/fixture.h"

namespace {

struct Plane {
  size_t width, height, pitch;

  size_t bytes() const { return pitch * height; }
};

CUDA_MEMCPY2D host_to_device(const void* host, size_t host_pitch, CUdeviceptr device, size_t device_pitch, size_t width,
                             size_t height) {
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = host;
  copy.srcPitch = host_pitch;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = device;
  copy.dstPitch = device_pitch;
  copy.WidthInBytes = width;
  copy.Height = height;
  return copy;
}

CUDA_MEMCPY2D device_to_host(CUdeviceptr device, size_t device_pitch, void* host, size_t host_pitch, size_t width,
                             size_t height) {
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = device;
  copy.srcPitch = device_pitch;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstHost = host;
  copy.dstPitch = host_pitch;
  copy.WidthInBytes = width;
  copy.Height = height;
  return copy;
}

// How many bytes of the copied rectangle differ, and how many outside it were written.
size_t differences(const std::vector<unsigned char>& from, size_t from_pitch, const std::vector<unsigned char>& to,
                   size_t to_pitch, size_t width, size_t height, unsigned char untouched) {
  size_t wrong = 0;
  for (size_t y = 0; y < height; ++y)
    for (size_t x = 0; x < to_pitch; ++x)
      wrong += to[y * to_pitch + x] != (x < width ? from[y * from_pitch + x] : untouched);
  return wrong;
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a 2D copy moves a rectangle and nothing else", "[contract][copy2d]") {
  const Plane host{100, 40, 128}, device_plane{100, 40, 512};
  const auto bytes = pattern(host.bytes());
  DeviceBuffer memory(device_plane.bytes());
  REQUIRE_CUDA(cuMemsetD8(memory, 0x77, device_plane.bytes()));
  const auto copy = host_to_device(bytes.data(), host.pitch, memory, device_plane.pitch, 100, 40);
  REQUIRE_CUDA(cuMemcpy2D(&copy));
  CHECK(differences(bytes, 128, read_bytes(memory, device_plane.bytes()), 512, 100, 40, 0x77) == 0);
}

TEST_CASE_METHOD(Gpu, "a 2D copy back keeps the bytes between the rows", "[contract][copy2d]") {
  DeviceBuffer memory(256 * 20);
  const auto bytes = pattern(256 * 20);
  REQUIRE_CUDA(cuMemcpyHtoD(memory, bytes.data(), bytes.size()));
  std::vector<unsigned char> back(90 * 20, 0x33);
  const auto copy = device_to_host(memory, 256, back.data(), 90, 70, 20);
  REQUIRE_CUDA(cuMemcpy2D(&copy));
  CHECK(differences(bytes, 256, back, 90, 70, 20, 0x33) == 0);
}

TEST_CASE_METHOD(Gpu, "a 2D copy starts at its offsets", "[contract][copy2d]") {
  DeviceBuffer memory(64 * 16);
  REQUIRE_CUDA(cuMemsetD8(memory, 0, 64 * 16));
  const auto bytes = pattern(32 * 10);
  auto copy = host_to_device(bytes.data(), 32, memory, 64, 12, 5);
  copy.srcXInBytes = 3;
  copy.srcY = 2;
  copy.dstXInBytes = 8;
  copy.dstY = 4;
  REQUIRE_CUDA(cuMemcpy2D(&copy));
  const auto result = read_bytes(memory, 64 * 16);
  size_t wrong = 0;
  for (size_t y = 0; y < 16; ++y)
    for (size_t x = 0; x < 64; ++x) {
      const bool inside = x >= 8 && x < 20 && y >= 4 && y < 9;
      wrong += result[y * 64 + x] != (inside ? bytes[(y - 4 + 2) * 32 + x - 8 + 3] : 0);
    }
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "a 2D copy between device buffers of different pitch", "[contract][copy2d]") {
  DeviceBuffer from(512 * 8), to(1024 * 8);
  const auto bytes = pattern(512 * 8);
  REQUIRE_CUDA(cuMemcpyHtoD(from, bytes.data(), bytes.size()));
  REQUIRE_CUDA(cuMemsetD8(to, 1, 1024 * 8));
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = from;
  copy.srcPitch = 512;
  copy.dstDevice = to;
  copy.dstPitch = 1024;
  copy.WidthInBytes = 300;
  copy.Height = 8;
  REQUIRE_CUDA(cuMemcpy2D(&copy));
  CHECK(differences(bytes, 512, read_bytes(to, 1024 * 8), 1024, 300, 8, 1) == 0);
}

TEST_CASE_METHOD(Gpu, "cuMemcpy2DUnaligned takes any pitch", "[contract][copy2d]") {
  DeviceBuffer memory(101 * 30);
  const auto bytes = pattern(77 * 30);
  const auto copy = host_to_device(bytes.data(), 77, memory, 101, 77, 30);
  REQUIRE_CUDA(cuMemcpy2DUnaligned(&copy));
  std::vector<unsigned char> back(77 * 30);
  const auto reverse = device_to_host(memory, 101, back.data(), 77, 77, 30);
  REQUIRE_CUDA(cuMemcpy2DUnaligned(&reverse));
  CHECK(back == bytes);
}

TEST_CASE_METHOD(Gpu, "an asynchronous 2D copy keeps stream order", "[contract][copy2d]") {
  Stream stream;
  HostBuffer from(64 * 50), to(64 * 50);
  const auto bytes = pattern(64 * 50);
  std::memcpy(from.data, bytes.data(), bytes.size());
  DeviceBuffer memory(128 * 50);
  const auto there = host_to_device(from.data, 64, memory, 128, 64, 50);
  const auto back = device_to_host(memory, 128, to.data, 64, 64, 50);
  REQUIRE_CUDA(cuMemcpy2DAsync(&there, stream));
  REQUIRE_CUDA(cuMemcpy2DAsync(&back, stream));
  stream.synchronize();
  CHECK(std::memcmp(to.data, bytes.data(), bytes.size()) == 0);
}

TEST_CASE_METHOD(Gpu, "a unified 2D copy finds the direction from the addresses", "[contract][copy2d]") {
  DeviceBuffer memory(256 * 4);
  HostBuffer host(256 * 4);
  const auto bytes = pattern(256 * 4);
  std::memcpy(host.data, bytes.data(), bytes.size());
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  copy.srcDevice = reinterpret_cast<CUdeviceptr>(host.data);
  copy.dstDevice = memory;
  copy.srcPitch = copy.dstPitch = 256;
  copy.WidthInBytes = 256;
  copy.Height = 4;
  REQUIRE_CUDA(cuMemcpy2D(&copy));
  CHECK(read_bytes(memory, bytes.size()) == bytes);
}

TEST_CASE_METHOD(Gpu, "an empty 2D copy succeeds", "[contract][copy2d]") {
  DeviceBuffer memory(64);
  unsigned char bytes[64] = {};
  auto copy = host_to_device(bytes, 64, memory, 64, 0, 1);
  CHECK_CUDA(cuMemcpy2D(&copy));
  copy = host_to_device(bytes, 64, memory, 64, 64, 0);
  CHECK_CUDA(cuMemcpy2D(&copy));
}

TEST_CASE_METHOD(Gpu, "a 2D copy wider than its pitch is refused", "[contract][copy2d]") {
  DeviceBuffer memory(64 * 4);
  std::vector<unsigned char> bytes(128 * 4);
  const auto copy = host_to_device(bytes.data(), 128, memory, 64, 100, 2);
  CHECK(cuMemcpy2D(&copy) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpy2D(nullptr) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "a 2D copy of an unknown memory type is refused", "[contract][copy2d]") {
  DeviceBuffer memory(64);
  unsigned char bytes[64] = {};
  auto copy = host_to_device(bytes, 64, memory, 64, 64, 1);
  copy.srcMemoryType = static_cast<CUmemorytype>(99);
  CHECK(cuMemcpy2D(&copy) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "a 3D copy moves a box", "[contract][copy3d]") {
  constexpr size_t kWidth = 40, kHeight = 10, kDepth = 6, kPitch = 64, kRows = 16;
  const auto bytes = pattern(kWidth * kHeight * kDepth);
  DeviceBuffer memory(kPitch * kRows * kDepth);
  REQUIRE_CUDA(cuMemsetD8(memory, 0x99, memory.size));
  CUDA_MEMCPY3D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = bytes.data();
  copy.srcPitch = kWidth;
  copy.srcHeight = kHeight;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = memory;
  copy.dstPitch = kPitch;
  copy.dstHeight = kRows;
  copy.WidthInBytes = kWidth;
  copy.Height = kHeight;
  copy.Depth = kDepth;
  REQUIRE_CUDA(cuMemcpy3D(&copy));
  const auto result = read_bytes(memory, memory.size);
  size_t wrong = 0;
  for (size_t z = 0; z < kDepth; ++z)
    for (size_t y = 0; y < kRows; ++y)
      for (size_t x = 0; x < kPitch; ++x) {
        const bool inside = x < kWidth && y < kHeight;
        const unsigned char expected = inside ? bytes[(z * kHeight + y) * kWidth + x] : 0x99;
        wrong += result[(z * kRows + y) * kPitch + x] != expected;
      }
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "an asynchronous 3D copy starts at its offsets", "[contract][copy3d]") {
  constexpr size_t kSide = 16, kBox = 5;
  const auto bytes = pattern(kSide * kSide * kSide);
  DeviceBuffer memory(bytes.size());
  HostBuffer host(kBox * kBox * kBox);
  Stream stream;
  REQUIRE_CUDA(cuMemcpyHtoD(memory, bytes.data(), bytes.size()));
  // The stream does not wait for the default one, and a copy from ordinary memory may return before it has landed.
  REQUIRE_CUDA(cuCtxSynchronize());
  CUDA_MEMCPY3D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = memory;
  copy.srcPitch = copy.srcHeight = kSide;
  copy.srcXInBytes = 3;
  copy.srcY = 4;
  copy.srcZ = 6;
  copy.dstMemoryType = CU_MEMORYTYPE_HOST;
  copy.dstHost = host.data;
  copy.dstPitch = copy.dstHeight = kBox;
  copy.WidthInBytes = copy.Height = copy.Depth = kBox;
  REQUIRE_CUDA(cuMemcpy3DAsync(&copy, stream));
  stream.synchronize();
  size_t wrong = 0;
  for (size_t z = 0; z < kBox; ++z)
    for (size_t y = 0; y < kBox; ++y)
      for (size_t x = 0; x < kBox; ++x)
        wrong += host.data[(z * kBox + y) * kBox + x] != bytes[((z + 6) * kSide + y + 4) * kSide + x + 3];
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "cuMemcpy3D refuses NULL", "[contract][copy3d]") {
  CHECK(cuMemcpy3D(nullptr) == CUDA_ERROR_INVALID_VALUE);
}
