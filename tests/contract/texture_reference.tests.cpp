// SPDX-License-Identifier: Apache-2.0
// Texture references, which CUDA calls deprecated and old modules still declare. CUDA driver API: Texture Reference
// Management.
#include <array>
#include <bit>

#include "tests/contract/fixture.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace {

// sample(out)                   out[i] = texel i of row 1 of the reference `image`
constexpr char kReferencePtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.visible .global .texref image;

.visible .entry sample(.param .u64 out)
{
  .reg .b32 %r<6>;
  .reg .f32 %x, %y;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r1, %tid.x;
  cvt.rn.f32.u32 %x, %r1;
  add.f32 %x, %x, 0f3F000000;
  mov.f32 %y, 0f3FC00000;
  tex.2d.v4.u32.f32 {%r2, %r3, %r4, %r5}, [image, {%x, %y}];
  mul.wide.u32 %rd3, %r1, 4;
  add.u64 %rd1, %rd1, %rd3;
  st.global.u32 [%rd1], %r2;
  ret;
}
)";

constexpr unsigned kWidth = 4, kHeight = 2;

// An array of 4 by 2 numbers, and a module with a reference.
class References : public Gpu {
 public:
  References() : module(kReferencePtx) {
    const CUDA_ARRAY_DESCRIPTOR shape = {kWidth, kHeight, CU_AD_FORMAT_UNSIGNED_INT32, 1};
    REQUIRE_CUDA(cuArrayCreate(&array, &shape));
    constexpr std::array<uint32_t, kWidth* kHeight> kTexels = {1, 2, 3, 4, 5, 6, 7, 8};
    CUDA_MEMCPY2D fill = {};
    fill.srcMemoryType = CU_MEMORYTYPE_HOST;
    fill.srcHost = kTexels.data();
    fill.dstMemoryType = CU_MEMORYTYPE_ARRAY;
    fill.dstArray = array;
    fill.srcPitch = fill.WidthInBytes = kWidth * sizeof(uint32_t);
    fill.Height = kHeight;
    REQUIRE_CUDA(cuMemcpy2D(&fill));
  }
  ~References() { cuArrayDestroy(array); }
  References(const References&) = delete;
  References& operator=(const References&) = delete;

  Module module;
  CUarray array = nullptr;
};

}  // namespace

TEST_CASE_METHOD(References, "a module's texture reference samples what it was set to", "[contract][texture]") {
  CUtexref reference = nullptr;
  REQUIRE_CUDA(cuModuleGetTexRef(&reference, module, "image"));
  REQUIRE_CUDA(cuTexRefSetArray(reference, array, CU_TRSA_OVERRIDE_FORMAT));
  REQUIRE_CUDA(cuTexRefSetFlags(reference, CU_TRSF_READ_AS_INTEGER));
  DeviceBuffer out(kWidth * sizeof(uint32_t));
  CUdeviceptr pointer = out;
  void* parameters[] = {&pointer};
  REQUIRE_CUDA(cuLaunchKernel(module.function("sample"), 1, 1, 1, kWidth, 1, 1, 0, nullptr, parameters, nullptr));
  std::vector<uint32_t> row(kWidth);
  REQUIRE_CUDA(cuMemcpyDtoH(row.data(), out, kWidth * sizeof(uint32_t)));
  CHECK(row == std::vector<uint32_t>{5, 6, 7, 8});
}

TEST_CASE_METHOD(References, "a texture reference knows what it was set to", "[contract][texture]") {
  CUtexref reference = nullptr;
  REQUIRE_CUDA(cuModuleGetTexRef(&reference, module, "image"));
  REQUIRE_CUDA(cuTexRefSetArray(reference, array, CU_TRSA_OVERRIDE_FORMAT));
  REQUIRE_CUDA(cuTexRefSetAddressMode(reference, 1, CU_TR_ADDRESS_MODE_MIRROR));
  REQUIRE_CUDA(cuTexRefSetFilterMode(reference, CU_TR_FILTER_MODE_LINEAR));
  CUarray of = nullptr;
  CUaddress_mode mode = CU_TR_ADDRESS_MODE_WRAP;
  CUfilter_mode filter = CU_TR_FILTER_MODE_POINT;
  REQUIRE_CUDA(cuTexRefGetArray(&of, reference));
  REQUIRE_CUDA(cuTexRefGetAddressMode(&mode, reference, 1));
  REQUIRE_CUDA(cuTexRefGetFilterMode(&filter, reference));
  CHECK(of == array);
  CHECK(mode == CU_TR_ADDRESS_MODE_MIRROR);
  CHECK(filter == CU_TR_FILTER_MODE_LINEAR);
}

TEST_CASE_METHOD(References, "a texture reference gives its border colour to what lies outside",
                 "[contract][texture]") {
  CUtexref reference = nullptr;
  REQUIRE_CUDA(cuModuleGetTexRef(&reference, module, "image"));
  REQUIRE_CUDA(cuTexRefSetArray(reference, array, CU_TRSA_OVERRIDE_FORMAT));
  REQUIRE_CUDA(cuTexRefSetFlags(reference, CU_TRSF_READ_AS_INTEGER));
  REQUIRE_CUDA(cuTexRefSetAddressMode(reference, 0, CU_TR_ADDRESS_MODE_BORDER));
  REQUIRE_CUDA(cuTexRefSetAddressMode(reference, 1, CU_TR_ADDRESS_MODE_BORDER));
  // Integers are read, so the colour's bits are what a kernel sees.
  const std::array<uint32_t, 4> bits = {77, 78, 79, 80};
  std::array<float, 4> colour;
  std::memcpy(colour.data(), bits.data(), sizeof bits);
  REQUIRE_CUDA(cuTexRefSetBorderColor(reference, colour.data()));
  std::array<float, 4> told = {};
  REQUIRE_CUDA(cuTexRefGetBorderColor(told.data(), reference));
  CHECK(std::bit_cast<std::array<uint32_t, 4>>(told) == bits);

  DeviceBuffer out((kWidth + 1) * sizeof(uint32_t));
  REQUIRE_CUDA(launch(module.function("sample"), 1, kWidth + 1, nullptr, static_cast<CUdeviceptr>(out)));
  CHECK(read_words(out, kWidth + 1) == std::vector<unsigned>{5, 6, 7, 8, 77});
}

TEST_CASE_METHOD(References, "a texture reference is not a parameter of a function", "[contract][texture]") {
  CUtexref reference = nullptr;
  REQUIRE_CUDA(cuModuleGetTexRef(&reference, module, "image"));
  const CUfunction sample = module.function("sample");
  // What the documentation allows, NVIDIA's driver (580) refuses like the rest.
  CHECK(cuParamSetTexRef(sample, CU_PARAM_TR_DEFAULT, reference) == CUDA_ERROR_INVALID_VALUE);
  CHECK_REFUSED(cuParamSetTexRef(sample, 0, reference));
  CHECK_REFUSED(cuParamSetTexRef(nullptr, CU_PARAM_TR_DEFAULT, reference));
  CHECK_REFUSED(cuParamSetTexRef(sample, CU_PARAM_TR_DEFAULT, nullptr));
}

TEST_CASE_METHOD(References, "a border colour needs a reference and a place", "[contract][texture]") {
  CUtexref reference = nullptr;
  REQUIRE_CUDA(cuModuleGetTexRef(&reference, module, "image"));
  std::array<float, 4> colour = {};
  CHECK(cuTexRefSetBorderColor(reference, nullptr) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuTexRefGetBorderColor(nullptr, reference) == CUDA_ERROR_INVALID_VALUE);
  CHECK_REFUSED(cuTexRefSetBorderColor(nullptr, colour.data()));
  CHECK_REFUSED(cuTexRefGetBorderColor(colour.data(), nullptr));
}

TEST_CASE_METHOD(References, "a module has no texture reference of another name", "[contract][texture]") {
  CUtexref reference = nullptr;
  CHECK(cuModuleGetTexRef(&reference, module, "picture") == CUDA_ERROR_NOT_FOUND);
}
