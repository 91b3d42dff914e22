// SPDX-License-Identifier: Apache-2.0
// What kernels see through texture and surface objects, shapes of arrays, and copies of parts of them. How texels are
// addressed and filtered is in tests/ptx/texture. CUDA driver API: Texture Object Management, Surface Object
// Management, Memory Management.
#include <array>

#include "tests/contract/fixture.h"

namespace {

// sample(out, texture)          out[i] = texel i of row 1
// paint(surface, value)         texel i of row 1 = value + i
constexpr char kPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.visible .entry sample(.param .u64 out, .param .u64 texture)
{
  .reg .b32 %r<6>;
  .reg .f32 %x, %y;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  ld.param.u64 %rd2, [texture];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r1, %tid.x;
  cvt.rn.f32.u32 %x, %r1;
  add.f32 %x, %x, 0f3F000000;
  mov.f32 %y, 0f3FC00000;
  tex.2d.v4.u32.f32 {%r2, %r3, %r4, %r5}, [%rd2, {%x, %y}];
  mul.wide.u32 %rd3, %r1, 4;
  add.u64 %rd1, %rd1, %rd3;
  st.global.u32 [%rd1], %r2;
  ret;
}

.visible .entry paint(.param .u64 surface, .param .u32 value)
{
  .reg .b32 %r<5>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [surface];
  ld.param.u32 %r1, [value];
  mov.u32 %r2, %tid.x;
  add.u32 %r1, %r1, %r2;
  shl.b32 %r2, %r2, 2;
  mov.u32 %r3, 1;
  sust.b.2d.b32.trap [%rd1, {%r2, %r3}], {%r1};
  ret;
}
)";

constexpr unsigned kWidth = 4, kHeight = 2;
using Texels = std::array<uint32_t, kWidth * kHeight>;
constexpr Texels kTexels = {1, 2, 3, 4, 5, 6, 7, 8};

CUDA_ARRAY3D_DESCRIPTOR shape(size_t width, size_t height, size_t depth, unsigned flags = 0) {
  return {width, height, depth, CU_AD_FORMAT_UNSIGNED_INT32, 1, flags};
}

// Between a whole array and host memory.
CUDA_MEMCPY3D whole(const CUDA_ARRAY3D_DESCRIPTOR& shape, CUarray array, void* host, bool to_array) {
  CUDA_MEMCPY3D copy = {};
  copy.srcMemoryType = to_array ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_ARRAY;
  copy.dstMemoryType = to_array ? CU_MEMORYTYPE_ARRAY : CU_MEMORYTYPE_HOST;
  copy.srcHost = copy.dstHost = host;
  copy.srcArray = copy.dstArray = array;
  copy.srcPitch = copy.dstPitch = copy.WidthInBytes = shape.Width * sizeof(uint32_t);
  copy.srcHeight = copy.dstHeight = copy.Height = shape.Height != 0 ? shape.Height : 1;
  copy.Depth = shape.Depth != 0 ? shape.Depth : 1;
  return copy;
}

// An array of 4 by 2 numbers that surfaces may write, and the kernels above.
class Textures : public Gpu {
 public:
  Textures() : module(kPtx) {
    const CUDA_ARRAY3D_DESCRIPTOR flat = shape(kWidth, kHeight, 0, CUDA_ARRAY3D_SURFACE_LDST);
    REQUIRE_CUDA(cuArray3DCreate(&array, &flat));
    Texels texels = kTexels;
    const CUDA_MEMCPY3D fill = whole(flat, array, texels.data(), true);
    REQUIRE_CUDA(cuMemcpy3D(&fill));
    resource.resType = CU_RESOURCE_TYPE_ARRAY;
    resource.res.array.hArray = array;
    point.flags = CU_TRSF_READ_AS_INTEGER;
  }
  ~Textures() { cuArrayDestroy(array); }
  Textures(const Textures&) = delete;
  Textures& operator=(const Textures&) = delete;

  // Row 1 as a kernel sees it through the texture.
  std::vector<uint32_t> row_through(CUtexObject texture) {
    DeviceBuffer out(kWidth * sizeof(uint32_t));
    CUdeviceptr pointer = out;
    void* parameters[] = {&pointer, &texture};
    REQUIRE_CUDA(cuLaunchKernel(module.function("sample"), 1, 1, 1, kWidth, 1, 1, 0, nullptr, parameters, nullptr));
    std::vector<uint32_t> row(kWidth);
    REQUIRE_CUDA(cuMemcpyDtoH(row.data(), out, kWidth * sizeof(uint32_t)));
    return row;
  }

  Module module;
  CUarray array = nullptr;
  CUDA_RESOURCE_DESC resource = {};
  CUDA_TEXTURE_DESC point = {};
};

}  // namespace

TEST_CASE_METHOD(Textures, "a kernel reads an array through a texture object", "[contract][texture]") {
  CUtexObject texture = 0;
  REQUIRE_CUDA(cuTexObjectCreate(&texture, &resource, &point, nullptr));
  CHECK(row_through(texture) == std::vector<uint32_t>{5, 6, 7, 8});
  CHECK_CUDA(cuTexObjectDestroy(texture));
}

// The bilinear scaler of FFmpeg asks for it.
TEST_CASE_METHOD(Textures, "integers in the middle of a texel are as they are, filtered or not",
                 "[contract][texture]") {
  CUDA_TEXTURE_DESC linear = point;
  linear.filterMode = CU_TR_FILTER_MODE_LINEAR;
  CUtexObject texture = 0;
  REQUIRE_CUDA(cuTexObjectCreate(&texture, &resource, &linear, nullptr));
  CHECK(row_through(texture) == std::vector<uint32_t>{5, 6, 7, 8});
  CHECK_CUDA(cuTexObjectDestroy(texture));
}

TEST_CASE_METHOD(Textures, "a texture sees what was copied to its array after it was made", "[contract][texture]") {
  CUtexObject texture = 0;
  REQUIRE_CUDA(cuTexObjectCreate(&texture, &resource, &point, nullptr));
  Texels texels = {9, 9, 9, 9, 40, 30, 20, 10};
  const CUDA_MEMCPY3D fill = whole(shape(kWidth, kHeight, 0), array, texels.data(), true);
  REQUIRE_CUDA(cuMemcpy3DAsync(&fill, nullptr));
  CHECK(row_through(texture) == std::vector<uint32_t>{40, 30, 20, 10});
  CHECK_CUDA(cuTexObjectDestroy(texture));
}

// Programs destroy a texture behind the launch that samples it (the CUDA filters of FFmpeg do).
TEST_CASE_METHOD(Textures, "a launch that has been made keeps the objects that it samples and paints",
                 "[contract][texture]") {
  constexpr size_t kMuch = 64 << 20;
  DeviceBuffer much(kMuch), out(kWidth * sizeof(uint32_t));
  Stream stream;
  CUtexObject texture = 0;
  CUsurfObject surface = 0;
  REQUIRE_CUDA(cuTexObjectCreate(&texture, &resource, &point, nullptr));
  REQUIRE_CUDA(cuSurfObjectCreate(&surface, &resource));
  for (int i = 0; i < 8; ++i) REQUIRE_CUDA(cuMemsetD32Async(much, 1, kMuch / 4, stream));
  REQUIRE_CUDA(launch(module.function("paint"), 1, kWidth, stream, surface, 70u));
  REQUIRE_CUDA(launch(module.function("sample"), 1, kWidth, stream, out.address, texture));
  CHECK_CUDA(cuTexObjectDestroy(texture));
  CHECK_CUDA(cuSurfObjectDestroy(surface));
  stream.synchronize();
  CHECK(read_words(out, kWidth) == std::vector<unsigned>{70, 71, 72, 73});
}

TEST_CASE_METHOD(Textures, "a kernel writes an array through a surface object", "[contract][texture]") {
  CUsurfObject surface = 0;
  REQUIRE_CUDA(cuSurfObjectCreate(&surface, &resource));
  unsigned value = 100;
  void* parameters[] = {&surface, &value};
  REQUIRE_CUDA(cuLaunchKernel(module.function("paint"), 1, 1, 1, kWidth, 1, 1, 0, nullptr, parameters, nullptr));
  Texels texels = {};
  const CUDA_MEMCPY3D back = whole(shape(kWidth, kHeight, 0), array, texels.data(), false);
  REQUIRE_CUDA(cuMemcpy3D(&back));
  CHECK(texels == Texels{1, 2, 3, 4, 100, 101, 102, 103});
  CHECK_CUDA(cuSurfObjectDestroy(surface));
}

TEST_CASE_METHOD(Textures, "a graph copies to an array and samples it", "[contract][texture][graph]") {
  CUtexObject texture = 0;
  REQUIRE_CUDA(cuTexObjectCreate(&texture, &resource, &point, nullptr));
  Texels texels = {0, 0, 0, 0, 11, 12, 13, 14};
  const CUDA_MEMCPY3D fill = whole(shape(kWidth, kHeight, 0), array, texels.data(), true);
  CUgraph graph = nullptr;
  CUgraphNode node = nullptr;
  CUgraphExec instance = nullptr;
  REQUIRE_CUDA(cuGraphCreate(&graph, 0));
  REQUIRE_CUDA(cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &fill, context));
  CUDA_MEMCPY3D answer = {};
  CHECK_CUDA(cuGraphMemcpyNodeGetParams(node, &answer));
  CHECK(answer.dstArray == array);
  REQUIRE_CUDA(cuGraphInstantiate(&instance, graph, 0));
  REQUIRE_CUDA(cuGraphLaunch(instance, nullptr));
  CHECK(row_through(texture) == std::vector<uint32_t>{11, 12, 13, 14});
  CHECK_CUDA(cuGraphExecDestroy(instance));
  CHECK_CUDA(cuGraphDestroy(graph));
  CHECK_CUDA(cuTexObjectDestroy(texture));
}

TEST_CASE_METHOD(Textures, "part of an array is copied to another array", "[contract][texture]") {
  const CUDA_ARRAY3D_DESCRIPTOR small = shape(2, 2, 0);
  CUarray other = nullptr;
  REQUIRE_CUDA(cuArray3DCreate(&other, &small));
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.srcArray = array;
  copy.dstArray = other;
  copy.srcXInBytes = 2 * sizeof(uint32_t);
  copy.WidthInBytes = 2 * sizeof(uint32_t);
  copy.Height = 2;
  REQUIRE_CUDA(cuMemcpy2D(&copy));
  std::array<uint32_t, 4> texels = {};
  const CUDA_MEMCPY3D back = whole(small, other, texels.data(), false);
  REQUIRE_CUDA(cuMemcpy3D(&back));
  CHECK(texels == std::array<uint32_t, 4>{3, 4, 7, 8});
  CHECK_CUDA(cuArrayDestroy(other));
}

TEST_CASE_METHOD(Textures, "layers are copied like slices", "[contract][texture]") {
  const CUDA_ARRAY3D_DESCRIPTOR layers = shape(2, 1, 3, CUDA_ARRAY3D_LAYERED);
  CUarray layered = nullptr;
  REQUIRE_CUDA(cuArray3DCreate(&layered, &layers));
  std::array<uint32_t, 6> texels = {1, 2, 3, 4, 5, 6};
  const CUDA_MEMCPY3D fill = whole(layers, layered, texels.data(), true);
  REQUIRE_CUDA(cuMemcpy3D(&fill));
  std::array<uint32_t, 2> last = {};
  CUDA_MEMCPY3D back = whole(layers, layered, last.data(), false);
  back.srcZ = 2;
  back.Depth = 1;
  REQUIRE_CUDA(cuMemcpy3D(&back));
  CHECK(last == std::array<uint32_t, 2>{5, 6});
  CHECK_CUDA(cuArrayDestroy(layered));
}

TEST_CASE_METHOD(Textures, "a copy beyond an array is refused and changes nothing", "[contract][texture]") {
  Texels texels = {};
  CUDA_MEMCPY3D fill = whole(shape(kWidth, kHeight, 0), array, texels.data(), true);
  fill.dstY = 1;
  CHECK(cuMemcpy3D(&fill) == CUDA_ERROR_INVALID_VALUE);
  fill.dstY = 0;
  fill.dstXInBytes = sizeof(uint32_t);
  CHECK(cuMemcpy3D(&fill) == CUDA_ERROR_INVALID_VALUE);
  const CUDA_MEMCPY3D back = whole(shape(kWidth, kHeight, 0), array, texels.data(), false);
  REQUIRE_CUDA(cuMemcpy3D(&back));
  CHECK(texels == kTexels);
}

TEST_CASE_METHOD(Textures, "shapes that no array can have are refused", "[contract][texture]") {
  const CUDA_ARRAY3D_DESCRIPTOR wrong[] = {
      shape(0, 4, 0),                                               // nothing
      shape(4, 4, 5, CUDA_ARRAY3D_CUBEMAP),                         // a cube of five faces
      shape(4, 2, 6, CUDA_ARRAY3D_CUBEMAP),                         // whose faces are no squares
      shape(4, 4, 7, CUDA_ARRAY3D_CUBEMAP | CUDA_ARRAY3D_LAYERED),  // no whole cubes
      shape(4, 4, 0, CUDA_ARRAY3D_LAYERED),                         // no layers
      shape(size_t{1} << 30, 1, 0),                                 // wider than any device's
  };
  for (const CUDA_ARRAY3D_DESCRIPTOR& descriptor : wrong) {
    CUarray made = nullptr;
    CHECK(cuArray3DCreate(&made, &descriptor) == CUDA_ERROR_INVALID_VALUE);
  }
}

TEST_CASE_METHOD(Textures, "elements of three channels are refused", "[contract][texture]") {
  CUDA_ARRAY3D_DESCRIPTOR descriptor = shape(4, 4, 0);
  descriptor.NumChannels = 3;
  CUarray made = nullptr;
  CHECK(cuArray3DCreate(&made, &descriptor) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Textures, "an array and its level keep their shape", "[contract][texture]") {
  const CUDA_ARRAY3D_DESCRIPTOR layers = shape(8, 4, 3, CUDA_ARRAY3D_LAYERED);
  CUmipmappedArray mipmap = nullptr;
  REQUIRE_CUDA(cuMipmappedArrayCreate(&mipmap, &layers, 100));  // as many as there can be
  CUarray level = nullptr;
  REQUIRE_CUDA(cuMipmappedArrayGetLevel(&level, mipmap, 3));
  CUDA_ARRAY3D_DESCRIPTOR answer = {};
  REQUIRE_CUDA(cuArray3DGetDescriptor(&answer, level));
  CHECK(answer.Width == 1);
  CHECK(answer.Height == 1);
  CHECK(answer.Depth == 3);
  CHECK(cuMipmappedArrayGetLevel(&level, mipmap, 4) == CUDA_ERROR_INVALID_VALUE);
  CHECK_CUDA(cuMipmappedArrayDestroy(mipmap));
}

// Other programs of the card take and give back memory meanwhile, half a gigabyte each. So the array is larger than
// that, and one attempt of several must show it.
TEST_CASE_METHOD(Textures, "arrays count as used memory until they are destroyed", "[contract][texture]") {
  constexpr size_t kLargest = size_t{1} << 30, kWide = 16384;
  bool shown = false;
  for (int attempt = 0; attempt < 32 && !shown; ++attempt) {
    size_t before = 0, during = 0, after = 0, total = 0;
    REQUIRE_CUDA(cuMemGetInfo(&before, &total));
    const CUDA_ARRAY3D_DESCRIPTOR large = shape(kWide, std::min(before / 4, kLargest) / (kWide * sizeof(uint32_t)), 0);
    CUarray made = nullptr;
    REQUIRE_CUDA(cuArray3DCreate(&made, &large));
    REQUIRE_CUDA(cuMemGetInfo(&during, &total));
    CHECK_CUDA(cuArrayDestroy(made));
    REQUIRE_CUDA(cuMemGetInfo(&after, &total));
    shown = before > during && after > during;
  }
  CHECK(shown);
}

TEST_CASE_METHOD(Textures, "a texture of linear memory is of that memory", "[contract][texture]") {
  DeviceBuffer memory(512);
  REQUIRE_CUDA(cuMemcpyHtoD(memory, kTexels.data(), sizeof kTexels));
  resource = {};
  resource.resType = CU_RESOURCE_TYPE_PITCH2D;
  resource.res.pitch2D = {memory, CU_AD_FORMAT_UNSIGNED_INT32, 1, kWidth, 1, 512};
  // There is no row 1, so that row 0 counts.
  point.addressMode[1] = CU_TR_ADDRESS_MODE_CLAMP;
  CUtexObject texture = 0;
  REQUIRE_CUDA(cuTexObjectCreate(&texture, &resource, &point, nullptr));
  CHECK(row_through(texture) == std::vector<uint32_t>{1, 2, 3, 4});
  CHECK_CUDA(cuTexObjectDestroy(texture));
}

TEST_CASE_METHOD(Textures, "a resource view names one layer of many", "[contract][texture]") {
  const CUDA_ARRAY3D_DESCRIPTOR layers = shape(kWidth, kHeight, 2, CUDA_ARRAY3D_LAYERED);
  CUarray layered = nullptr;
  REQUIRE_CUDA(cuArray3DCreate(&layered, &layers));
  std::array<uint32_t, 16> texels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  const CUDA_MEMCPY3D fill = whole(layers, layered, texels.data(), true);
  REQUIRE_CUDA(cuMemcpy3D(&fill));
  resource.res.array.hArray = layered;
  CUDA_RESOURCE_VIEW_DESC view = {};
  view.format = CU_RES_VIEW_FORMAT_UINT_1X32;
  view.width = kWidth;
  view.height = kHeight;
  view.depth = 2;  // of the array, whatever the view shows of it
  view.firstLayer = view.lastLayer = 1;
  CUtexObject texture = 0;
  REQUIRE_CUDA(cuTexObjectCreate(&texture, &resource, &point, &view));
  CUDA_RESOURCE_VIEW_DESC answer = {};
  REQUIRE_CUDA(cuTexObjectGetResourceViewDesc(&answer, texture));
  CHECK(answer.firstLayer == 1);
  CHECK_CUDA(cuTexObjectDestroy(texture));
  CHECK_CUDA(cuArrayDestroy(layered));
}
