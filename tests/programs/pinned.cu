// SPDX-License-Identifier: Apache-2.0
// Host memory that the GPU sees: mapped allocations that a kernel writes, registered memory, write-combined memory.
#include "check.h"

#include <cstdlib>
#include <vector>

constexpr int kValues = 5000;

__global__ void fill(int* values, int first) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < kValues) values[i] = first + i;
}

__global__ void sum(const int* values, int* result) {
  int total = 0;
  for (int i = threadIdx.x; i < kValues; i += blockDim.x) total += values[i];
  atomicAdd(result, total);
}

static void kernel_writes_mapped() {
  int *host = nullptr, *device = nullptr;
  CHECK(cudaHostAlloc(&host, kValues * sizeof(int), cudaHostAllocMapped));
  CHECK(cudaHostGetDevicePointer(&device, host, 0));
  unsigned flags = 0;
  CHECK(cudaHostGetFlags(&flags, host));
  EXPECT(flags & cudaHostAllocMapped, "flags %#x lack mapped", flags);
  cudaPointerAttributes attributes;
  CHECK(cudaPointerGetAttributes(&attributes, host));
  EXPECT(attributes.type == cudaMemoryTypeHost, "memory type %d", attributes.type);
  fill<<<(kValues + 127) / 128, 128>>>(device, 7);
  CHECK_LAUNCH();
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < kValues; ++i) EXPECT(host[i] == 7 + i, "mapped value %d is %d", i, host[i]);
  CHECK(cudaFreeHost(host));
  std::printf("a kernel wrote %d values to mapped memory\n", kValues);
}

static void kernel_reads_registered() {
  // Neither the address nor the length is a multiple of a page.
  std::vector<int> storage(kValues + 3);
  int* host = storage.data() + 3;
  long expected = 0;
  for (int i = 0; i < kValues; ++i) expected += host[i] = i % 11;
  CHECK(cudaHostRegister(host, kValues * sizeof(int), cudaHostRegisterMapped));
  int* device = nullptr;
  CHECK(cudaHostGetDevicePointer(&device, host, 0));
  DeviceArray<int> result(1);
  result.clear();
  sum<<<1, 128>>>(device, result.get());
  CHECK_LAUNCH();
  int got = 0;
  result.read(&got);
  EXPECT(got == expected, "sum of registered memory %d, expected %ld", got, expected);
  fill<<<(kValues + 127) / 128, 128>>>(device, -5);
  CHECK_LAUNCH();
  CHECK(cudaDeviceSynchronize());
  for (int i = 0; i < kValues; ++i) EXPECT(host[i] == i - 5, "registered value %d is %d", i, host[i]);
  CHECK_ERROR(cudaHostRegister(host, kValues * sizeof(int), cudaHostRegisterMapped),
              cudaErrorHostMemoryAlreadyRegistered);
  CHECK(cudaHostUnregister(host));
  CHECK_ERROR(cudaHostUnregister(host), cudaErrorHostMemoryNotRegistered);
  (void)cudaGetLastError();
  std::printf("a kernel read and wrote registered memory\n");
}

static void asynchronous_copies() {
  unsigned char *in = nullptr, *out = nullptr;
  constexpr size_t bytes = 3 << 20;
  CHECK(cudaHostAlloc(&in, bytes, cudaHostAllocWriteCombined));
  CHECK(cudaMallocHost(&out, bytes));
  for (size_t i = 0; i < bytes; ++i) in[i] = static_cast<unsigned char>(i * 31 >> 3);
  DeviceArray<unsigned char> device(bytes);
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMemcpyAsync(device.get(), in, bytes, cudaMemcpyHostToDevice, stream));
  CHECK(cudaMemcpyAsync(out, device.get(), bytes, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaStreamSynchronize(stream));
  for (size_t i = 0; i < bytes; ++i)
    EXPECT(out[i] == static_cast<unsigned char>(i * 31 >> 3), "byte %zu came back as %d", i, out[i]);
  CHECK(cudaStreamDestroy(stream));
  CHECK(cudaFreeHost(in));
  CHECK(cudaFreeHost(out));
  std::printf("%zu pinned bytes there and back\n", bytes);
}

int main() {
  kernel_writes_mapped();
  kernel_reads_registered();
  asynchronous_copies();
  return pass();
}
