// SPDX-License-Identifier: Apache-2.0
// What the NVML tests share. They run on whichever libnvidia-ml.so.1 the library path names: ours, through vgpu-run or
// in a guest, or NVIDIA's own. Cases that are only true of ours have the tag [ours].
#pragma once

#include <cuda.h>

#include <string>

#include "tests/support/test.h"
#include "vgpu/nvml/nvml.h"

namespace vgpu::nvml_test {

constexpr unsigned long long kXidEvent = 8;

// The library, initialised, and its first device.
struct Nvml {
  nvmlDevice_t device = nullptr;
  Nvml() {
    REQUIRE(nvmlInit_v2() == NVML_SUCCESS);
    REQUIRE(nvmlDeviceGetHandleByIndex_v2(0, &device) == NVML_SUCCESS);
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml() { nvmlShutdown(); }
};

inline std::string text_of(nvmlReturn_t (*call)(nvmlDevice_t, char*, unsigned), nvmlDevice_t device) {
  char text[96] = {};
  REQUIRE(call(device, text, sizeof text) == NVML_SUCCESS);
  return text;
}

inline std::string uuid_of(nvmlDevice_t device) { return text_of(&nvmlDeviceGetUUID, device); }

// A CUDA context on the device that NVML calls `device`.
struct Cuda {
  CUdevice device = 0;
  CUcontext context = nullptr;
  explicit Cuda(nvmlDevice_t of) {
    REQUIRE(cuInit(0) == CUDA_SUCCESS);
    nvmlPciInfo_t pci = {};
    REQUIRE(nvmlDeviceGetPciInfo_v3(of, &pci) == NVML_SUCCESS);
    REQUIRE(cuDeviceGetByPCIBusId(&device, pci.busId) == CUDA_SUCCESS);
    REQUIRE(cuDevicePrimaryCtxRetain(&context, device) == CUDA_SUCCESS);
    REQUIRE(cuCtxSetCurrent(context) == CUDA_SUCCESS);
  }
  Cuda(const Cuda&) = delete;
  Cuda& operator=(const Cuda&) = delete;
  ~Cuda() {
    cuCtxSetCurrent(nullptr);
    cuDevicePrimaryCtxRelease(device);
  }
};

}  // namespace vgpu::nvml_test
