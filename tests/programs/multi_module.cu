// SPDX-License-Identifier: Apache-2.0
// Three modules in one program: the program's own code and two PTX texts loaded as libraries at run time. All three
// have a kernel "step" and a variable "factor", and each kernel uses the variable beside it.
#include "check.h"

#include <string>
#include <vector>

__device__ unsigned factor = 2;

extern "C" __global__ void step(unsigned* values, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] *= factor;
}

// The same program with another initial value, written by hand.
static std::string text_with_factor(unsigned value) {
  return R"(
.version 6.4
.target sm_52
.address_size 64
.visible .global .align 4 .u32 factor = )" +
         std::to_string(value) + R"(;
.visible .entry step(.param .u64 values, .param .u32 count)
{
  .reg .pred %outside;
  .reg .b32 %r<8>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [values];
  ld.param.u32 %r1, [count];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.u32 %r5, %r2, %r3, %r4;
  setp.ge.u32 %outside, %r5, %r1;
  @%outside bra done;
  cvta.to.global.u64 %rd1, %rd1;
  mul.wide.u32 %rd2, %r5, 4;
  add.u64 %rd3, %rd1, %rd2;
  ld.global.u32 %r6, [%rd3];
  ld.global.u32 %r7, [factor];
  mul.lo.u32 %r6, %r6, %r7;
  st.global.u32 [%rd3], %r6;
done:
  ret;
}
)";
}

struct Library {
  cudaLibrary_t handle;
  cudaKernel_t step;

  explicit Library(unsigned value) {
    // The text may vanish after the load.
    const std::string text = text_with_factor(value);
    CHECK(cudaLibraryLoadData(&handle, text.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0));
    CHECK(cudaLibraryGetKernel(&step, handle, "step"));
  }
  ~Library() { CHECK(cudaLibraryUnload(handle)); }
};

static void launch(const void* kernel, unsigned* values, unsigned count) {
  void* arguments[] = {&values, &count};
  CHECK(cudaLaunchKernel(kernel, dim3((count + 127) / 128), dim3(128), arguments, 0, nullptr));
}

static void expect(const DeviceArray<unsigned>& device, unsigned count, unsigned product) {
  std::vector<unsigned> host(count);
  device.read(host.data());
  for (unsigned i = 0; i < count; ++i)
    EXPECT(host[i] == i * product, "value %u is %u, expected %u", i, host[i], i * product);
  std::printf("every value times %u\n", product);
}

int main() {
  constexpr unsigned count = 1000;
  std::vector<unsigned> host(count);
  for (unsigned i = 0; i < count; ++i) host[i] = i;
  DeviceArray<unsigned> device(count);
  device.set(host.data());
  Library three(3), five(5);
  launch(reinterpret_cast<const void*>(step), device.get(), count);
  expect(device, count, 2);
  launch(three.step, device.get(), count);
  expect(device, count, 6);
  launch(five.step, device.get(), count);
  expect(device, count, 30);

  // A new value in one module is no new value in the others.
  void* address = nullptr;
  size_t size = 0;
  CHECK(cudaLibraryGetGlobal(&address, &size, three.handle, "factor"));
  EXPECT(size == 4, "the variable has %zu bytes", size);
  const unsigned seven = 7;
  CHECK(cudaMemcpy(address, &seven, sizeof seven, cudaMemcpyHostToDevice));
  launch(three.step, device.get(), count);
  launch(five.step, device.get(), count);
  expect(device, count, 30 * 35);
  return pass();
}
