// SPDX-License-Identifier: Apache-2.0
// Prints what the runtime says of each device, and checks that the answers agree with each other.
#include "check.h"

#include <cstring>

static int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  CHECK(cudaDeviceGetAttribute(&value, which, device));
  return value;
}

static void print_device(int device) {
  cudaDeviceProp p;
  CHECK(cudaGetDeviceProperties(&p, device));
  std::printf("Device %d: %s\n", device, p.name);
  std::printf("  compute capability       %d.%d\n", p.major, p.minor);
  std::printf("  memory                   %zu MiB\n", p.totalGlobalMem >> 20);
  std::printf("  multiprocessors          %d\n", p.multiProcessorCount);
  std::printf("  threads per block        %d (%d x %d x %d)\n", p.maxThreadsPerBlock, p.maxThreadsDim[0],
              p.maxThreadsDim[1], p.maxThreadsDim[2]);
  std::printf("  grid                     %d x %d x %d\n", p.maxGridSize[0], p.maxGridSize[1], p.maxGridSize[2]);
  std::printf("  shared memory per block  %zu bytes, with opt-in %zu\n", p.sharedMemPerBlock, p.sharedMemPerBlockOptin);
  std::printf("  registers per block      %d\n", p.regsPerBlock);
  std::printf("  clock                    %d kHz\n", attribute(cudaDevAttrClockRate, device));
  std::printf("  unified addressing       %s\n", p.unifiedAddressing ? "yes" : "no");
  std::printf("  PCI                      %04x:%02x:%02x\n", p.pciDomainID, p.pciBusID, p.pciDeviceID);
  std::printf("  UUID                     GPU-");
  for (int i = 0; i < 16; ++i)
    std::printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                static_cast<unsigned char>(p.uuid.bytes[i]));
  std::printf("\n");
}

static void check_device(int device) {
  cudaDeviceProp p;
  CHECK(cudaGetDeviceProperties(&p, device));
  EXPECT(p.name[0] != 0, "the device has no name");
  EXPECT(p.warpSize == 32, "warp size is %d", p.warpSize);
  EXPECT(p.major >= 5, "compute capability %d.%d", p.major, p.minor);
  EXPECT(p.major == attribute(cudaDevAttrComputeCapabilityMajor, device), "two answers for the major number");
  EXPECT(p.minor == attribute(cudaDevAttrComputeCapabilityMinor, device), "two answers for the minor number");
  EXPECT(p.multiProcessorCount == attribute(cudaDevAttrMultiProcessorCount, device), "two multiprocessor counts");
  EXPECT(p.maxThreadsPerBlock == attribute(cudaDevAttrMaxThreadsPerBlock, device), "two block sizes");
  EXPECT(p.maxThreadsPerMultiProcessor >= p.maxThreadsPerBlock, "a block does not fit a multiprocessor");
  EXPECT(p.sharedMemPerBlock >= 48 << 10, "shared memory per block is %zu", p.sharedMemPerBlock);
  EXPECT(p.unifiedAddressing == 1, "no unified addressing");
  size_t free_bytes = 0, total_bytes = 0;
  CHECK(cudaSetDevice(device));
  CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
  EXPECT(free_bytes <= total_bytes, "%zu bytes free of %zu", free_bytes, total_bytes);
  EXPECT(total_bytes <= p.totalGlobalMem, "total %zu, property %zu", total_bytes, p.totalGlobalMem);
  char bus_id[64];
  CHECK(cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, device));
  int same = -1;
  CHECK(cudaDeviceGetByPCIBusId(&same, bus_id));
  EXPECT(same == device, "%s is device %d, not %d", bus_id, same, device);
}

int main() {
  int driver = 0, runtime = 0, count = 0;
  CHECK(cudaDriverGetVersion(&driver));
  CHECK(cudaRuntimeGetVersion(&runtime));
  CHECK(cudaGetDeviceCount(&count));
  std::printf("driver %d.%d, runtime %d.%d, %d device%s\n", driver / 1000, driver % 1000 / 10, runtime / 1000,
              runtime % 1000 / 10, count, count == 1 ? "" : "s");
  EXPECT(count >= 1, "no device");
  for (int device = 0; device < count; ++device) {
    print_device(device);
    check_device(device);
  }
  CHECK_ERROR(cudaSetDevice(count), cudaErrorInvalidDevice);
  CHECK_ERROR(cudaGetLastError(), cudaErrorInvalidDevice);
  CHECK_ERROR(cudaGetLastError(), cudaSuccess);
  return pass();
}
