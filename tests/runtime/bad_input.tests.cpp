// SPDX-License-Identifier: Apache-2.0
// Code and symbols that are wrong, registered as the compiler's code does it: each is an error of the call that uses
// it, and of no other. Tagged [soft]: NVIDIA's driver 580 reads beyond binaries made like these and dies now and then.
#include "libcuda/cudart/hidden.h"

#include <cstdint>
#include <cstring>
#include <list>
#include <vector>

#include "tests/runtime/fixture.h"
#include "tests/runtime/release.h"

using namespace runtime_test;

namespace {

constexpr char kGood[] = R"(.version 7.0
.target sm_75
.address_size 64
.visible .global .align 4 .u32 number = 3;
.visible .entry work(.param .u64 out) {
  .reg .b64 %rd<3>;
  .reg .b32 %r<2>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd2, %rd1;
  mov.u32 %r1, 42;
  st.global.u32 [%rd2], %r1;
  ret;
}
)";
constexpr char kNonsense[] = ".version 7.0\n.target sm_75\nthis is nonsense\n";
constexpr char kOfTheFuture[] = ".version 99.0\n.target sm_75\n.address_size 64\n.visible .entry work() { ret; }\n";

// A fat binary with one entry of PTX text that is not compressed: docs/ptx.md has the format.
std::vector<char> fat_binary(const char* ptx) {
  const size_t bytes = std::strlen(ptx) + 1;
  const uint64_t padded = (bytes + 7) / 8 * 8;
  std::vector<char> binary(80 + padded);
  const auto put = [&](size_t at, auto value) { std::memcpy(binary.data() + at, &value, sizeof value); };
  put(0, uint32_t{0xBA55ED50});
  put(4, uint16_t{1});
  put(6, uint16_t{16});
  put(8, 64 + padded);
  put(16, uint16_t{1});  // PTX
  put(18, uint16_t{0x101});
  put(20, uint32_t{64});
  put(24, padded);
  put(42, uint16_t{7});     // ISA 7.0
  put(44, uint32_t{75});    // sm_75
  put(56, uint64_t{0x15});  // 64 bits, CUDA, Linux
  std::memcpy(binary.data() + 80, ptx, bytes);
  return binary;
}

// What an object of the program has for its code: no address is used twice, because NVIDIA's library now and then waits
// forever for a kernel at an address at which another was before.
struct Image {
  struct Wrapper {
    uint32_t magic, version;
    const void* data;
    void* more;
  };
  std::vector<char> binary;
  Wrapper wrapper;
  char kernel, variable;
};
Image& new_image(std::vector<char> binary) {
  static std::list<Image> all;
  Image& image = all.emplace_back(Image{std::move(binary), {0x466243B1, 1, nullptr, nullptr}, 0, 0});
  image.wrapper.data = image.binary.data();
  return image;
}

// An object of the program that registers a kernel and a variable.
class Object {
 public:
  explicit Object(std::vector<char> binary) : Object(new_image(std::move(binary))) {}
  explicit Object(const char* ptx) : Object(fat_binary(ptx)) {}
  ~Object() { unload(); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  void add_kernel(const char* host, const char* name) {
    __cudaRegisterFunction(handle_, host, const_cast<char*>(name), name, -1, nullptr, nullptr, nullptr, nullptr,
                           nullptr);
  }
  void add_variable(char* host, const char* name) {
    __cudaRegisterVar(handle_, host, const_cast<char*>(name), name, 0, sizeof(int), 0, 0);
  }
  void unload() {
    if (handle_ != nullptr) __cudaUnregisterFatBinary(handle_);
    handle_ = nullptr;
  }

  char& kernel;
  char& variable;

 private:
  explicit Object(Image& image)
      : kernel(image.kernel), variable(image.variable), handle_(__cudaRegisterFatBinary(&image.wrapper)) {
    add_kernel(&kernel, "work");
    add_variable(&variable, "number");
    __cudaRegisterFatBinaryEnd(handle_);
  }

  void** handle_;
};

cudaError_t launch(const void* kernel, int* out, dim3 grid = dim3(1), dim3 block = dim3(1)) {
  void* arguments[] = {&out};
  return cudaLaunchKernel(kernel, grid, block, arguments, 0, nullptr);
}

// What uses the object fails with this error; everything else works.
void check_broken(Object& object, cudaError_t error) {
  DeviceInts out(1);
  cudaFuncAttributes attributes;
  void* address = nullptr;
  size_t size = 0;
  CHECK_ERROR(launch(&object.kernel, out), error);
  CHECK_ERROR(cudaFuncGetAttributes(&attributes, &object.kernel), error);
  CHECK_ERROR(cudaGetSymbolAddress(&address, &object.variable), error);
  CHECK_ERROR(cudaGetSymbolSize(&size, &object.variable), error);
  launch_add(1, 1, nullptr, out, 20, 22);
  CHECK(out.first() == 42);
}

}  // namespace

TEST_CASE("an object is registered, used and unloaded", "[runtime][bad-input][soft]") {
  Object object(kGood);
  DeviceInts out(1);
  int value = 0;
  CHECK_OK(launch(&object.kernel, out));
  CHECK(out.first() == 42);
  CHECK_OK(cudaMemcpyFromSymbol(&value, &object.variable, sizeof value));
  CHECK(value == 3);
}

TEST_CASE("code that does not compile spoils nothing else", "[runtime][bad-input][soft]") {
  Object object(kNonsense);
  check_broken(object, cudaErrorInvalidPtx);
}

TEST_CASE("code for a later driver spoils nothing else", "[runtime][bad-input][soft]") {
  Object object(kOfTheFuture);
  check_broken(object, cudaErrorUnsupportedPtxVersion);
}

TEST_CASE("what is no fat binary spoils nothing else", "[runtime][bad-input][soft]") {
  std::vector<char> binary = fat_binary(kGood);
  std::memset(binary.data(), 0, 4);
  Object object(std::move(binary));
  DeviceInts out(1);
  CHECK_REFUSED(launch(&object.kernel, out));
  launch_add(1, 1, nullptr, out, 20, 22);
  CHECK(out.first() == 42);
}

TEST_CASE("a kernel that its code has not is an error of its launch", "[runtime][bad-input][soft]") {
  Object object(kGood);
  DeviceInts out(1);
  cudaFuncAttributes attributes;
  static char absent;
  object.add_kernel(&absent, "absent");
  // NVIDIA's 12.4 says "symbol not found" or "invalid device function", by how far the process has come.
  CHECK_REFUSED(launch(&absent, out));
  CHECK_REFUSED(cudaFuncGetAttributes(&attributes, &absent));
  CHECK_OK(launch(&object.kernel, out));
  CHECK(out.first() == 42);
}

TEST_CASE("a variable that its code has not is an error of its use", "[runtime][bad-input][soft]") {
  Object object(kGood);
  const cudaError_t error = runtime_release() < 13000 ? cudaErrorInvalidSymbol : cudaErrorSymbolNotFound;
  static char absent;
  object.add_variable(&absent, "absent");
  void* address = nullptr;
  int value = 1;
  CHECK_ERROR(cudaGetSymbolAddress(&address, &absent), error);
  CHECK_ERROR(cudaMemcpyToSymbol(&absent, &value, sizeof value), error);
  CHECK_OK(cudaMemcpyFromSymbol(&value, &object.variable, sizeof value));
  CHECK(value == 3);
}

TEST_CASE("what was unloaded is known no more", "[runtime][bad-input][soft]") {
  Object object(kGood);
  DeviceInts out(1);
  void* address = nullptr;
  cudaFuncAttributes attributes;
  CHECK_OK(launch(&object.kernel, out));
  CHECK_OK(cudaGetSymbolAddress(&address, &object.variable));
  object.unload();
  CHECK_REFUSED(launch(&object.kernel, out));
  CHECK_REFUSED(cudaFuncGetAttributes(&attributes, &object.kernel));
  CHECK_ERROR(cudaGetSymbolAddress(&address, &object.variable), cudaErrorInvalidSymbol);
  CHECK_OK(cudaDeviceSynchronize());
}

TEST_CASE("what was never used can be unloaded", "[runtime][bad-input][soft]") {
  Object object(kGood);
  DeviceInts out(1);
  object.unload();
  CHECK_REFUSED(launch(&object.kernel, out));
  Object broken(kNonsense);
  broken.unload();
  CHECK_OK(cudaDeviceSynchronize());
}

TEST_CASE("an object may come back", "[runtime][bad-input][soft]") {
  DeviceInts out(1);
  for (int i = 0; i < 3; ++i) {
    Object object(kGood);
    CHECK_OK(cudaMemset(out, 0, sizeof(int)));
    CHECK_OK(launch(&object.kernel, out));
    CHECK(out.first() == 42);
  }
}

TEST_CASE("shapes that no launch can have are refused", "[runtime][bad-input][soft]") {
  Object object(kGood);
  DeviceInts out(1);
  const cudaError_t error = runtime_release() < 13000 ? cudaErrorInvalidConfiguration : cudaErrorInvalidValue;
  CHECK_ERROR(launch(&object.kernel, out, dim3(0)), error);
  CHECK_ERROR(launch(&object.kernel, out, dim3(1), dim3(0)), error);
  CHECK_ERROR(launch(&object.kernel, out, dim3(1), dim3(2000)), error);
  CHECK_ERROR(launch(&object.kernel, out, dim3(1), dim3(1, 1, 65)), error);
  CHECK_ERROR(launch(&object.kernel, out, dim3(1, 70000)), error);
}
